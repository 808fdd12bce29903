// SPDX-License-Identifier: GPL-2.0

//! The request that is handed to the channel.

use core::fmt;

use crate::{
    idaw,
    image::ArenaAddress,
    orb::{
        Flags,
        Orb, //
    },
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

    /// The same request with the host's own interruption parameter.
    #[inline]
    #[must_use]
    pub const fn with_intparm(self, intparm: u32) -> Self {
        Self(self.0.with_intparm(intparm))
    }

    /// The same request with this logical-path mask.
    #[inline]
    #[must_use]
    pub const fn with_lpm(self, lpm: u8) -> Self {
        Self(self.0.with_lpm(lpm))
    }

    /// The request as an ORB.
    #[inline]
    pub const fn orb(&self) -> Orb {
        self.0
    }

    /// The eight words of the request, as numbers; those of the extension are zero.
    #[inline]
    pub const fn words(&self) -> [u32; 8] {
        let [intparm, control, cpa] = self.0.words();
        [intparm, control, cpa, 0, 0, 0, 0, 0]
    }
}

impl fmt::Debug for HostOrb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host {}", self.0)
    }
}
