// SPDX-License-Identifier: GPL-2.0

//! Finding all CCWs of a guest program, and fetching each of them once.
//!
//! A CCW belongs to the program if chaining, a TIC or status modifier leads to it. Status modifier
//! is followed past a TIC or a CCW that chains, after any command that chains commands. After a
//! command that is known to give status modifier ([`ccw::can_give_status_modifier`]), it is
//! followed past any CCW. Past any other end of the program there may be no CCWs at all: nothing
//! there is looked at, and status modifier leads to a program check.
//!
//! Even after a command that can give status modifier, there may be no CCWs past the end. So what
//! is found there must not make the translation fail ([`GuestProgram::looks_past_ends`]).

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
        HashIndex,
        Keyed, //
    },
    prefix::{
        prefix,
        prefix_mut, //
    },
    sort::sort_by_key,
    translator::effect::{
        Effects,
        Reached, //
    },
    translator::fetch::{
        CcwKind,
        CcwRules,
        FetchedCcw,
        GuestReader, //
    },
};

/// A CCW that was found in a guest program.
#[derive(Clone, Copy, Default)]
pub(crate) struct FoundCcw {
    /// The guest address.
    pub(crate) address: u32,
    /// The bucket of `address` in the index.
    bucket: u32,
    /// The next CCW to follow after this one.
    next_to_follow: Option<u32>,
    /// Set while the CCW is still to be followed.
    is_queued: bool,
    pub(crate) fetched: FetchedCcw,
    /// The ways in which the program reaches the CCW.
    reached: Reached,
}

/// A CCW to which the program continues.
struct Successor {
    /// The guest address.
    address: u32,
    /// The way in which the CCW is reached.
    reached: Reached,
}

impl Keyed for FoundCcw {
    fn key(&self) -> u64 {
        self.address.into()
    }

    fn bucket(&self) -> u32 {
        self.bucket
    }
}

impl FoundCcw {
    /// Returns the kinds of command that can be in effect. For a TIC, returns the ways in which it
    /// is reached.
    fn effect(&self) -> Effects {
        let effects = self.reached.effects;
        match self.fetched.kind {
            CcwKind::ProgramCheck => Effects::default(),
            CcwKind::Tic => effects.difference(Effects::DETAILS),
            CcwKind::Command => effects.in_effect(&self.fetched.ccw),
        }
    }

    /// Returns the elements of [`Self::effect`]. If there are none, since the channel refuses the
    /// CCW, returns the empty set once.
    pub(crate) fn effects(&self) -> impl Iterator<Item = Effects> {
        let effect = self.effect();
        let none = effect.is_empty().then(Effects::default);
        none.into_iter().chain(effect.each())
    }

    /// Returns whether status modifier is followed past this CCW.
    pub(crate) fn is_skipped(&self) -> bool {
        self.reached.effects.contains(Effects::STATUS_MODIFIER_SKIP)
            && (self.fetched.can_be_skipped() || self.is_searched())
    }

    /// Returns whether status modifier is followed past the next CCW whatever that is.
    fn searches(&self, rules: &CcwRules) -> bool {
        let effects = self.reached.effects;
        rules.looks_past_ends() && effects.can_give_status_modifier(&self.fetched.ccw)
    }

    /// Returns whether status modifier is followed past this CCW whatever it is.
    fn is_searched(&self) -> bool {
        self.reached.effects.contains(Effects::SEARCHED)
    }

    /// Returns whether status modifier is followed past this CCW although the program ends with it.
    fn is_passed_end(&self) -> bool {
        self.is_searched() && !self.fetched.can_be_skipped()
    }

    /// Returns whether the CCW is reached by command chaining only, or is the first of the program.
    pub(crate) fn is_command(&self) -> bool {
        self.reached.effects.difference(Effects::DETAILS) == Effects::COMMAND
    }

    /// Returns the command code of the host CCW when `effect` is in effect.
    pub(crate) fn host_code(&self, effect: Effects) -> u8 {
        self.reached.host_code(&self.fetched.ccw, effect)
    }

    /// Returns the target of a TIC.
    fn target(&self) -> Option<Successor> {
        (self.fetched.kind == CcwKind::Tic).then(|| Successor {
            address: self.fetched.ccw.address,
            reached: self.reached.by_tic(),
        })
    }

    /// Returns the CCW at the next guest address, if the program continues there: by chaining, or
    /// by status modifier of the CCW before this one.
    fn next(&self, rules: &CcwRules) -> Option<Successor> {
        let ccw = &self.fetched.ccw;
        let past = Effects::COMMAND.only_if(self.is_skipped());
        let effect = self.effect();
        let reached = if self.fetched.kind != CcwKind::Command || effect.is_empty() {
            Reached::by_command(past)
        } else if ccw.flags.contains(Flags::CD) {
            let searching = Effects::SEARCHING.only_if(self.searches(rules));
            self.reached
                .by_data(ccw, past.union(effect).union(searching))
        } else if ccw.flags.contains(Flags::CC) {
            let searched = Effects::SEARCHED.only_if(self.searches(rules));
            let next = Effects::COMMAND.union(Effects::STATUS_MODIFIER_SKIP);
            Reached::by_command(next.union(searched))
        } else {
            Reached::by_command(past)
        };
        let address = self.address.checked_add(ccw::SIZE)?;
        (!reached.effects.is_empty()).then_some(Successor { address, reached })
    }
}

/// The CCWs of a guest program.
pub(crate) struct GuestProgram<S: Storage> {
    ccws: S::Of<FoundCcw>,
    len: usize,
    /// The first CCW to follow.
    to_follow: Option<u32>,
    /// Set if an end of the program was passed ([`FoundCcw::is_passed_end`]).
    looks_past_ends: bool,
    /// Finds CCWs by guest address.
    index: HashIndex<S>,
    /// The indexes of the CCWs by ascending guest address.
    sorted: S::Of<u32>,
    /// Working memory of the sort.
    scratch: S::Of<u32>,
}

impl<S: Storage> GuestProgram<S> {
    /// Allocates room for `ccws` CCWs. `seed` is a random number.
    pub(crate) fn new(ccws: usize, seed: u64) -> Result<Self, S::Error> {
        Ok(Self {
            ccws: S::allocate(ccws)?,
            len: 0,
            to_follow: None,
            looks_past_ends: false,
            index: HashIndex::new(ccws, seed)?,
            sorted: S::allocate(ccws)?,
            scratch: S::allocate(ccws)?,
        })
    }

    /// Returns the CCWs by ascending guest address.
    pub(crate) fn sorted(&mut self) -> impl Iterator<Item = &FoundCcw> {
        let ccws = prefix(&self.ccws, self.len);
        let sorted = prefix_mut(&mut self.sorted, self.len);
        let scratch = prefix_mut(&mut self.scratch, self.len);
        for (index, number) in sorted.iter_mut().zip(0..) {
            *index = number;
        }
        sort_by_key(sorted, scratch, |index| {
            u64::from(ccws[*index as usize].address)
        });
        sorted.iter().map(|index| &ccws[*index as usize])
    }

    /// Returns working memory of four items for each CCW that there is room for. The CCWs can no
    /// longer be found.
    pub(crate) fn working_memory(&mut self) -> [&mut [u32]; 4] {
        let (first, second) = self.index.buckets().split_at_mut(self.ccws.len());
        [first, second, &mut self.sorted, &mut self.scratch]
    }

    /// Returns the number of CCWs.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Removes all CCWs.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.to_follow = None;
        self.looks_past_ends = false;
    }

    /// Returns whether status modifier was followed past an end of the program. Some of the CCWs
    /// that were found, or for which there was no room, may then be no part of it.
    pub(crate) fn looks_past_ends(&self) -> bool {
        self.looks_past_ends
    }

    /// Finds and fetches the CCWs of the program at the guest address `cpa`.
    ///
    /// A CCW is followed again when it is reached in another way, or with another command code in
    /// effect: at most once for each of the [`Effects`], and twice for the codes.
    pub(crate) fn walk<M: GuestMemory>(
        &mut self,
        cpa: u32,
        rules: &CcwRules,
        reader: &mut GuestReader<'_>,
        memory: &mut M,
    ) -> Result<(), Error<M::Error>> {
        self.clear();
        let first = Successor {
            address: cpa,
            reached: Reached::by_command(Effects::COMMAND),
        };
        self.reach(Some(first), rules, reader, memory)?;
        while let Some(ccw) = self.take() {
            if ccw.is_passed_end() {
                self.looks_past_ends = true;
            }
            self.reach(ccw.target(), rules, reader, memory)?;
            self.reach(ccw.next(rules), rules, reader, memory)?;
        }
        Ok(())
    }

    /// Records how a CCW is reached. Fetches it if it is a new one.
    fn reach<M: GuestMemory>(
        &mut self,
        successor: Option<Successor>,
        rules: &CcwRules,
        reader: &mut GuestReader<'_>,
        memory: &mut M,
    ) -> Result<(), Error<M::Error>> {
        let Some(successor) = successor else {
            return Ok(());
        };
        let address = successor.address;
        let index = match self.find(address) {
            Ok(index) => index,
            Err(bucket) => self.insert(address, rules.fetch(address, reader, memory)?, bucket)?,
        };
        self.add(index, &successor.reached);
        Ok(())
    }

    /// Records how a known CCW is reached. Queues it to be followed if that is new.
    fn add(&mut self, index: u32, reached: &Reached) {
        match self.ccws.get_mut(index as usize) {
            Some(ccw) if !ccw.reached.contains(*reached) => {
                ccw.reached = ccw.reached.union(*reached);
                if !ccw.is_queued {
                    ccw.is_queued = true;
                    ccw.next_to_follow = self.to_follow.replace(index);
                }
            }
            _ => {}
        }
    }

    /// Removes the first CCW from the queue of those to follow, and returns it.
    fn take(&mut self) -> Option<FoundCcw> {
        let ccw = self.ccws.get_mut(self.to_follow? as usize)?;
        ccw.is_queued = false;
        self.to_follow = ccw.next_to_follow;
        Some(*ccw)
    }

    /// Adds the CCW at the guest address `address`. Returns its index.
    fn insert(&mut self, address: u32, fetched: FetchedCcw, bucket: u32) -> Result<u32, Bound> {
        let index = self.len as u32;
        let ccw = self.ccws.get_mut(self.len).ok_or(Bound::Ccws)?;
        *ccw = FoundCcw {
            address,
            bucket,
            fetched,
            ..FoundCcw::default()
        };
        self.len += 1;
        self.index.set(bucket, index);
        Ok(index)
    }

    /// Returns the index of the CCW at the guest address `address`, or `Err` with the bucket in
    /// which it belongs.
    fn find(&self, address: u32) -> Result<u32, u32> {
        self.index
            .find(address.into(), prefix(&self.ccws, self.len))
    }
}
