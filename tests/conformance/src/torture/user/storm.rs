// SPDX-License-Identifier: GPL-2.0

//! A user with two threads.

use std::{
    sync::{
        atomic::{
            AtomicBool,
            Ordering, //
        },
        Arc, //
    },
    thread,
};

use super::{
    Done,
    Ending,
    Event,
    Random,
    User, //
};
use crate::fixtures::*;

impl User {
    /// Starts programs while another thread halts, clears, resets, maps and asks. Which of the
    /// programs end is not known then; that the device is usable afterwards is.
    pub(super) fn storm(&mut self) -> Done {
        let programs = Arc::clone(&self.programs);
        let nop = &programs.nop;
        let guest = self.map(nop)?;
        let stop = AtomicBool::new(false);
        let mut random = Random::new(self.random.next(), 1);
        let rounds = self.random.below(60);
        let this = &*self;
        let (disturbed, started) = thread::scope(|scope| {
            let other = scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    this.disturb(&mut random)?;
                }
                Done::Ok(())
            });
            let started = (0..rounds).try_for_each(|_| -> Done {
                if this.allowed("start", this.channel.start(nop.orb))? {
                    Event::Disturbed.tell()?;
                }
                this.channel.irb()?;
                Ok(())
            });
            stop.store(true, Ordering::Relaxed);
            (other.join(), started)
        });
        started?;
        disturbed.map_err(|_| "a thread has panicked".to_owned())??;
        self.reset()?;
        self.run(nop, Ending::Normal, &guest)?;
        self.unmap(&guest)
    }

    fn disturb(&self, random: &mut Random) -> Done {
        match random.below(6) {
            0 => {
                if self.allowed("halt", halt(&self.channel))? {
                    Event::Halt.tell()?;
                }
            }
            1 => {
                if self.allowed("clear", clear(&self.channel))? {
                    Event::Clear.tell()?;
                }
            }
            2 | 3 => self.reset_only()?,
            4 => self.check_there()?,
            _ => {
                self.channel.irb()?;
                Event::Query.tell()?;
            }
        }
        Ok(())
    }
}
