// SPDX-License-Identifier: GPL-2.0

//! Where each CCW stands in the host's program.
//!
//! The host's program is an array of slots. A CCW of the guest's has one for each command that can
//! be in effect at it: what is right for one need not be right for the other. CCWs that the guest's
//! program leads to one behind the other, a run of them, stand one behind the other in the host.
//! Behind each run stand [`GUARDS`] slots that give a program check: no chaining and no status
//! modifier leads past them. Where a run ends only because its next CCW has its slot in another run,
//! the guards lead there instead. So a run that comes to the end of a block of the arena goes on in the
//! next one as another run.
//!
//! A sequential program (`sequential.rs`) is one run in each block, in which each CCW has its place as it has
//! in the guest.

use crate::{
    ccw::{
        self,
        Ccw,
        Flags,
        Format, //
    },
    error::Bound,
    memory::Storage,
    translator::effect::Effects, //
    translator::fetch::{
        Fetched,
        Step, //
    },
    translator::slots::{
        has_room,
        next_block,
        straight_number,
        straight_slot,
        GUARDS, //
    },
    translator::walk::Program,
};

/// The slot of what has none yet.
const NOWHERE: u32 = u32::MAX;

/// A CCW of the guest's with one command in effect.
#[derive(Clone, Copy, Default)]
pub(crate) struct Instance {
    /// Where it is in the guest.
    address: u32,
    /// Its slot in the host's program.
    pub(crate) slot: u32,
    /// The CCW.
    fetched: Fetched,
    /// The command in effect, or the way in which a transfer is come to.
    effect: Effects,
    /// The command code that the host's CCW has.
    code: u8,
    /// Whether status modifier can lead from the CCW before to the one behind.
    stepped_over: bool,
}

impl Instance {
    /// The CCW.
    #[inline]
    pub(crate) fn ccw(&self) -> &Ccw {
        &self.fetched.ccw
    }

    /// The CCW with the command code that counts, and without flags that have no meaning beside another.
    /// So the host's CCW moves data as its list allows, however a channel comes to it.
    #[inline]
    pub(crate) fn command(&self) -> Ccw {
        let ccw = self.fetched.ccw;
        let void = if ccw.flags.contains(Flags::CD) {
            Flags::CC.union(Flags::SLI)
        } else {
            Flags::empty()
        };
        Ccw {
            command: self.code,
            flags: ccw.flags.difference(void),
            ..ccw
        }
    }

    /// The command in effect.
    pub(crate) fn effect(&self) -> Effects {
        self.effect
    }

    /// What becomes of it.
    #[inline]
    pub(crate) fn step(&self) -> Step {
        match self.fetched.step {
            Step::Command if self.effect.is_empty() => Step::ProgramCheck,
            step => step,
        }
    }

    /// Whether commands are chained, so that status modifier matters.
    #[inline]
    fn chains_commands(&self) -> bool {
        self.step() == Step::Command && self.ccw().chains_commands()
    }
}

/// The CCWs of the host's program.
pub(crate) struct Layout<S: Storage> {
    /// By the addresses that they have in the guest.
    instances: S::Of<Instance>,
    len: usize,
    slots: u32,
    /// Where a sequential program is in the guest. It has no instances.
    straight_at: Option<u32>,
}

impl<S: Storage> Layout<S> {
    /// Makes room for `ccws` CCWs.
    pub(crate) fn new(ccws: usize) -> Result<Self, S::Error> {
        Ok(Self {
            instances: S::allocate(ccws)?,
            len: 0,
            slots: 0,
            straight_at: None,
        })
    }

    /// Forgets the program.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.slots = 0;
        self.straight_at = None;
    }

    /// The CCWs.
    pub(crate) fn instances(&self) -> &[Instance] {
        self.instances.get(..self.len).unwrap_or_default()
    }

    /// The number of CCWs that there is room for.
    pub(crate) fn capacity(&self) -> u32 {
        self.instances.len() as u32
    }

    /// The number of slots.
    pub(crate) fn slots(&self) -> u32 {
        self.slots
    }

    /// Notes a sequential program of that many CCWs, which are in the slots in their order.
    pub(crate) fn set_sequential(&mut self, address: u32, ccws: u32) {
        self.len = 0;
        self.slots = straight_slot(ccws.saturating_sub(1)) + 1 + GUARDS;
        self.straight_at = Some(address);
    }

    /// Gives each CCW of a program its slots. Returns the number of runs.
    pub(crate) fn lay_out(&mut self, program: &mut Program<S>) -> Result<usize, Bound> {
        self.clear();
        for entry in program.sorted() {
            for effect in entry.effects() {
                let place = self.instances.get_mut(self.len).ok_or(Bound::Ccws)?;
                *place = Instance {
                    address: entry.address,
                    slot: NOWHERE,
                    fetched: entry.fetched,
                    effect,
                    code: entry.host_code(effect),
                    stepped_over: entry.is_stepped_over(),
                };
                self.len += 1;
            }
        }
        let mut runs = 0;
        for first in 0..self.len {
            let mut next = Some(first).filter(|first| self.is_free(*first));
            runs += usize::from(next.is_some());
            while let Some(index) = next {
                if !has_room(self.slots) {
                    self.slots = next_block(self.slots);
                }
                if let Some(instance) = self.instances.get_mut(index) {
                    instance.slot = self.slots;
                }
                self.slots += 1;
                next = self
                    .behind(index)
                    .filter(|behind| self.is_free(*behind) && self.joins(index, *behind));
                let is_cut = next.is_some() && !has_room(self.slots);
                runs += usize::from(is_cut);
                if next.is_none() || is_cut {
                    self.slots += GUARDS;
                }
            }
        }
        Ok(runs)
    }

    fn is_free(&self, index: usize) -> bool {
        self.instances()
            .get(index)
            .is_some_and(|instance| instance.slot == NOWHERE)
    }

    /// Whether what status modifier at the CCW with this index leads to is also what the one behind
    /// it has behind itself.
    fn joins(&self, index: usize, behind: usize) -> bool {
        let past = self.past(index);
        past.is_none() || past == self.behind(behind)
    }

    /// The CCW that is to stand right behind the one with this index.
    fn behind(&self, index: usize) -> Option<usize> {
        let instance = self.instances().get(index)?;
        let way = match instance.step() {
            Step::Command if instance.ccw().flags.contains(Flags::CD) => instance.effect,
            Step::Command if instance.ccw().flags.contains(Flags::CC) => Effects::COMMAND,
            _ if instance.stepped_over => Effects::COMMAND,
            _ => return None,
        };
        self.find_from(index, instance.address.checked_add(ccw::SIZE)?, way)
    }

    /// The CCW that status modifier at the one with this index leads to.
    fn past(&self, index: usize) -> Option<usize> {
        let instance = self.instances().get(index)?;
        let next = self.behind(index)?;
        if instance.chains_commands() && self.instances().get(next)?.stepped_over {
            let address = instance.address.checked_add(2 * ccw::SIZE)?;
            self.find_from(next, address, Effects::COMMAND)
        } else {
            None
        }
    }

    /// Finds the CCW at an address that is not far behind the one with this index.
    fn find_from(&self, index: usize, address: u32, way: Effects) -> Option<usize> {
        let behind = self.instances().get(index..)?;
        let skipped = behind
            .iter()
            .take_while(|instance| instance.address < address)
            .count();
        self.find_at(index + skipped, address, way)
    }

    /// Finds the CCW at an address.
    fn find(&self, address: u32, way: Effects) -> Option<usize> {
        let first = self
            .instances()
            .partition_point(|instance| instance.address < address);
        self.find_at(first, address, way)
    }

    /// Finds the CCW at an address among those from the index `first` on.
    fn find_at(&self, first: usize, address: u32, way: Effects) -> Option<usize> {
        let ccws = self.instances().get(first..)?;
        let effect = match ccws.first()? {
            instance if instance.address != address => return None,
            instance if instance.step() == Step::Transfer => way,
            instance => way.in_effect(instance.ccw()),
        };
        // What the channel refuses for its command code or its count it refuses in any slot.
        let found = ccws
            .iter()
            .take_while(|instance| instance.address == address)
            .position(|instance| instance.effect == effect);
        Some(first + found.unwrap_or(0))
    }

    /// The slot of the first CCW of the program.
    pub(crate) fn start(&self, address: u32) -> u32 {
        self.find(address, Effects::COMMAND)
            .and_then(|index| self.instances().get(index))
            .map_or(0, |instance| instance.slot)
    }

    /// The slot that a transfer goes on at, if there is a CCW.
    pub(crate) fn target(&self, transfer: &Instance) -> Option<u32> {
        let index = self.find(transfer.ccw().address, transfer.effect)?;
        let target = self.instances().get(index)?;
        target.fetched.is_there.then_some(target.slot)
    }

    /// The CCWs that the two slots behind the one with this index are to lead to, because they have
    /// their slots in other runs.
    pub(crate) fn elsewhere(&self, index: usize) -> [Option<&Instance>; 2] {
        let slot = |index: usize| self.instances().get(index).map(|instance| instance.slot);
        let behind = self.behind(index);
        if behind.and_then(slot) == slot(index).map(|slot| slot + 1) {
            return [None, None];
        }
        [behind, self.past(index)].map(|index| self.instances().get(index?))
    }

    /// The guest address that a slot stands for: of its CCW, or of what would be there if the run
    /// went on.
    pub(crate) fn guest_address(&self, slot: u32) -> Option<u32> {
        if slot >= self.slots {
            return None;
        }
        let address = match self.straight_at {
            Some(first) => first + ccw::SIZE * straight_number(slot),
            None => {
                let before = |instance: &&Instance| instance.slot <= slot;
                let instances = self.instances().iter().filter(before);
                let instance = instances.max_by_key(|instance| instance.slot)?;
                instance.address + ccw::SIZE * (slot - instance.slot)
            }
        };
        Some(address & Format::One.max_address())
    }
}
