// SPDX-License-Identifier: GPL-2.0

//! Finding all CCWs of a guest's program, and fetching each of them once.
//!
//! A CCW belongs to the program if chaining or a transfer leads to it, or status modifier past a
//! transfer or a CCW that chains. Behind any other there may lie something that is no program at
//! all: it is not looked at, and status modifier leads to a program check there.

use crate::{
    ccw::{
        self,
        Ccw,
        Direction,
        Flags,
        Format, //
    },
    error::{
        available,
        Bound,
        Error, //
    },
    index::{
        Index,
        Keyed, //
    },
    memory::{
        GuestMemory,
        Storage, //
    },
    orb::{
        self,
        Orb, //
    },
    sort::sort_by_key,
    ways::Ways, //
};

/// What becomes of a CCW.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Step {
    /// It gives a program check: it is wrong, or could not be fetched.
    #[default]
    ProgramCheck,
    /// It goes on at another CCW.
    Transfer,
    /// It is a command, or a part of one.
    Command,
}

/// A CCW of the guest's program.
#[derive(Clone, Copy, Default)]
pub(crate) struct Entry {
    /// Where it is in the guest.
    pub(crate) address: u32,
    /// The place of `address` in the hash table, during the walk.
    bucket: u32,
    /// The entry to follow after this one, during the walk.
    after: Option<u32>,
    /// Whether it is to be followed, during the walk.
    waiting: bool,
    /// Whether it could be fetched.
    pub(crate) fetched: bool,
    /// The CCW as it was fetched.
    pub(crate) ccw: Ccw,
    /// What becomes of it, by what it says itself.
    pub(crate) step: Step,
    /// The ways in which the channel can come to it.
    ways: Ways,
}

impl Keyed for Entry {
    fn key(&self) -> u64 {
        self.address.into()
    }

    fn bucket(&self) -> u32 {
        self.bucket
    }
}

impl Entry {
    /// The commands that can be in effect, or the ways in which a transfer can be come to.
    fn effect(&self) -> Ways {
        match self.step {
            Step::ProgramCheck => Ways::default(),
            Step::Transfer => self.ways.difference(Ways::STEPPED_OVER),
            Step::Command => self.ways.in_effect(&self.ccw),
        }
    }

    /// Each of these for itself, or the empty set if the channel refuses the CCW in any case.
    pub(crate) fn effects(&self) -> impl Iterator<Item = Ways> {
        let effect = self.effect();
        let none = effect.is_empty().then(Ways::default);
        none.into_iter().chain(effect.each())
    }

    /// Whether status modifier leads past this CCW.
    pub(crate) fn is_stepped_over(&self) -> bool {
        let chaining = Flags::CD.union(Flags::CC);
        let leads_on = self.ccw.direction() == Direction::TransferInChannel
            || self.ccw.flags.intersects(chaining);
        leads_on && self.ways.contains(Ways::STEPPED_OVER)
    }

    /// The CCW that a transfer goes on at, and the ways in which that one is come to.
    fn target(&self) -> Option<(u32, Ways)> {
        (self.step == Step::Transfer).then(|| (self.ccw.address, self.effect()))
    }

    /// The CCW behind this one, if the program leads there from here or from the CCW before, and
    /// the ways in which it is come to.
    fn following(&self) -> Option<(u32, Ways)> {
        let past = if self.is_stepped_over() {
            Ways::COMMAND
        } else {
            Ways::default()
        };
        let effect = self.effect();
        let ways = if self.step != Step::Command || effect.is_empty() {
            past
        } else if self.ccw.flags.contains(Flags::CD) {
            past.union(effect)
        } else if self.ccw.flags.contains(Flags::CC) {
            Ways::COMMAND.union(Ways::STEPPED_OVER)
        } else {
            Ways::default()
        };
        let address = self.address.checked_add(ccw::SIZE)?;
        (!ways.is_empty()).then_some((address, ways))
    }
}

/// The CCWs of a guest's program.
pub(crate) struct Program<S: Storage> {
    entries: S::Of<Entry>,
    len: usize,
    /// The first of the entries to be followed, during the walk.
    first: Option<u32>,
    /// Finds entries by address.
    index: Index<S>,
    /// The numbers of the entries by ascending address, after the walk.
    sorted: S::Of<u32>,
    scratch: S::Of<u32>,
}

impl<S: Storage> Program<S> {
    /// Makes room for `ccws` CCWs.
    pub(crate) fn new(ccws: usize, seed: u64) -> Result<Self, S::Error> {
        Ok(Self {
            entries: S::allocate(ccws)?,
            len: 0,
            first: None,
            index: Index::new(ccws, seed)?,
            sorted: S::allocate(ccws)?,
            scratch: S::allocate(ccws)?,
        })
    }

    /// The CCWs as they were found.
    fn entries(&self) -> &[Entry] {
        self.entries.get(..self.len).unwrap_or_default()
    }

    /// The CCWs by ascending address.
    pub(crate) fn sorted(&mut self) -> impl Iterator<Item = &Entry> {
        let entries = self.entries.get(..self.len).unwrap_or_default();
        let sorted = self.sorted.get_mut(..self.len).unwrap_or_default();
        let scratch = self.scratch.get_mut(..self.len).unwrap_or_default();
        for (place, number) in sorted.iter_mut().zip(0..) {
            *place = number;
        }
        sort_by_key(sorted, scratch, |number| {
            u64::from(entries[*number as usize].address)
        });
        sorted.iter().map(|number| &entries[*number as usize])
    }

    /// The number of CCWs.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Forgets the program.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.first = None;
    }

    /// Fetches the program of `orb`.
    ///
    /// An entry is followed again when a further way leads to it: as often as there are ways at
    /// most.
    pub(crate) fn walk<M: GuestMemory>(
        &mut self,
        orb: &Orb,
        memory: &mut M,
    ) -> Result<(), Error<M::Error>> {
        let rules = Rules::of(orb);
        self.clear();
        self.lead(Some((orb.cpa(), Ways::COMMAND)), &rules, memory)?;
        while let Some(entry) = self.take() {
            self.lead(entry.target(), &rules, memory)?;
            self.lead(entry.following(), &rules, memory)?;
        }
        Ok(())
    }

    /// Notes that the program leads to a CCW in these ways, and fetches it if it is a new one.
    fn lead<M: GuestMemory>(
        &mut self,
        to: Option<(u32, Ways)>,
        rules: &Rules,
        memory: &mut M,
    ) -> Result<(), Error<M::Error>> {
        let Some((address, ways)) = to else {
            return Ok(());
        };
        let index = match self.find(address) {
            Ok(index) => index,
            Err(bucket) => {
                let index = self.insert(address, bucket)?;
                if let Some(entry) = self.entries.get_mut(index as usize) {
                    rules.fetch(entry, memory)?;
                }
                index
            }
        };
        match self.entries.get_mut(index as usize) {
            Some(entry) if !entry.ways.contains(ways) => {
                entry.ways = entry.ways.union(ways);
                if !entry.waiting {
                    entry.waiting = true;
                    entry.after = self.first.replace(index);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes the first of the entries to be followed.
    fn take(&mut self) -> Option<Entry> {
        let entry = self.entries.get_mut(self.first? as usize)?;
        entry.waiting = false;
        self.first = entry.after;
        Some(*entry)
    }

    /// Adds an entry for the CCW at `address`, which is to be in this bucket.
    fn insert(&mut self, address: u32, bucket: u32) -> Result<u32, Bound> {
        let index = self.len as u32;
        let entry = self.entries.get_mut(self.len).ok_or(Bound::Ccws)?;
        *entry = Entry {
            address,
            bucket,
            ..Entry::default()
        };
        self.len += 1;
        self.index.set(bucket, index);
        Ok(index)
    }

    /// Finds the entry of the CCW at `address`, or the bucket where it is to be.
    fn find(&self, address: u32) -> Result<u32, u32> {
        self.index.find(address.into(), self.entries())
    }
}

/// What a program's ORB says about its CCWs.
struct Rules {
    format: Format,
    midaw: bool,
}

impl Rules {
    fn of(orb: &Orb) -> Self {
        Self {
            format: Format::of(orb),
            midaw: orb.flags().contains(orb::Flags::MIDAW),
        }
    }

    /// Fetches the CCW of an entry and judges it.
    fn fetch<M: GuestMemory>(
        &self,
        entry: &mut Entry,
        memory: &mut M,
    ) -> Result<(), Error<M::Error>> {
        let address = entry.address;
        if address % ccw::SIZE != 0 || address > self.format.max_address() {
            return Ok(());
        }
        let mut bytes = [0; 8];
        if available(memory.read(u64::from(address), &mut bytes))? {
            entry.fetched = true;
            entry.ccw = Ccw::parse(self.format, bytes);
            entry.step = self.judge(&entry.ccw);
        }
        Ok(())
    }

    /// What becomes of a CCW, by what it says itself: a program check only if the channel would not
    /// take it in any way.
    fn judge(&self, ccw: &Ccw) -> Step {
        let format1 = self.format == Format::One;
        if ccw.is_tic(self.format) {
            let wrong = format1 && (!ccw.flags.is_empty() || ccw.count != 0);
            let reachable =
                ccw.address % ccw::SIZE == 0 && ccw.address <= self.format.max_address();
            return if wrong || !reachable {
                Step::ProgramCheck
            } else {
                Step::Transfer
            };
        }
        let no_count = ccw.count == 0 && (!format1 || ccw.flags.contains(Flags::CD));
        let midaws = ccw.flags.contains(Flags::MIDA);
        let no_midaws = !self.midaw || ccw.flags.intersects(Flags::IDA.union(Flags::SKIP));
        if no_count
            || ccw.address > self.format.max_address()
            || ccw.direction() == Direction::TransferInChannel
            || (midaws && no_midaws)
        {
            Step::ProgramCheck
        } else {
            Step::Command
        }
    }
}
