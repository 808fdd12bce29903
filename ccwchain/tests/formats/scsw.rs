// SPDX-License-Identifier: GPL-2.0

//! Subchannel-status words.

use ccwchain::{
    ccw::Format,
    scsw::{
        ActivityControl,
        DeviceStatus,
        FunctionControl,
        Scsw,
        StatusControl,
        SubchannelStatus, //
    },
};

fn scsw(fctl: FunctionControl, actl: ActivityControl, stctl: StatusControl) -> Scsw {
    let control = u32::from(fctl.bits()) << 12;
    let control = control | u32::from(actl.bits()) << 5 | u32::from(stctl.bits());
    Scsw::from_words([control, 0, 0])
}

#[test]
fn an_scsw_is_read_and_written_as_it_stands_in_memory() {
    let bytes = [
        0x96, 0x82, 0x48, 0x5f, 0x00, 0x01, 0x20, 0x08, 0x0e, 0x60, 0x12, 0x34,
    ];
    let scsw = Scsw::from_bytes(&bytes);
    assert_eq!(scsw.key(), 9);
    assert_eq!(scsw.cc(), 2);
    assert!(scsw.logout() && scsw.extended_control());
    assert_eq!(scsw.format(), Format::One);
    assert_eq!(scsw.fctl(), FunctionControl::START);
    assert_eq!(
        scsw.actl(),
        ActivityControl::RESUME_PENDING.union(ActivityControl::DEVICE_ACTIVE)
    );
    assert_eq!(scsw.stctl().bits(), 0x1f);
    assert_eq!(scsw.cpa(), 0x0001_2008);
    assert_eq!(scsw.with_cpa(8).cpa(), 8);
    assert_eq!(scsw.with_format(Format::One), scsw);
    assert_eq!(scsw.with_format(Format::Zero).format(), Format::Zero);
    assert_eq!(
        scsw.with_format(Format::Zero).with_format(Format::One),
        scsw
    );
    let device = DeviceStatus::CHANNEL_END
        .union(DeviceStatus::DEVICE_END)
        .union(DeviceStatus::UNIT_CHECK);
    assert_eq!(scsw.device_status(), device);
    let subchannel = SubchannelStatus::INCORRECT_LENGTH.union(SubchannelStatus::PROGRAM_CHECK);
    assert_eq!(scsw.subchannel_status(), subchannel);
    assert_eq!(scsw.count(), 0x1234);
    assert_eq!(scsw.to_bytes(), bytes);
    assert!(scsw.to_string().ends_with(
        "device: channel end|device end|unit check, subchannel: incorrect length|program check"
    ));
}

#[test]
fn only_status_ends_a_start() {
    use ActivityControl as A;
    use StatusControl as S;

    let start = FunctionControl::START;
    let final_status = S::PRIMARY.union(S::SECONDARY).union(S::PENDING);
    let alert = S::ALERT.union(S::PENDING);
    for (ends, status, why) in [
        (true, scsw(start, A::empty(), final_status), "the end"),
        (
            true,
            scsw(start, A::empty(), final_status.union(S::ALERT)),
            "a check",
        ),
        (
            true,
            scsw(start, A::empty(), S::SECONDARY.union(S::PENDING)),
            "device end after channel end",
        ),
        (
            false,
            scsw(start, A::DEVICE_ACTIVE, S::PRIMARY.union(S::PENDING)),
            "channel end before device end",
        ),
        (
            false,
            scsw(start, A::SUSPENDED, S::INTERMEDIATE.union(S::PENDING)),
            "a program that suspends itself",
        ),
        (
            false,
            scsw(start, A::SUSPENDED, alert),
            "attention while suspended",
        ),
        (
            false,
            scsw(start, A::RESUME_PENDING, alert),
            "attention while resuming",
        ),
        (
            false,
            scsw(
                start,
                A::SUBCHANNEL_ACTIVE.union(A::DEVICE_ACTIVE),
                S::INTERMEDIATE.union(S::PENDING),
            ),
            "a program-controlled interruption",
        ),
        (
            false,
            scsw(start, A::DEVICE_ACTIVE, alert.union(S::PRIMARY)),
            "a check, with device end to come",
        ),
        (
            true,
            scsw(start, A::empty(), alert.union(S::PRIMARY)),
            "a check that ends all",
        ),
        (
            false,
            scsw(FunctionControl::empty(), A::empty(), alert),
            "attention without a start",
        ),
        (
            true,
            scsw(FunctionControl::CLEAR, A::empty(), S::PENDING),
            "the end of a clear",
        ),
        (
            true,
            scsw(FunctionControl::HALT, A::empty(), S::PENDING),
            "the end of a halt",
        ),
        (
            true,
            scsw(FunctionControl::HALT, A::empty(), alert),
            "the end of a halt that found an error",
        ),
        (
            false,
            scsw(
                start.union(FunctionControl::HALT),
                A::HALT_PENDING.union(A::DEVICE_ACTIVE),
                S::INTERMEDIATE.union(S::PENDING),
            ),
            "a halt to come",
        ),
        (
            false,
            scsw(
                start.union(FunctionControl::HALT),
                A::DEVICE_ACTIVE,
                S::PRIMARY.union(S::PENDING),
            ),
            "a halt, with device end to come",
        ),
        (
            true,
            scsw(
                start.union(FunctionControl::HALT),
                A::empty(),
                S::PRIMARY.union(S::PENDING),
            ),
            "the end of a halt, with channel end",
        ),
        (
            true,
            scsw(
                start.union(FunctionControl::CLEAR),
                A::DEVICE_ACTIVE,
                S::PRIMARY.union(S::PENDING),
            ),
            "the end of a clear, with channel end",
        ),
        (
            true,
            scsw(
                start.union(FunctionControl::HALT),
                A::HALT_PENDING.union(A::SUSPENDED),
                S::INTERMEDIATE.union(S::PENDING),
            ),
            "a halt that met the status of a suspension",
        ),
        (
            true,
            scsw(
                FunctionControl::empty(),
                A::empty(),
                S::SECONDARY.union(S::PENDING),
            ),
            "device end after channel end was taken",
        ),
        (
            false,
            scsw(FunctionControl::CLEAR, A::empty(), S::empty()),
            "a clear whose status was taken",
        ),
        (false, scsw(start, A::empty(), S::empty()), "no status"),
    ] {
        assert_eq!(status.ends_start(), ends, "{why}: {status}");
    }
    let [control, _, _] = scsw(start, A::START_PENDING, alert).words();
    let deferred = Scsw::from_words([control | 3 << 24, 0, 0]);
    assert!(deferred.ends_start(), "a deferred condition code");
}

#[test]
fn the_end_of_a_halt_or_clear_ends_the_start_too() {
    use StatusControl as S;

    let (start, none) = (FunctionControl::START, ActivityControl::empty());
    for function in [FunctionControl::HALT, FunctionControl::CLEAR] {
        for functions in [function, function.union(start)] {
            assert!(scsw(functions, none, S::PENDING).ends_halt_or_clear());
            assert!(!scsw(functions, none, S::empty()).ends_halt_or_clear());
        }
    }
    let pending = ActivityControl::HALT_PENDING.union(ActivityControl::DEVICE_ACTIVE);
    let halt = start.union(FunctionControl::HALT);
    let intermediate = S::INTERMEDIATE.union(S::PENDING);
    assert!(!scsw(halt, pending, intermediate).ends_halt_or_clear());
    let end = S::PRIMARY.union(S::SECONDARY).union(S::PENDING);
    assert!(!scsw(start, none, end).ends_halt_or_clear());
}

#[test]
fn a_program_is_suspended_until_it_is_resumed_halted_or_cleared() {
    use ActivityControl as A;
    let (start, none) = (FunctionControl::START, StatusControl::empty());
    let at = |fctl, actl, cpa| scsw(fctl, actl, none).with_cpa(cpa).suspended_at();
    assert_eq!(at(start, A::SUSPENDED, 0x10010), Some(0x10008));
    assert_eq!(at(start, A::SUSPENDED, 0), None);
    assert_eq!(at(start, A::empty(), 0x10010), None);
    assert_eq!(
        at(start, A::SUSPENDED.union(A::RESUME_PENDING), 0x10010),
        None
    );
    for other in [FunctionControl::HALT, FunctionControl::CLEAR] {
        assert_eq!(at(start.union(other), A::SUSPENDED, 0x10010), None);
    }
}

#[test]
fn attention_alone_is_unsolicited() {
    let alert = StatusControl::ALERT.union(StatusControl::PENDING);
    let none = (FunctionControl::empty(), ActivityControl::empty());
    assert!(!scsw(none.0, none.1, alert).is_solicited());
    assert!(scsw(none.0, none.1, alert.union(StatusControl::SECONDARY)).is_solicited());
    assert!(scsw(none.0, none.1, StatusControl::PENDING).is_solicited());
}

#[test]
fn the_end_of_a_halt_with_an_alert_is_solicited() {
    let alert = StatusControl::ALERT.union(StatusControl::PENDING);
    let (none, pending) = (ActivityControl::empty(), ActivityControl::HALT_PENDING);
    assert!(scsw(FunctionControl::HALT, none, alert).is_solicited());
    assert!(!scsw(FunctionControl::HALT, pending, alert).is_solicited());
}
