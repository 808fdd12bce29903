// SPDX-License-Identifier: GPL-2.0

mod errors;

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
