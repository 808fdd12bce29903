// SPDX-License-Identifier: GPL-2.0

//! Counts of what was done to devices, and of what came of it.
//!
//! A user tells of each event with one byte on its standard output: what it has told is counted even
//! if it is killed the moment after.

use std::{
    fmt,
    io::{
        self,
        Write, //
    },
    sync::atomic::{
        AtomicU64,
        Ordering, //
    },
};

macro_rules! events {
    ($($name:ident $text:literal),* $(,)?) => {
        /// An event that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Event {
            $(#[doc = $text] $name,)*
        }

        impl Event {
            const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, $text)),*];
        }
    };
}

events! {
    Io "I/Os",
    Disturbed "starts between resets",
    ProgramCheck "program checks",
    Suspended "suspended programs",
    Unsolicited "unsolicited statuses",
    Busy "EBUSY",
    Again "EAGAIN",
    NoPath "ENODEV",
    Resumed "resumptions",
    NotResumed "refused resumptions",
    Halt "halts",
    Clear "clears",
    Reset "resets",
    Unmap "unmaps",
    Discard "discards",
    Query "queries",
    Open "opens",
    Close "closes",
    NotOpened "failed opens",
    Gone "devices seen to go",
    Kill "kills",
    Unbind "unbinds",
    Remove "removed mediated devices",
    Unplug "unplugs",
    Path "paths varied",
    Report "channel reports",
    Attention "attentions",
    Unload "refused unloads",
}

/// The byte of the first event: none of a text is like it.
const FIRST: u8 = 0x80;

impl Event {
    fn index(self) -> usize {
        self as usize
    }

    /// Returns the event of a byte.
    pub(super) fn of_byte(byte: u8) -> Option<Self> {
        let index = usize::from(byte.checked_sub(FIRST)?);
        Self::ALL.get(index).map(|(event, _)| *event)
    }

    /// Tells of the event, in a process of a user.
    pub(super) fn tell(self) -> io::Result<()> {
        let byte = FIRST + u8::try_from(self.index()).unwrap_or(0);
        let mut out = io::stdout().lock();
        out.write_all(&[byte])?;
        out.flush()
    }
}

/// The counts of all events.
#[derive(Default)]
pub(super) struct Tally {
    events: [AtomicU64; Event::ALL.len()],
    irbs: AtomicU64,
    queued_at_most: AtomicU64,
}

impl Tally {
    /// Counts an event.
    pub(super) fn count(&self, event: Event) {
        self.events[event.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how often an event was counted.
    pub(super) fn get(&self, event: Event) -> u64 {
        self.events[event.index()].load(Ordering::Relaxed)
    }

    /// Counts IRBs that the channel subsystem has presented, of which so many were queued at most.
    pub(super) fn count_irbs(&self, irbs: u64, queued: u64) {
        self.irbs.fetch_add(irbs, Ordering::Relaxed);
        self.queued_at_most.fetch_max(queued, Ordering::Relaxed);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (event, text) in Event::ALL {
            let count = self.get(*event);
            if count > 0 {
                write!(f, "{separator}{count} {text}")?;
                separator = ", ";
            }
        }
        let irbs = self.irbs.load(Ordering::Relaxed);
        if irbs > 0 {
            let queued = self.queued_at_most.load(Ordering::Relaxed);
            write!(f, "{separator}{irbs} IRBs, {queued} queued at most")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_a_byte_of_its_own() {
        for (index, (event, _)) in Event::ALL.iter().enumerate() {
            assert_eq!(event.index(), index);
            let byte = FIRST + u8::try_from(index).unwrap();
            assert_eq!(Event::of_byte(byte), Some(*event));
        }
        assert_eq!(Event::of_byte(b'!'), None);
        assert_eq!(Event::of_byte(0xff), None);
    }

    #[test]
    fn what_was_counted_is_shown() {
        let tally = Tally::default();
        tally.count(Event::Io);
        tally.count(Event::Io);
        tally.count(Event::Kill);
        assert_eq!(tally.to_string(), "2 I/Os, 1 kills");
        tally.count_irbs(3, 2);
        tally.count_irbs(4, 1);
        assert_eq!(
            tally.to_string(),
            "2 I/Os, 1 kills, 7 IRBs, 2 queued at most"
        );
    }
}
