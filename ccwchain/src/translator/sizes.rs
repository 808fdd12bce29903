// SPDX-License-Identifier: GPL-2.0

//! The sizes of a translator, and how much of them a program uses.

use crate::{
    error::{
        Bound,
        Error, //
    },
    idaw,
    memory::Arena, //
};

/// The maximum sizes of a program that a translator has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The number of CCWs. A CCW that can have several commands in effect, by data chaining, counts
    /// once for each of them.
    pub ccws: usize,
    /// The number of IDAWs and MIDAWs, which is the number of blocks that all CCWs together use.
    pub idaws: usize,
    /// The number of pages in the pin cache. It is used only while
    /// [`GuestMemory::invalidate_seq`](crate::memory::GuestMemory::invalidate_seq) returns a
    /// number.
    pub cached_pages: usize,
}

impl Sizes {
    /// The sizes with which a device begins: most programs fit, and little memory is needed. There
    /// is no pin cache.
    pub const IDLE: Self = Self {
        ccws: 128,
        idaws: 256,
        cached_pages: 0,
    };

    /// The maximum sizes. There is no pin cache.
    ///
    /// 4096 CCWs are as many as the C driver accepts (16 segments of 256). Each can have 33 IDAWs,
    /// which 65,535 bytes in blocks of 2 KiB need. So no program is refused for the number of its
    /// IDAWs, only for longer lists of MIDAWs.
    pub const MAX: Self = Self {
        ccws: 4096,
        idaws: 4096 * idaw::MAX,
        cached_pages: 0,
    };

    /// The number of arena blocks for programs of [`Sizes::IDLE`]: one for the scratch page and 474
    /// CCWs, and one for 1022 IDAWs.
    pub const IDLE_ARENA: usize = 2;

    /// The maximum number of arena blocks, which is 2 MiB. Every program of [`Sizes::MAX`] without
    /// MIDAWs fits; a MIDAW takes twice the room of an IDAW.
    pub const MAX_ARENA: usize = 256;

    /// Returns whether a translator of these sizes or the arena can grow for a program that was too
    /// large.
    pub(crate) fn may_grow<E, A: Arena>(&self, error: &Error<E>, arena: &A) -> bool {
        match error {
            Error::TooLarge(Bound::Ccws) => self.ccws < Self::MAX.ccws,
            Error::TooLarge(Bound::Idaws) => self.idaws < Self::MAX.idaws,
            Error::TooLarge(Bound::Arena) => arena.address(Self::MAX_ARENA - 1).is_none(),
            _ => false,
        }
    }
}

/// Returns the next larger size of a table of `size` entries, or of an arena of `size` blocks: four
/// times as many, but at most `max`. Returns `None` if it has `max` already.
pub fn grown(size: usize, max: usize) -> Option<usize> {
    (size < max).then(|| size.saturating_mul(4).clamp(1, max))
}

/// The sizes of a program, and the cost of its translation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The number of CCWs.
    pub ccws: usize,
    /// The number of segments, which are successive CCWs of the host program.
    pub runs: usize,
    /// The number of IDAWs and MIDAWs of data in pages that were not cached.
    pub blocks: usize,
    /// The number of pages that were pinned.
    pub pages: usize,
    /// The number of calls that pinned them, or tried to.
    pub pin_calls: usize,
    /// The number of CCWs, IDAWs and MIDAWs over which the program may store before the channel
    /// fetches them. Each has a program check in its place.
    pub overwritten: usize,
    /// The guest address of the first of them that was found.
    pub first_overwritten: Option<u32>,
    /// The number of wait points in place of CCWs.
    pub wait_points: usize,
}

#[cfg(test)]
mod tests {
    use super::Sizes;
    use crate::{
        error::{
            Bound,
            Error, //
        },
        memory::Arena,
    };

    /// An arena of so many blocks, to which nothing is written.
    struct Blocks(usize);

    impl Arena for Blocks {
        fn address(&self, block: usize) -> Option<u32> {
            (block < self.0).then_some(0x1000)
        }

        fn write<const N: usize>(&mut self, _: usize, _: [u8; N]) {}
    }

    #[test]
    fn what_has_its_largest_size_may_not_grow() {
        for missing in [0, 1] {
            let sizes = Sizes {
                ccws: Sizes::MAX.ccws - missing,
                idaws: Sizes::MAX.idaws - missing,
                ..Sizes::MAX
            };
            let arena = Blocks(Sizes::MAX_ARENA - missing);
            for bound in [Bound::Ccws, Bound::Idaws, Bound::Arena] {
                let error: Error<()> = Error::TooLarge(bound);
                assert_eq!(sizes.may_grow(&error, &arena), missing > 0, "{bound:?}");
            }
            assert!(!sizes.may_grow(&Error::Memory(()), &arena));
        }
    }
}
