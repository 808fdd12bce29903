// SPDX-License-Identifier: GPL-2.0

//! Finding all CCWs of a guest's program, and fetching each of them once.
//!
//! A CCW belongs to the program if chaining, a transfer or status modifier leads to it. Status modifier
//! leads past a transfer, or a CCW that chains, behind any command that chains commands; and past
//! whatever is there behind one that is known to give it ([`ccw::can_give_status_modifier`]). What is
//! past any other end may be no program at all: it is not looked at, and status modifier leads to a
//! program check there.
//!
//! What is past an end may be no program even behind a search. So it is no reason to refuse the program
//! before it ([`Program::looks_past_ends`]).

use crate::{
    ccw::{
        self,
        Flags, //
    },
    error::{
        Bound,
        Error, //
    },
    memory::{
        GuestMemory,
        Storage, //
    },
    pin::index::{
        Index,
        Keyed, //
    },
    sort::sort_by_key,
    translator::effect::{
        Codes,
        Effects, //
    },
    translator::fetch::{
        Fetched,
        Rules,
        Step, //
    },
    translator::reader::Reader,
};

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
    pub(crate) fetched: Fetched,
    /// The effects in which the channel can come to it.
    effects: Effects,
    /// The command codes that stay in effect if data is chained to it.
    codes: Codes,
}

/// A CCW that the program leads to, and how.
struct Lead {
    /// The address of the CCW.
    address: u32,
    effects: Effects,
    codes: Codes,
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
    /// The commands that can be in effect, or the effects in which a transfer can be come to.
    fn effect(&self) -> Effects {
        match self.fetched.step {
            Step::ProgramCheck => Effects::default(),
            Step::Transfer => self.effects.difference(Effects::BESIDE),
            Step::Command => self.effects.in_effect(&self.fetched.ccw),
        }
    }

    /// Each of these for itself, or the empty set if the channel refuses the CCW in any case.
    pub(crate) fn effects(&self) -> impl Iterator<Item = Effects> {
        let effect = self.effect();
        let none = effect.is_empty().then(Effects::default);
        none.into_iter().chain(effect.each())
    }

    /// Whether status modifier leads past this CCW.
    pub(crate) fn is_stepped_over(&self) -> bool {
        self.effects.contains(Effects::STATUS_MODIFIER_SKIP)
            && (self.fetched.can_be_stepped_over() || self.is_searched())
    }

    /// Returns whether status modifier at this CCW leads past the next one whatever that is.
    fn searches(&self, rules: &Rules) -> bool {
        rules.looks_past_ends() && self.effects.search(&self.fetched.ccw)
    }

    /// Returns whether status modifier leads past this CCW whatever it is.
    fn is_searched(&self) -> bool {
        self.effects.contains(Effects::SEARCHED)
    }

    /// Returns whether status modifier leads past this CCW although the program ends here.
    fn is_passed_end(&self) -> bool {
        self.is_searched() && !self.fetched.can_be_stepped_over()
    }

    /// The command code that stands in the host's CCW when one of [`Self::effects`] is in effect.
    pub(crate) fn host_code(&self, effect: Effects) -> u8 {
        self.codes
            .host_code(self.effects, &self.fetched.ccw, effect)
    }

    /// Returns the CCW that a transfer goes on at, and how the channel comes to it.
    fn target(&self) -> Option<Lead> {
        (self.fetched.step == Step::Transfer).then(|| Lead {
            address: self.fetched.ccw.address,
            effects: self.effects.difference(Effects::PAST),
            codes: self.codes,
        })
    }

    /// Returns the CCW behind this one, and how the channel comes to it, if the program leads there from here
    /// or from the CCW before.
    fn following(&self, rules: &Rules) -> Option<Lead> {
        let past = Effects::COMMAND.only_if(self.is_stepped_over());
        let effect = self.effect();
        let (effects, codes) = if self.fetched.step != Step::Command || effect.is_empty() {
            (past, Codes::None)
        } else if self.fetched.ccw.flags.contains(Flags::CD) {
            let searching = Effects::SEARCHING.only_if(self.searches(rules));
            let codes = self.codes.in_effect(self.effects, &self.fetched.ccw);
            (past.union(effect).union(searching), codes)
        } else if self.fetched.ccw.flags.contains(Flags::CC) {
            let searched = Effects::SEARCHED.only_if(self.searches(rules));
            let next = Effects::COMMAND.union(Effects::STATUS_MODIFIER_SKIP);
            (next.union(searched), Codes::None)
        } else {
            (past, Codes::None)
        };
        let address = self.address.checked_add(ccw::SIZE)?;
        (!effects.is_empty()).then_some(Lead {
            address,
            effects,
            codes,
        })
    }
}

/// The CCWs of a guest's program.
pub(crate) struct Program<S: Storage> {
    entries: S::Of<Entry>,
    len: usize,
    /// The first of the entries to be followed, during the walk.
    first: Option<u32>,
    /// Tells whether an end is passed ([`Entry::is_passed_end`]), during the walk and after it.
    looks_past_ends: bool,
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
            looks_past_ends: false,
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
        self.looks_past_ends = false;
    }

    /// Returns whether status modifier leads past an end of the program. A CCW that was found, or found no
    /// room, may then be none of the program.
    pub(crate) fn looks_past_ends(&self) -> bool {
        self.looks_past_ends
    }

    /// Fetches the program at `cpa`.
    ///
    /// An entry is followed again when a further way leads to it, or another command code: as often
    /// as there are effects, and twice for the codes, at most.
    pub(crate) fn walk<M: GuestMemory>(
        &mut self,
        cpa: u32,
        rules: &Rules,
        ccws: &mut Reader<'_>,
        memory: &mut M,
    ) -> Result<(), Error<M::Error>> {
        self.clear();
        let start = Lead {
            address: cpa,
            effects: Effects::COMMAND,
            codes: Codes::None,
        };
        self.lead(Some(start), rules, ccws, memory)?;
        while let Some(entry) = self.take() {
            if entry.is_passed_end() {
                self.looks_past_ends = true;
            }
            self.lead(entry.target(), rules, ccws, memory)?;
            self.lead(entry.following(rules), rules, ccws, memory)?;
        }
        Ok(())
    }

    /// Notes that the program leads to a CCW in these effects, and fetches it if it is a new one.
    fn lead<M: GuestMemory>(
        &mut self,
        to: Option<Lead>,
        rules: &Rules,
        ccws: &mut Reader<'_>,
        memory: &mut M,
    ) -> Result<(), Error<M::Error>> {
        let Some(lead) = to else {
            return Ok(());
        };
        let address = lead.address;
        let index = match self.find(address) {
            Ok(index) => index,
            Err(bucket) => self.insert(address, rules.fetch(address, ccws, memory)?, bucket)?,
        };
        self.add(index, &lead);
        Ok(())
    }

    /// Notes what leads to an entry, which is to be followed if that is new.
    fn add(&mut self, index: u32, lead: &Lead) {
        match self.entries.get_mut(index as usize) {
            Some(entry)
                if !entry.effects.contains(lead.effects)
                    || entry.codes.union(lead.codes) != entry.codes =>
            {
                entry.effects = entry.effects.union(lead.effects);
                entry.codes = entry.codes.union(lead.codes);
                if !entry.waiting {
                    entry.waiting = true;
                    entry.after = self.first.replace(index);
                }
            }
            _ => {}
        }
    }

    /// Takes the first of the entries to be followed.
    fn take(&mut self) -> Option<Entry> {
        let entry = self.entries.get_mut(self.first? as usize)?;
        entry.waiting = false;
        self.first = entry.after;
        Some(*entry)
    }

    /// Adds an entry for the CCW at `address`, which is to be in this bucket.
    fn insert(&mut self, address: u32, fetched: Fetched, bucket: u32) -> Result<u32, Bound> {
        let index = self.len as u32;
        let entry = self.entries.get_mut(self.len).ok_or(Bound::Ccws)?;
        *entry = Entry {
            address,
            bucket,
            fetched,
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
