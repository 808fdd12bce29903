// SPDX-License-Identifier: GPL-2.0

//! The host's program and the ORB for it, as they are handed to the channel.

use core::fmt;

use crate::{
    idaw,
    memory::Arena,
    orb::{
        Flags,
        Orb, //
    },
    translator::image::ArenaAddress,
};

/// The ORB of a translated program. Only a translation makes one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HostOrb(Orb);

impl HostOrb {
    /// The request that runs at `cpa` what `guest` asks for.
    ///
    /// Modified indirect data addressing is asked for only where it is used: a machine without it
    /// gives an operand exception.
    #[inline]
    pub(crate) fn new(guest: &Orb, cpa: ArenaAddress, midaws: bool) -> Self {
        const REPLACED: Flags = Flags::FORMAT_1
            .union(Flags::IDAW_64)
            .union(Flags::IDAW_2K)
            .union(Flags::MIDAW)
            .union(Flags::EXTENSION);

        let mut flags = guest
            .flags()
            .difference(REPLACED)
            .union(Flags::FORMAT_1)
            .union(Flags::IDAW_64);
        if idaw::Format::of(guest).block() == idaw::Format::Two2K.block() {
            flags = flags.union(Flags::IDAW_2K);
        }
        // Immediate operations have no incorrect length in programs of format 0.
        if !guest.format1() {
            flags = flags.union(Flags::LENGTH);
        }
        if midaws {
            flags = flags.union(Flags::MIDAW);
        }
        Self(guest.with_flags(flags).with_cpa(cpa.address()))
    }

    /// The request as an ORB, with the guest's interruption parameter and logical-path mask.
    #[inline]
    pub const fn orb(&self) -> Orb {
        self.0
    }

    /// The eight words of the request, as numbers, with the host's interruption parameter and
    /// logical-path mask; those of the extension are zero.
    #[inline]
    pub const fn words(&self, intparm: u32, lpm: u8) -> [u32; 8] {
        let orb = self.0.with_intparm(intparm).with_lpm(lpm);
        let [intparm, control, cpa] = orb.words();
        [intparm, control, cpa, 0, 0, 0, 0, 0]
    }
}

/// A translated program in its arena, and the request for it. Only a translation makes one.
///
/// While it is whole nothing writes to the arena, so that what the request says is what is there.
#[derive(Debug)]
pub struct HostProgram<A> {
    orb: HostOrb,
    arena: A,
}

impl<A: Arena> HostProgram<A> {
    #[inline]
    pub(crate) fn new(orb: HostOrb, arena: A) -> Self {
        Self { orb, arena }
    }

    /// The request.
    #[inline]
    pub fn orb(&self) -> HostOrb {
        self.orb
    }

    /// Gives up the program for its arena.
    #[inline]
    pub fn into_arena(self) -> A {
        self.arena
    }
}

impl fmt::Debug for HostOrb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host {}", self.0)
    }
}
