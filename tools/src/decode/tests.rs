// SPDX-License-Identifier: GPL-2.0

use super::*;

#[test]
fn an_orb_is_shown_with_its_options() {
    let bytes = [0, 0, 0, 7, 0x30, 0xc2, 0x80, 0, 0, 1, 0, 0];
    assert_eq!(
        orb(Orb::from_bytes(&bytes)),
        "intparm 00000007  control 30c28000  cpa 00010000  key 3  lpm 80  \
         format-1|prefetch|64-bit-idaw"
    );
}

#[test]
fn a_ccw_is_shown_in_both_formats() {
    let sense_id = Ccw {
        command: 0xe4,
        flags: ccwchain::ccw::Flags::SLI,
        count: 256,
        address: 0x2_0000,
    };
    assert_eq!(
        ccw(&sense_id, Format::One, None),
        "e4200100 00020000  sense ID               SLI         count 256"
    );
    assert_eq!(
        ccw(&sense_id, Format::Zero, None),
        "e4020000 20000100  sense ID               SLI         count 256"
    );
    let tic = Ccw {
        command: 0x08,
        address: 0x1_0000,
        ..Ccw::default()
    };
    assert_eq!(
        ccw(&tic, Format::One, None),
        "08000000 00010000  transfer in channel    -"
    );
}

fn program_of(text: &str) -> Program {
    let no_files = |_: &str| Err(std::io::ErrorKind::NotFound.into());
    crate::program::read("test", text, &no_files)
        .unwrap()
        .remove(0)
}

#[test]
fn a_program_is_shown_with_labels_operands_and_idaws() {
    let text = "program test\n\
                area data at 0x200c00 size 16K\n\
                first: ccw nop,,cc\n\
                ccw write,idal(data)\n";
    assert_eq!(
        super::program(&program_of(text)),
        "  ORB   intparm 00000000  control 00c2ff00  cpa 00010000  key 0  lpm ff  \
         format-1|prefetch|64-bit-idaw
  CCW   00010000  first  03400000 00000000  no-operation           CC          count 0
  CCW   00010008         01044000 00011000  write 01               IDA         count 16384  idal(data)
  IDAL  00011000  00200c00 00201000 00202000 and 2 more
"
    );
}

#[test]
fn commands_are_named_for_the_device_that_the_program_is_for() {
    let text = "program test\narea where at 0x20000 size 6\nccw 7,where,cc\nccw readdata\n";
    let shown = super::program(&program_of(text));
    assert!(shown.contains("  seek  "), "{shown}");
    let text = "program test\nccw 7,,cc\nccw tapemark\n";
    let shown = super::program(&program_of(text));
    assert!(shown.contains("  rewind  "), "{shown}");
}

#[test]
fn status_is_shown_with_the_place_where_it_ended() {
    let program = program_of("program test\nccw nop,,cc\nlast: ccw nop\n");
    let mut irb = Irb::default();
    irb.set_scsw(Scsw::from_words([0x0080_4007, 0x1_0010, 0x0c00_0005]));
    assert_eq!(
        super::irb(&irb, &place(&program, irb.scsw().cpa())),
        "  SCSW  00804007 00010010 0c000005  fctl start  actl -  stctl \
         primary|secondary|pending  cc 0
        device: channel end|device end  subchannel: -  residual count 5  cpa 00010010, \
         behind last (line 3)
"
    );
    assert_eq!(place(&program, 0x1_0008), ", behind line 2");
    assert_eq!(
        place(&program, 0x1_0020),
        ", not behind a CCW of the program"
    );
    assert_eq!(summary(&irb), "channel end|device end");
}

#[test]
fn colour_is_an_option() {
    assert_eq!(Style { colour: false }.bad("x"), "x");
    assert_eq!(Style { colour: true }.bad("x"), "\x1b[31mx\x1b[0m");
}
