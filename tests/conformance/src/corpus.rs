// SPDX-License-Identifier: GPL-2.0

//! Hostile guests: the programs that fuzzing `ccwchain` has found, on devices.
//!
//! Each input of the corpora (`tests/fuzz/corpus`) is a guest with a program, which is started once
//! on each device. What it does there is not compared with anything: the start has an answer that
//! the interface allows, the program ends or can be ended, the device changes no memory that it must
//! not change, and runs a NO-OPERATION afterwards. Nothing stays pinned.
//!
//! These are guarantees of our driver, and not asked of the C driver.

use std::{
    fs,
    path::Path, //
};

use ccwchain::{
    ccw::{
        Ccw,
        Flags,
        Format, //
    },
    orb::{
        self,
        Orb, //
    },
    scsw::SubchannelStatus, //
};
use model::fuzz::{
    Decoder,
    GuestPage,
    HostileGuest,
    DECODERS, //
};

use crate::{
    case::*,
    fixtures::*,
    machine, //
};

mod replay;

use replay::{
    Outcome,
    Replay,
    MARK, //
};

/// The folder with the corpora, which the harness shares.
const FOLDER: &str = "inputs";

/// A short run replays one input in so many.
const SHORT: usize = 4;

/// The cases in QEMU.
pub(crate) fn cases() -> Vec<Case> {
    on(["rng", "terminal"])
}

/// The cases in Hercules.
pub(crate) fn hercules_cases() -> Vec<Case> {
    on(["disk", "tape"])
}

/// Returns the cases on two devices.
fn on(devices: [&'static str; 2]) -> Vec<Case> {
    let cases = devices.into_iter().flat_map(|device| {
        let replays = DECODERS.into_iter().map(move |(target, decode)| {
            Case::new(format!("{target} on the {device}"), move |devices| {
                replay(devices, device, target, decode)
            })
            .slow(180)
        });
        let name = format!("control: a store by the {device} is seen");
        let control = Case::new(name, move |devices| control(devices, device));
        replays.chain([control])
    });
    cases.collect()
}

/// Returns the inputs of a corpus, with the names of their files.
pub(crate) fn inputs(target: &str) -> TestResult<Vec<(String, Vec<u8>)>> {
    let folder = Path::new(FOLDER).join(target);
    let failed = |error| format!("{}: {error}", folder.display());
    let mut inputs = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        inputs.push((name, fs::read(entry.path()).map_err(failed)?));
    }
    inputs.sort();
    check(!inputs.is_empty(), format!("{} is empty", folder.display()))?;
    Ok(inputs)
}

/// Replays a corpus on a device.
fn replay(devices: &Devices, device: &str, target: &str, decode: Decoder) -> TestResult {
    only_ours()?;
    let mut replay = Replay::new(devices, device)?;
    let inputs = inputs(target)?.into_iter();
    let inputs: Vec<_> = match machine::is_in_a_hurry() {
        true => inputs.step_by(SHORT).collect(),
        false => inputs.collect(),
    };
    let (mut left_out, mut started) = (0, 0);
    for (name, bytes) in &inputs {
        let guest = decode(bytes);
        // QEMU executes a program within START SUBCHANNEL, and would never return from this one.
        if guest.may_loop() && !machine::is_hercules() {
            left_out += 1;
            continue;
        }
        let outcome = replay.run(&guest);
        let outcome = outcome.map_err(|failure| format!("{target}/{name}: {failure}"))?;
        started += usize::from(!matches!(outcome, Outcome::Refused));
    }
    // Else most of the corpus would show nothing.
    let all = inputs.len();
    check(
        left_out * 4 <= all && started * 2 > all,
        format!("of {all} inputs, {left_out} were left out and {started} were started"),
    )
}

/// Runs SENSE ID with data in a marked page, which is not mapped, and again when it is mapped without
/// the knowledge of who watches it.
fn control(devices: &Devices, device: &str) -> TestResult {
    const CPA: u32 = 0x1_0000;
    const DATA: u32 = 0x3_0000;

    only_ours()?;
    let sense_id = Ccw {
        command: 0xe4,
        flags: Flags::SLI,
        count: 7,
        address: DATA,
    };
    let mut page = GuestPage {
        address: CPA.into(),
        is_writable: true,
        bytes: vec![0; 4096],
    };
    page.bytes[..8].copy_from_slice(&sense_id.to_bytes(Format::One));
    let input = HostileGuest {
        orb: Orb::default()
            .with_flags(orb::Flags::FORMAT_1)
            .with_cpa(CPA),
        pages: vec![page],
        ..HostileGuest::default()
    };

    let mut replay = Replay::new(devices, device)?;
    let status = match replay.run(&input)? {
        Outcome::Ended(irb) => Some(irb.scsw().subchannel_status()),
        Outcome::Stopped | Outcome::Refused => None,
    };
    check_eq("status", status, Some(SubchannelStatus::PROGRAM_CHECK))?;
    let failure = replay.run_with_mark(&input, DATA.into()).err();
    let failure = failure.ok_or_else(|| "a store into a marked page is not seen".to_owned())?;
    let what = failure.to_string();
    let expected = format!("in place of {:#04x}", MARK[0]);
    check(what.contains(&expected), what)
}
