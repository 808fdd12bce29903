// SPDX-License-Identifier: GPL-2.0

//! Errors name the place in the text and the reason.

use super::{
    error,
    load,
    read, //
};

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
