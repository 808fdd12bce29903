// SPDX-License-Identifier: GPL-2.0

//! A user who counts what a subchannel tells.

use crate::*;
use ccwchain::{
    irb::Irb,
    scsw::Scsw, //
};

pub(crate) const START: u32 = 0x4000;
pub(crate) const HALT: u32 = 0x2000;
pub(crate) const CLEAR: u32 = 0x1000;
pub(crate) const HALT_PENDING: u32 = 0x0200;
pub(crate) const CLEAR_PENDING: u32 = 0x0100;
pub(crate) const SUSPENDED: u32 = 0x0020;
pub(crate) const ACTIVE: u32 = 0x00c0;
pub(crate) const ALERT: u32 = 0x10;
pub(crate) const INTERMEDIATE: u32 = 0x08;
pub(crate) const PRIMARY: u32 = 0x04;
pub(crate) const SECONDARY: u32 = 0x02;
pub(crate) const PENDING: u32 = 0x01;

/// Counts the signals of [`Irq::Io`] and [`Irq::Crw`], and the responses of the guest. `holds_off`
/// is what it returns for the hold-off.
#[derive(Default)]
pub(crate) struct User {
    pub(crate) signals: u32,
    pub(crate) reports: u32,
    pub(crate) responses: u32,
    pub(crate) holds_off: bool,
}

impl Notify for User {
    fn event(&mut self, _: State, _: Event) {}

    fn signal(&mut self, irq: Irq) {
        match irq {
            Irq::Io => self.signals += 1,
            Irq::Crw => self.reports += 1,
            Irq::Request => {}
        }
    }

    fn irb_read(&mut self) {}

    fn guest_responded(&mut self) {
        self.responses += 1;
    }

    fn holds_off(&mut self) -> bool {
        self.holds_off
    }
}

pub(crate) type Subchannel = SubchannelState<User>;

/// Returns an IRB with these bits of word 0 of the SCSW, and status pending.
pub(crate) fn irb(control: u32) -> Irb {
    let mut irb = Irb::default();
    irb.set_scsw(Scsw::from_words([control | PENDING, 0, 0]));
    irb
}

/// Returns a subchannel whose device is open.
pub(crate) fn open() -> Subchannel {
    let mut sch = SubchannelState::new(User::default());
    let _ = sch.fire(Event::Open);
    sch
}

/// Returns a subchannel with a start function in progress, and its generation.
pub(crate) fn running() -> Result<(Subchannel, u64), Refusal> {
    let mut sch = open();
    let generation = sch.request()?;
    sch.started()?;
    Ok((sch, generation))
}
