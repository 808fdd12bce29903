// SPDX-License-Identifier: GPL-2.0

//! Finding all CCWs of a guest's program, and fetching each of them once.

use crate::{
    ccw::{
        self,
        Ccw,
        Direction,
        Flags,
        Format, //
    },
    data::Blocks,
    error::{
        available,
        Bound,
        Error,
        Feature, //
    },
    memory::{
        Access,
        GuestMemory,
        Storage, //
    },
    orb::{
        self,
        Orb, //
    },
};

/// What becomes of a CCW.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Step {
    /// It gives a program check: it is wrong, or could not be fetched.
    #[default]
    ProgramCheck,
    /// It goes on at another CCW.
    Transfer,
    /// It is a command that moves no data.
    NoData,
    /// It is a command that moves data, with this access to memory.
    Data(Access),
}

/// A CCW of the guest's program.
#[derive(Clone, Copy, Default)]
pub(crate) struct Entry {
    /// Where it is in the guest.
    pub(crate) address: u32,
    /// Its slot in the host's program, once that is laid out.
    pub(crate) slot: u32,
    /// The place of `address` in the hash table, during the walk.
    bucket: u32,
    /// The CCW as it was fetched.
    pub(crate) ccw: Ccw,
    /// What becomes of it.
    pub(crate) step: Step,
    /// The data that it moves.
    pub(crate) blocks: Blocks,
}

/// The CCWs of a guest's program.
pub(crate) struct Program<S: Storage> {
    entries: S::Of<Entry>,
    len: usize,
    /// A hash table of the entries by address, with linear probing. A bucket is in use if the entry
    /// that it names also names it, so that nothing need be cleared between programs.
    buckets: S::Of<u32>,
    /// Keeps a guest from choosing addresses that fall into the same bucket.
    seed: u64,
}

impl<S: Storage> Program<S> {
    /// Makes room for `ccws` CCWs.
    pub(crate) fn new(ccws: usize, seed: u64) -> Result<Self, S::Error> {
        Ok(Self {
            entries: S::allocate(ccws)?,
            len: 0,
            buckets: S::allocate(ccws.saturating_mul(2))?,
            seed: seed | 1,
        })
    }

    /// The CCWs: as they were found, and by ascending address once they are laid out.
    pub(crate) fn entries(&self) -> &[Entry] {
        self.entries.get(..self.len).unwrap_or_default()
    }

    /// The CCWs, to be changed.
    pub(crate) fn entries_mut(&mut self) -> &mut [Entry] {
        self.entries.get_mut(..self.len).unwrap_or_default()
    }

    /// Forgets the program.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Fetches the program of `orb`: first the CCWs that chaining and transfers lead to, then what
    /// status modifier leads to past a transfer in channel.
    ///
    /// Behind a transfer there may as well lie something that is no program at all. So a CCW that
    /// only status modifier can lead to gives a program check for want of a feature, where the
    /// others fail the whole program.
    pub(crate) fn walk<M: GuestMemory>(
        &mut self,
        orb: &Orb,
        memory: &mut M,
    ) -> Result<(), Error<M::Error>> {
        let rules = Rules::of(orb);
        let mut fetched = 0;
        let mut passed = 0;

        self.clear();
        self.insert(orb.cpa())?;
        loop {
            let next = if let Some(entry) = self.entries_mut().get_mut(fetched) {
                fetched += 1;
                match rules.fetch(entry, memory) {
                    Err(Error::Unsupported(..)) if passed > 0 => {}
                    result => result?,
                }
                rules.next(entry)
            } else if let Some(entry) = self.entries().get(passed) {
                passed += 1;
                rules
                    .chained(entry)
                    .and_then(|next| self.find(next).ok())
                    .filter(|next| next.ccw.is_tic(rules.format))
                    .and_then(|transfer| rules.following(transfer))
            } else {
                return Ok(());
            };
            if let Some(address) = next {
                self.insert(address)?;
            }
        }
    }

    /// Adds the CCW at `address` to those to be fetched, if it is not there yet.
    fn insert(&mut self, address: u32) -> Result<(), Bound> {
        let bucket = match self.find(address) {
            Ok(_) => return Ok(()),
            Err(bucket) => bucket,
        };
        let (Some(entry), Some(index)) = (
            self.entries.get_mut(self.len),
            self.buckets.get_mut(bucket as usize),
        ) else {
            return Err(Bound::Ccws);
        };
        *index = self.len as u32;
        *entry = Entry {
            address,
            bucket,
            ..Entry::default()
        };
        self.len += 1;
        Ok(())
    }

    /// Finds the CCW at `address`, or the bucket where it is to be. Not for programs laid out.
    fn find(&self, address: u32) -> Result<&Entry, u32> {
        let buckets = self.buckets.len();
        // A product with a random odd number, of which the upper half is taken, is an almost
        // universal hash: no choice of addresses is bad for many seeds.
        let hash = (u64::from(address).wrapping_mul(self.seed) >> 32) as usize;
        let mut bucket = hash.checked_rem(buckets).unwrap_or(0);
        loop {
            let entry = self
                .buckets
                .get(bucket)
                .and_then(|index| self.entries().get(*index as usize))
                .filter(|entry| entry.bucket as usize == bucket);
            match entry {
                None => return Err(bucket as u32),
                Some(entry) if entry.address == address => return Ok(entry),
                // There are twice as many buckets as entries, so that this comes to an end.
                Some(_) => bucket = (bucket + 1) % buckets,
            }
        }
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
            entry.ccw = Ccw::parse(self.format, bytes);
            entry.step = self
                .judge(&entry.ccw)
                .map_err(|feature| Error::Unsupported(feature, address))?;
        }
        Ok(())
    }

    /// What becomes of a CCW, by what it says itself.
    ///
    /// Only what keeps it from being translated is looked at; the rest is for the channel to judge.
    fn judge(&self, ccw: &Ccw) -> Result<Step, Feature> {
        let direction = ccw.direction();
        if ccw.is_tic(self.format) {
            let wrong = match self.format {
                Format::Zero => false,
                Format::One => !ccw.flags.is_empty() || ccw.count != 0,
            };
            let reachable =
                ccw.address % ccw::SIZE == 0 && ccw.address <= self.format.max_address();
            return Ok(if wrong || !reachable {
                Step::ProgramCheck
            } else {
                Step::Transfer
            });
        }
        let wrong = match self.format {
            Format::Zero => ccw.count == 0,
            Format::One => ccw.address > self.format.max_address(),
        } || matches!(direction, Direction::Invalid | Direction::TransferInChannel)
            || (ccw.flags.contains(Flags::MIDA) && !self.midaw);
        if wrong {
            return Ok(Step::ProgramCheck);
        }
        if ccw.flags.contains(Flags::MIDA) {
            return Err(Feature::Midaw);
        }
        if ccw.flags.contains(Flags::CD) {
            return Err(Feature::DataChaining);
        }
        if ccw.count == 0
            || ccw.command == ccw::NO_OPERATION
            || (ccw.flags.contains(Flags::SKIP) && direction.stores())
        {
            return Ok(Step::NoData);
        }
        match direction {
            Direction::ReadBackward => Err(Feature::ReadBackward),
            _ if direction.stores() => Ok(Step::Data(Access::Write)),
            _ => Ok(Step::Data(Access::Read)),
        }
    }

    /// The address of the CCW behind an entry, if there can be one.
    fn following(&self, entry: &Entry) -> Option<u32> {
        entry
            .address
            .checked_add(ccw::SIZE)
            .filter(|address| *address <= self.format.max_address())
    }

    /// The address of the CCW that an entry is chained to.
    fn chained(&self, entry: &Entry) -> Option<u32> {
        match entry.step {
            Step::NoData | Step::Data(_) if entry.ccw.flags.contains(Flags::CC) => {
                self.following(entry)
            }
            _ => None,
        }
    }

    /// The address of the CCW that an entry leads to without status modifier.
    fn next(&self, entry: &Entry) -> Option<u32> {
        match entry.step {
            Step::Transfer => Some(entry.ccw.address),
            _ => self.chained(entry),
        }
    }
}
