// SPDX-License-Identifier: GPL-2.0

//! The data of a subchannel under the subchannel lock: its state, the eventfds of the user, the
//! interrupt hold-off, logs and counts; and what happens to it when status is presented.

mod hold_off;

pub(crate) use hold_off::HoldOff;

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
    }, //
};
use mdev::{
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

/// Calls [`SubchannelData::hold_off_expired`].
pub(crate) type HoldOffTimer = Timer<Arc<Subchannel<SubchannelData>>>;

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
    pub(crate) hold_off: HoldOff<Arc<Subchannel<SubchannelData>>>,
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
        if let Some(time) = self.hold_off.end() {
            self.counts.held_off(time);
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
