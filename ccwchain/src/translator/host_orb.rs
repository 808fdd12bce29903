// SPDX-License-Identifier: GPL-2.0

//! The host program and its ORB, as they are passed to the channel.

use core::fmt;

use crate::{
    ccw::{
        self,
        Ccw,
        Format, //
    },
    error::Error,
    idaw,
    memory::Arena,
    orb::{
        Flags,
        Orb, //
    },
    translator::image::ArenaAddress,
    translator::wait_points::WaitPoints, //
};

/// Refuses a guest ORB for which START SUBCHANNEL recognizes an operand exception, and one of
/// transport mode.
pub(crate) fn check_orb<E>(orb: &Orb) -> Result<(), Error<E>> {
    if orb.transport() {
        return Err(Error::TransportMode);
    }
    let control = orb.flags().intersection(Flags::RESERVED);
    let cpa = orb.cpa() & 0x8000_0000;
    if control.is_empty() && cpa == 0 {
        Ok(())
    } else {
        Err(Error::ReservedOrbBits { control, cpa })
    }
}

/// The ORB of a host program. Only a translation creates one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HostOrb(Orb);

impl HostOrb {
    /// Returns the ORB for the host program at `cpa`, which does what the guest asks for in
    /// `guest`.
    ///
    /// It allows MIDAWs only if the program has some: a machine without that facility recognizes an
    /// operand exception (Principles of Operation, "Operation-Request Block").
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
        // In a format-0 program, an immediate operation never has an incorrect length.
        if !guest.format1() {
            flags = flags.union(Flags::LENGTH);
        }
        if midaws {
            flags = flags.union(Flags::MIDAW);
        }
        Self(guest.with_flags(flags).with_cpa(cpa.address()))
    }

    /// Returns the ORB for a channel that does not prefetch, because the program has wait points.
    #[cold]
    pub(crate) fn without_prefetch(self) -> Self {
        let flags = self.0.flags().difference(Flags::PREFETCH);
        Self(self.0.with_flags(flags))
    }

    /// Returns the ORB, with the interruption parameter and the logical-path mask of the guest.
    #[inline]
    pub const fn orb(&self) -> Orb {
        self.0
    }

    /// Returns whether a program that was started with this ORB can continue as the program of
    /// `rest`: only the CPA may differ, `rest` need not allow MIDAWs, and may allow prefetching.
    pub fn admits(&self, rest: &Self) -> bool {
        let midaw = self.0.flags().intersection(Flags::MIDAW);
        let mut flags = rest.0.flags().union(midaw);
        if !self.0.prefetch() {
            flags = flags.difference(Flags::PREFETCH);
        }
        self.0 == rest.0.with_flags(flags).with_cpa(self.0.cpa())
    }

    /// Returns the eight words of the ORB as numbers, with this interruption parameter and this
    /// logical-path mask. The words of the extension are zero.
    #[inline]
    pub const fn words(&self, intparm: u32, lpm: u8) -> [u32; 8] {
        let orb = self.0.with_intparm(intparm).with_lpm(lpm);
        let [intparm, control, cpa] = orb.words();
        [intparm, control, cpa, 0, 0, 0, 0, 0]
    }
}

pub use crate::translator::image::PROGRAM_CHECK;

/// A host program in its arena, with its ORB. Only a translation creates one.
///
/// It owns the arena, so that nothing changes the program that the ORB points to.
#[derive(Debug)]
pub struct HostProgram<A> {
    orb: HostOrb,
    wait_points: WaitPoints,
    arena: A,
}

impl<A: Arena> HostProgram<A> {
    #[inline]
    pub(crate) fn new(orb: HostOrb, wait_points: WaitPoints, arena: A) -> Self {
        Self {
            orb,
            wait_points,
            arena,
        }
    }

    /// Returns where the program waits until its rest is translated.
    #[inline]
    pub fn wait_points(&self) -> &WaitPoints {
        &self.wait_points
    }

    /// Returns the ORB.
    #[inline]
    pub fn orb(&self) -> HostOrb {
        self.orb
    }

    /// Returns a CCW that leads to the program: a TIC, of format 1.
    #[inline]
    pub fn tic(&self) -> [u8; ccw::SIZE as usize] {
        Ccw {
            command: ccw::TIC,
            address: self.orb.0.cpa(),
            ..Ccw::default()
        }
        .to_bytes(Format::One)
    }

    /// Returns the arena. The program is lost.
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
