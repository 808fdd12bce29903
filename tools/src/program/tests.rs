// SPDX-License-Identifier: GPL-2.0

use ccwchain::{
    ccw::Flags,
    orb,
    scsw::{
        DeviceStatus,
        SubchannelStatus, //
    }, //
};

use super::*;
use crate::vfio::Access;

fn load(name: &str) -> io::Result<Vec<u8>> {
    match name {
        "two.bin" => Ok(vec![0xaa, 0xbb]),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn one(text: &str) -> Program {
    let text = format!("program test\n{text}");
    let mut programs = read("test", &text, &load).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(programs.len(), 1);
    programs.remove(0)
}

/// Returns the error that a text gives. Its first line is number 2.
fn error(text: &str) -> String {
    let text = format!("program test\n{text}");
    match read("t.ccw", &text, &load) {
        Ok(_) => panic!("no error: {text}"),
        Err(error) => error.to_string(),
    }
}

fn chunk<'a>(program: &'a Program, name: &str) -> &'a Chunk {
    let named = |chunk: &&Chunk| chunk.name == name;
    program.chunks.iter().find(named).expect("no such chunk")
}

#[test]
fn a_file_holds_several_programs() {
    let text = "# comment\n\nprogram one 'two\nccw nop\n  program three # four\nccw nop";
    let programs = read("test", text, &load).unwrap();
    let titles: Vec<_> = programs
        .iter()
        .map(|program| (program.title.as_str(), program.line))
        .collect();
    assert_eq!(titles, [("one 'two", 3), ("three # four", 5)]);
}

#[test]
fn the_orb_has_defaults_and_options() {
    let plain = one("ccw nop").orb;
    assert!(plain.format1() && plain.prefetch() && plain.idaw64() && !plain.idaw2k());
    assert_eq!((plain.lpm(), plain.key(), plain.cpa()), (0xff, 0, 0x1_0000));

    let orb = one(
        "orb format=0 PREFETCH=no suspend=yes idaw=2/2k\norb key=5 lpm=X'80' intparm=9\nccw nop",
    )
    .orb;
    let flags = orb::Flags::SUSPEND
        .union(orb::Flags::IDAW_64)
        .union(orb::Flags::IDAW_2K);
    assert_eq!(orb.flags(), flags);
    assert_eq!((orb.lpm(), orb.key(), orb.intparm()), (0x80, 5, 9));

    for (option, flag) in [
        ("modification", orb::Flags::MODIFICATION),
        ("streaming", orb::Flags::STREAMING),
    ] {
        let with = one(&format!("orb {option}=yes\nccw nop")).orb;
        assert_eq!(with.flags(), plain.flags().union(flag));
        let without = one(&format!("orb {option}=yes\norb {option}=no\nccw nop")).orb;
        assert_eq!(without.flags(), plain.flags());
    }

    assert!(!one("orb idaw=1\nccw nop").orb.idaw64());
    let raw = one("orb control=0x04c2ff00 cpa=last\nccw nop\nlast: ccw nop").orb;
    assert_eq!(raw.words(), [0, 0x04c2_ff00, 0x1_0008]);
}

#[test]
fn ccws_follow_each_other_and_org_moves_them() {
    let program = one("org 0x1ff8\nccw nop,,cc\nccw nop\norg 0x4000\nlast: ccw nop");
    let places: Vec<_> = program.ccws.iter().map(|ccw| ccw.address).collect();
    assert_eq!(places, [0x1ff8, 0x2000, 0x4000]);
    let ccws: Vec<_> = program
        .chunks
        .iter()
        .map(|chunk| (chunk.address, chunk.bytes.len()))
        .collect();
    assert_eq!(ccws, [(0x1ff8, 16), (0x4000, 8)]);
    assert_eq!(program.ccws[2].label.as_deref(), Some("last"));
}

#[test]
fn fields_of_a_ccw_can_be_left_out() {
    let program = one("area data at 0x20000 size 4K\n\
                       ccw write,data\nccw write,data+1\nccw X'E4',DATA,SLI|cc,7\nccw 0x03\n\
                       ccw nop,,,1\nccw 3,0x100,X'40'");
    let fields: Vec<_> = program
        .ccws
        .iter()
        .map(|placed| {
            let ccw = placed.ccw;
            (ccw.command, ccw.address, ccw.flags.bits(), ccw.count)
        })
        .collect();
    assert_eq!(
        fields,
        [
            (0x01, 0x2_0000, 0, 4096),
            (0x01, 0x2_0001, 0, 4095),
            (0xe4, 0x2_0000, 0x60, 7),
            (0x03, 0, 0, 0),
            (0x03, 0, 0, 1),
            (0x03, 0x100, 0x40, 0),
        ]
    );
}

#[test]
fn a_tic_finds_labels_and_the_place_of_its_own() {
    let program =
        one("first: ccw nop,,cc\nccw tic,*-8\nccw tic,later\nccw tic,first+8\nlater: ccw nop");
    let targets: Vec<_> = program.ccws.iter().map(|ccw| ccw.ccw.address).collect();
    assert_eq!(targets, [0, 0x1_0000, 0x1_0020, 0x1_0008, 0]);
}

#[test]
fn format_0_has_its_own_layout() {
    let program = one("orb format=0\narea data at 0x20000 size 8\nccw read,data,sli");
    assert_eq!(
        chunk(&program, "CCWs").bytes,
        [0x02, 2, 0, 0, 0x20, 0, 0, 8]
    );
}

#[test]
fn areas_hold_constants_files_and_fillings() {
    let program = one(
        "area a at 0x20000 X'0102 3' C'AB' CA'it''s' file 'two.bin'\n\
                       area b at 0x30000 size 8 X'01' fill X'EEFF'\n\
                       area c at 0x40000 size 4 readonly X'01'\n\
                       area d at 0x50000 size 4 unmapped\n\
                       ccw nop",
    );
    let a = [
        0x00, 0x10, 0x23, 0xc1, 0xc2, b'i', b't', b'\'', b's', 0xaa, 0xbb,
    ];
    assert_eq!(chunk(&program, "a").bytes, a);
    assert_eq!(
        chunk(&program, "b").bytes,
        [1, 0xee, 0xff, 0xee, 0xff, 0xee, 0xff, 0xee]
    );
    assert_eq!(chunk(&program, "c").bytes, [1, 0, 0, 0]);
    assert_eq!(chunk(&program, "c").access, Some(Access::Read));
    assert_eq!(chunk(&program, "d").access, None);
}

#[test]
fn an_idal_has_an_idaw_for_each_block() {
    let text = |orb: &str| {
        format!("orb {orb}\narea a at 0x20c00 size 5K\narea b at 0x40000 size 1K\nccw write,idal(a, b),sli")
    };
    let idaws = |orb| one(&text(orb)).ccws.remove(0).idaws;
    assert_eq!(idaws("idaw=2/4K"), [0x20c00, 0x21000, 0x40000]);
    assert_eq!(idaws("idaw=2/2K"), [0x20c00, 0x21000, 0x21800, 0x40000]);
    assert_eq!(idaws("idaw=1"), [0x20c00, 0x21000, 0x21800, 0x40000]);

    let program = one(&text("idaw=1"));
    let ccw = program.ccws[0].ccw;
    assert_eq!((ccw.address, ccw.count), (0x1_1000, 6144));
    assert_eq!(ccw.flags, Flags::SLI.union(Flags::IDA));
    let list = chunk(&program, "IDAL of line 5");
    assert_eq!(list.bytes[..8], [0, 2, 0x0c, 0, 0, 2, 0x10, 0]);
    assert_eq!(list.bytes.len(), 16);
}

#[test]
fn an_idal_covers_the_count_only() {
    let idaws = |count| {
        let text = format!("idals 0x7000\narea a at 0x20ff0 size 8K\nccw write,idal(a),,{count}");
        one(&text).ccws.remove(0).idaws.len()
    };
    assert_eq!(
        [0, 1, 16, 17, 16 + 4096, 17 + 4096].map(idaws),
        [1, 1, 1, 2, 2, 3]
    );
}

#[test]
fn the_start_comes_before_the_first_look_at_memory() {
    let names = |text: &str| -> Vec<&str> {
        let text = format!("area a at 0x20000 size 8\nccw nop\n{text}");
        one(&text)
            .steps
            .iter()
            .map(|step| match step {
                Step::Host(_) => "host",
                Step::Wait(_) => "wait",
                Step::Start => "start",
                Step::Show(_) => "show",
                Step::Decode(..) => "decode",
                Step::Save(..) => "save",
            })
            .collect()
    };
    assert_eq!(names(""), ["start"]);
    assert_eq!(
        names("host send x\nwait attention"),
        ["host", "wait", "start"]
    );
    assert_eq!(names("show a\nsave a 'x'"), ["start", "show", "save"]);
    assert_eq!(names("decode senseid a"), ["start", "decode"]);
    assert_eq!(names("show a\nstart\nhost x"), ["show", "start", "host"]);
}

#[test]
fn a_line_for_the_host_is_taken_as_it_is() {
    let program = one("ccw nop\n  HOST  expect 'a.bin # 05 ");
    assert!(matches!(&program.steps[0], Step::Host(text) if text == "expect 'a.bin # 05"));
}

#[test]
fn what_is_expected_has_defaults() {
    let Ending::Status {
        cc: 0,
        device,
        subchannel,
        residual: None,
        cpa: None,
        sense: None,
    } = one("ccw nop").expected.ending
    else {
        panic!("other defaults");
    };
    assert_eq!((device.bits(), subchannel.bits()), (0x0c, 0));
}

#[test]
fn what_is_expected_can_be_said() {
    let program = one("area a at 0x20000 size 8\nbad: ccw nop\n\
                       expect device=uc|X'01' subchannel=prog residual=7 cc=1\n\
                       expect at=bad sense=X'80'\nexpect data a+2 X'0102'");
    assert_eq!(
        program.expected.ending,
        Ending::Status {
            cc: 1,
            device: DeviceStatus::from_bits(0x03),
            subchannel: SubchannelStatus::PROGRAM_CHECK,
            residual: Some(7),
            cpa: Some(0x1_0008),
            sense: Some(vec![0x80]),
        }
    );
    let (part, bytes) = &program.expected.data[0];
    assert_eq!(
        (part.address, part.len, bytes.as_slice()),
        (0x2_0002, 2, &[1, 2][..])
    );
    assert_eq!(
        one("ccw nop\nexpect errno=ebusy").expected.ending,
        Ending::Refused(libc::EBUSY)
    );
}

#[test]
fn errors_of_the_text_name_line_and_column() {
    for (text, expected) in [
        (
            "frob 1",
            "t.ccw:2:1: unknown statement \"frob\"; expected program, orb, area",
        ),
        (
            "ccw nop\n  org",
            "t.ccw:3:6: expected an address, found the end of the line",
        ),
        (
            "ccw frob",
            "t.ccw:2:5: there is no command \"frob\"; there are write read nop",
        ),
        (
            "ccw nop,,slo",
            "t.ccw:2:10: there is no flag \"slo\"; there are cd cc sli skip",
        ),
        (
            "ccw nop,,cc|",
            "t.ccw:2:13: expected a flag, found the end of the line",
        ),
        (
            "ccw nop,,,65536",
            "t.ccw:2:11: a count can be at most 65535 (0xffff)",
        ),
        (
            "ccw nop,,,1 2",
            "t.ccw:2:13: expected the end of the line, found \"2\"",
        ),
        (
            "ccw write,'x'",
            "t.ccw:2:11: expected an address, found 'x'",
        ),
        (
            "ccw write,idal(1,2",
            "t.ccw:2:19: expected \")\", found the end of the line",
        ),
        (
            "orb formt=1",
            "t.ccw:2:5: the ORB has no option \"formt\"; it has format",
        ),
        ("orb format=2", "t.ccw:2:12: expected 0 or 1, found \"2\""),
        ("orb idaw=3", "t.ccw:2:10: expected 1 or 2/2K or 2/4K"),
        ("orb key=16", "t.ccw:2:9: a key can be at most 15 (0xf)"),
        ("orb format 1", "t.ccw:2:12: expected \"=\", found \"1\""),
        (
            "area 7x at 0",
            "t.ccw:2:6: expected a name for the area, found \"7x\"",
        ),
        (
            "area a 0x1000",
            "t.ccw:2:8: expected \"at\" and the address",
        ),
        ("area a at 0x1000", "t.ccw:2:17: area \"a\" has no bytes"),
        (
            "area a at 0x1000 size 1 X'0102'",
            "t.ccw:2:25: 2 bytes do not fit into an area of 1",
        ),
        (
            "area a at 0x1000 fill X'00'",
            "t.ccw:2:18: \"fill\" needs a size",
        ),
        (
            "area a at 0x1000 file 'no.bin'",
            "t.ccw:2:23: cannot read no.bin: ",
        ),
        (
            "area a at 0x1000 X'0G'",
            "t.ccw:2:18: X'0G' is not hexadecimal",
        ),
        ("area a at 0x1000 Q'00'", "t.ccw:2:18: constants are X'...'"),
        (
            "area a at 0x1000 C'\u{e4}'",
            "t.ccw:2:18: '\u{e4}' has no EBCDIC code here",
        ),
        (
            "area a at 0x1000 X'00",
            "t.ccw:2:19: this quote (') is not closed",
        ),
        (
            "x: org 5",
            "t.ccw:2:1: only \"ccw\" and \"dc\" can have a label",
        ),
        ("host", "t.ccw:2:1: the text for the host is missing"),
        ("wait", "t.ccw:2:5: expected a device status"),
        (
            "start\nstart",
            "t.ccw:3:1: a program can have only one \"start\"",
        ),
        ("expect frob=1", "t.ccw:2:8: \"frob\" cannot be expected"),
        (
            "expect errno=EFROB",
            "t.ccw:2:14: unknown error number \"EFROB\"; there are EPERM",
        ),
        (
            "expect device=on",
            "t.ccw:2:15: there is no device status \"on\"",
        ),
    ] {
        let error = error(text);
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn errors_of_the_program_name_line_and_column() {
    for (text, expected) in [
        ("", "t.ccw:1:1: the program has no CCW"),
        (
            "ccw tic,away",
            "t.ccw:2:9: there is no area or label \"away\"",
        ),
        (
            "a: ccw nop\na: ccw nop",
            "t.ccw:3:1: \"a\" is already defined in line 2",
        ),
        (
            "area a at 0x20000 size 8\nccw read,a+8",
            "t.ccw:3:10: a+0x8 is outside of its area of 8 bytes",
        ),
        (
            "area a at 0x80000000 size 8\nccw read,a",
            "t.ccw:3:10: a is 0x80000000; this CCW has 31 bits",
        ),
        (
            "orb format=0\narea a at 0x1000000 size 8\nccw read,a",
            "t.ccw:4:10: a is 0x1000000; this CCW has 24 bits",
        ),
        (
            "area a at 0x20000 size 64K\nccw read,a",
            "t.ccw:3:10: 65536 bytes are more than a CCW can count",
        ),
        (
            "area a at 0x20000 size 8\nccw read,idal(a),,9",
            "t.ccw:3:15: the areas have 8 bytes, less than the count of 9",
        ),
        (
            "ccw read,idal(0x5000)",
            "t.ccw:2:15: idal(...) takes names of areas",
        ),
        (
            "area a at 0x20000 size 9\narea b at 0x30000 size 9\nccw read,idal(a,b)",
            "t.ccw:4:15: an IDAW addresses a block of 4096 bytes, so a must end",
        ),
        (
            "area a at 0x20ff8 size 8\narea b at 0x30008 size 9\nccw read,idal(a,b)",
            "t.ccw:4:17: an IDAW addresses a block of 4096 bytes, so b must begin",
        ),
        (
            "orb idaw=1\narea a at 0x80000000 size 8\nccw read,idal(a)",
            "t.ccw:4:15: a is beyond the 31 bits",
        ),
        (
            "area a at 0x10000 size 8\nccw nop",
            "t.ccw:1:1: CCWs and a overlap at 0x10000",
        ),
        (
            "area a at 0x20000 size 8\narea b at 0x20008 size 8 readonly\nccw nop",
            "t.ccw:1:1: a and b share the page at 0x20000",
        ),
        (
            "ccw nop\nshow nothing",
            "t.ccw:3:6: there is no area or label \"nothing\"",
        ),
        (
            "a: ccw nop\nshow a",
            "t.ccw:3:6: expected the name of an area",
        ),
        (
            "area a at 0x20000 size 8 unmapped\nccw nop\nshow a",
            "t.ccw:4:6: a is unmapped",
        ),
        (
            "area a at 0x20000 size 8\nccw nop\nshow a 9",
            "t.ccw:4:6: a has 8 bytes, not 9",
        ),
        (
            "ccw nop\nexpect errno=EIO cc=3",
            "t.ccw:1:1: a program that is refused gives no status",
        ),
        (
            "orb cpa=*\nccw nop",
            "t.ccw:2:9: \"*\" is the address of a CCW",
        ),
        (
            "ccw tic,*-0x20000",
            "t.ccw:2:9: *-0x20000 lies outside of memory",
        ),
        (
            "org 0x7ffffff8\nccw nop\nccw nop",
            "t.ccw:4:1: this lies beyond 2 GiB",
        ),
    ] {
        let error = error(text);
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn a_text_without_a_program_is_an_error() {
    let error = |text| read("t.ccw", text, &load).unwrap_err().to_string();
    assert_eq!(
        error(""),
        "t.ccw:1:1: there is no program: begin with \"program TITLE\""
    );
    assert_eq!(
        error(" program"),
        "t.ccw:1:2: a program needs a title: program TITLE"
    );
    assert!(error("\n ccw nop").starts_with("t.ccw:2:2: a line \"program TITLE\" must come before"));
}
