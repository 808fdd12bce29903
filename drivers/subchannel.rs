// SPDX-License-Identifier: GPL-2.0

//! The data of a subchannel under the subchannel lock: its state, the eventfds of the user, the
//! interrupt hold-off, logs and counts; and what happens to it when status is presented.

use crate::{
    log::{
        Instruction,
        SubchannelLog, //
    },
    stats::Counts, //
};
use ccwchain::{
    condition_code::ConditionCode,
    irb::Irb,
    scsw::Scsw, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    time::Delta, //
};
use mdev::{
    clock::Tod,
    css::{
        Isc,
        Locked,
        Subchannel,
        IRB_LEN, //
    },
    eventfd::EventFd,
    timer::Timer,
    vfio::{
        Trigger,
        WorkRequester, //
    }, //
};
use state::{
    Event,
    Irq,
    Notify,
    Pushed,
    Refusal,
    State,
    SubchannelState, //
};

/// The data of a subchannel under the subchannel lock.
pub(crate) type SubchannelData = SubchannelState<Notifier>;

/// Returns the errno for the user of a request that the state does not allow.
pub(crate) fn refusal_errno(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Again => EAGAIN,
        Refusal::Busy => EBUSY,
        Refusal::Unusable => EIO,
    }
}

/// Returns whether another device has the place of the one for which the subchannel was bound, by
/// the SCHIB that was stored last.
pub(crate) fn is_replaced(sch: &Locked<'_, SubchannelData>) -> bool {
    let bound_for = sch.notifier.device_number;
    bound_for.is_some_and(|number| number != sch.device_number())
}

/// Enables the subchannel for the device for which it was bound.
///
/// Returns `ENODEV` if there is no device, or another one. One that gets the place of an enabled
/// device later has a subchannel that is not enabled.
pub(crate) fn enable(sch: &mut Locked<'_, SubchannelData>, isc: &Isc) -> Result {
    sch.enable(isc)?;
    if is_replaced(sch) {
        let _ = sch.disable();
        return Err(ENODEV);
    }
    Ok(())
}

/// Queues the IRB that the subchannel has presented, and signals the user.
pub(crate) fn present_irb(sch: &mut Locked<'_, SubchannelData>, irb: &[u8; IRB_LEN]) {
    let irb = Irb::from_bytes(irb);
    let scsw = irb.scsw();

    sch.notifier.log.interrupt();
    if sch.is_running() {
        let (waits, is_only_reason) = sch.reaches_wait_point(&scsw);
        if waits {
            sch.notifier.request_work();
        }
        // The user has not asked for this status.
        if is_only_reason {
            return;
        }
    }
    match sch.push_irb(irb) {
        Ok(pushed) => {
            let waiting = sch.irbs().len();
            sch.notifier.presented(&scsw, pushed, waiting);
        }
        Err(_) => {
            // The device is closed or given up, and its subchannel was left enabled.
            let _ = sch.disable();
            sch.notifier
                .log
                .msg(2, format_args!("unexpected interrupt, {scsw:?}"));
        }
    }
}

/// Signals the user, and logs and counts what happens at the subchannel.
pub(crate) struct Notifier {
    /// The eventfds of the user.
    pub(crate) triggers: Triggers,
    pub(crate) hold_off: HoldOff,
    pub(crate) log: SubchannelLog,
    /// The number of the device for which the subchannel was bound.
    pub(crate) device_number: Option<u16>,
    /// The counts since the mediated device was created.
    pub(crate) counts: Counts,
    /// Held by the thread that quiesces the subchannel. It is taken before the subchannel lock.
    pub(crate) quiescing: Arc<Mutex<()>>,
    /// Requests that the rest of a program is translated, while the device is open. Closing the
    /// device removes it.
    pub(crate) work: Option<WorkRequester>,
}

impl Notifier {
    /// Returns the notifier of a subchannel whose device is closed.
    pub(crate) fn new(log: SubchannelLog) -> Result<Self> {
        let quiescing = new_mutex!((), "vfio_ccw::quiescing");

        Ok(Self {
            triggers: Triggers::default(),
            hold_off: HoldOff::new(None),
            log,
            device_number: None,
            counts: Counts::default(),
            quiescing: Arc::pin_init(quiescing, GFP_KERNEL)?,
            work: None,
        })
    }

    /// Requests that the rest of the program is translated.
    fn request_work(&self) {
        if let Some(work) = &self.work {
            work.request();
        }
    }

    /// Counts the IRB that was held off until now, if there is one.
    #[inline]
    fn end_hold_off(&mut self) {
        if let Some(since) = self.hold_off.since.take() {
            self.counts.held_off(since.elapsed());
        }
    }

    /// Logs and counts an instruction that was issued, and its condition code.
    #[inline]
    pub(crate) fn issued(&mut self, instruction: Instruction, cc: ConditionCode) {
        self.log.instruction(instruction, cc);

        if cc == ConditionCode::Initiated {
            let count = match instruction {
                Instruction::Start => &mut self.counts.starts,
                Instruction::Halt => &mut self.counts.halts,
                Instruction::Clear => &mut self.counts.clears,
                Instruction::Resume => &mut self.counts.resumes,
            };
            *count += 1;
        }
    }

    /// Logs and counts an IRB that was pushed to the queue, in which `waiting` IRBs wait now.
    /// `pushed` is `None` if it was dropped.
    pub(crate) fn presented(&mut self, scsw: &Scsw, pushed: Option<Pushed>, waiting: usize) {
        self.counts.presented(scsw, waiting);
        match pushed {
            Some(Pushed::Accumulated) => self.counts.irbs_accumulated += 1,
            Some(Pushed::Lost) => self.log.msg(2, format_args!("status lost: {scsw:?}")),
            _ => {}
        }
    }
}

impl Notify for Notifier {
    fn event(&mut self, state: State, event: Event) {
        self.log.event(state, event);
        if event == Event::Ended && state == State::Running {
            self.counts.ended();
        }
    }

    fn signal(&mut self, irq: Irq) {
        if irq == Irq::Io {
            self.end_hold_off();
        }
        self.triggers.signal(irq);
    }

    fn irb_read(&mut self) {
        self.end_hold_off();
        self.hold_off.irb_read();
    }

    fn guest_responded(&mut self) {
        self.hold_off.guest_responded();
    }

    fn holds_off(&mut self) -> bool {
        self.hold_off.holds_off()
    }
}

/// The eventfds through which the user wants to be signalled.
#[derive(Default)]
pub(crate) struct Triggers {
    io: Option<EventFd>,
    crw: Option<EventFd>,
    request: Option<EventFd>,
}

impl Triggers {
    fn of(&mut self, irq: Irq) -> &mut Option<EventFd> {
        match irq {
            Irq::Io => &mut self.io,
            Irq::Crw => &mut self.crw,
            Irq::Request => &mut self.request,
        }
    }

    /// Returns whether the user has an eventfd for `irq`.
    pub(crate) fn has(&mut self, irq: Irq) -> bool {
        self.of(irq).is_some()
    }

    /// Signals the user, if there is an eventfd for `irq`.
    pub(crate) fn signal(&mut self, irq: Irq) {
        if let Some(eventfd) = self.of(irq) {
            eventfd.signal();
        }
    }
}

/// Does what `VFIO_DEVICE_SET_IRQS` requests for `irq`.
///
/// Returns the eventfd that was replaced, which must be dropped without the lock.
pub(crate) fn set_trigger(sch: &mut SubchannelData, irq: Irq, trigger: Trigger) -> Option<EventFd> {
    match trigger {
        Trigger::Nothing => None,
        Trigger::Signal => {
            sch.notifier.triggers.signal(irq);
            None
        }
        Trigger::Set(new) => {
            let old = core::mem::replace(sch.notifier.triggers.of(irq), new);
            // An IRB or report that came while there was no eventfd must not be missed.
            sch.announce(irq);
            old
        }
    }
}

/// Calls [`SubchannelData::hold_off_expired`].
pub(crate) type HoldOffTimer = Timer<Arc<Subchannel<SubchannelData>>>;

/// The interrupt hold-off: after the user has read an IRB, the next one is not signalled for some
/// time if reading it would overwrite one that the guest needs.
///
/// QEMU stores one IRB for its guest, and the driver cannot see when the guest tests it. The time
/// that the guest takes to respond to unsolicited status shows how fast the guest is. That follows
/// the load of the host, as no fixed time does.
pub(crate) struct HoldOff {
    /// The timer that ends the hold-off, while the device is open. The timer has a reference to the
    /// subchannel, which owns this: closing the device removes it.
    pub(crate) timer: Option<Arc<HoldOffTimer>>,
    responses: Responses,
    last_read: Tod,
    /// The time from which on an IRB is held off.
    since: Option<Tod>,
}

impl HoldOff {
    /// Returns the hold-off for a guest of which nothing is known.
    pub(crate) fn new(timer: Option<Arc<HoldOffTimer>>) -> Self {
        Self {
            timer,
            responses: Responses::default(),
            last_read: Tod::now(),
            since: None,
        }
    }

    fn irb_read(&mut self) {
        self.last_read = Tod::now();
    }

    fn guest_responded(&mut self) {
        self.responses.add(self.last_read.elapsed());
    }

    /// Returns whether the hold-off since the last read lasts; if so, starts the timer that ends
    /// it.
    fn holds_off(&mut self) -> bool {
        let now = Tod::now();
        let left = self.responses.hold_off() - now.since(self.last_read);

        match &self.timer {
            // No time can be derived from a clock that was set back.
            Some(timer) if left > Delta::ZERO && now >= self.last_read => {
                timer.start(left);
                self.since.get_or_insert(now);
                true
            }
            _ => false,
        }
    }
}

/// The shortest hold-off, in microseconds: a virtual CPU has to be scheduled. Nobody notices it at
/// a terminal.
const SHORTEST: i64 = 20_000;

/// The hold-off before the first response of the guest, in microseconds.
const FIRST: i64 = 100_000;

/// The longest hold-off, in microseconds.
const LONGEST: i64 = 5_000_000;

/// The hold-off as a multiple of the slowest response.
const FACTOR: i64 = 4;

/// The times that the guest takes to respond to unsolicited status, as far as they count.
struct Responses {
    /// The slowest response, in microseconds. Each faster response makes it an eighth shorter, but
    /// not shorter than itself.
    slowest: i64,
}

impl Default for Responses {
    fn default() -> Self {
        Self {
            slowest: FIRST / FACTOR,
        }
    }
}

impl Responses {
    /// Adds that the guest has begun a function, `time` after its user read unsolicited status.
    fn add(&mut self, time: Delta) {
        let time = time.as_micros_ceil();

        // A guest that takes longer does not respond: it begins a function of its own.
        if time <= LONGEST {
            self.slowest = time.max(self.slowest - self.slowest / 8);
        }
    }

    /// Returns the time from a read to the end of the hold-off.
    fn hold_off(&self) -> Delta {
        Delta::from_micros((FACTOR * self.slowest).clamp(SHORTEST, LONGEST))
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_hold_off)]
mod tests {
    use super::*;

    /// Returns the hold-off after these responses, all in milliseconds.
    fn after(responses: impl IntoIterator<Item = i64>) -> i64 {
        let mut all = Responses::default();
        for millis in responses {
            all.add(Delta::from_millis(millis));
        }
        all.hold_off().as_millis()
    }

    #[test]
    fn it_is_a_multiple_of_the_slowest_response() {
        assert!(after([]) == 100);
        assert!(after([200]) == 800);
        assert!(after([200, 200, 1]) == 700);
    }

    #[test]
    fn it_becomes_short_again_and_is_never_shorter_than_a_guest_needs_to_be_scheduled() {
        let responses = (0..41).map(|i| if i == 0 { 1000 } else { 1 });
        assert!(after(responses) == 20);
        assert!(after([0; 100]) == 20);
    }

    #[test]
    fn it_is_bounded() {
        assert!(after([4999]) == 5000);
        // That was no response.
        assert!(after([6000]) == 100);
    }
}
