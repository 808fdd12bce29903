// SPDX-License-Identifier: GPL-2.0

//! The host program of a [`Machine`], with the guest addresses that its data addresses stand for.

use ccwchain::{
    ccw::{
        Ccw,
        Direction,
        Flags,
        Format, //
    },
    host_orb::HostOrb,
    memory::Access,
    midaw::{
        self,
        Midaw, //
    },
};

use crate::machine::{
    ccw,
    Machine,
    FAULT, //
};

impl Machine {
    /// Returns the host CCW that many slots after the first one.
    pub fn host_ccw(&self, host: &HostOrb, number: u32) -> Ccw {
        let address = u64::from(host.orb().cpa() + 8 * number);
        Ccw::parse(Format::One, self.arena.get(address).unwrap())
    }

    /// Returns whether that CCW gives a program check, however it is reached.
    pub fn is_program_check(&self, host: &HostOrb, number: u32) -> bool {
        self.host_ccw(host, number) == ccw(0, Flags::empty(), 0, 0x8000_0000)
    }

    /// Returns the IDAWs of a host CCW, up to a fault.
    pub fn host_idaws(&self, host: &HostOrb, ccw: &Ccw) -> Vec<u64> {
        assert!(ccw.flags.contains(Flags::IDA), "{ccw}");
        let format = ccwchain::idaw::Format::of(&host.orb());
        let idaw = |number: u64| {
            let address = u64::from(ccw.address) + 8 * number;
            u64::from_be_bytes(self.arena.get(address).unwrap())
        };
        let count = ccw.count.max(1);
        let needed = match ccw.direction() {
            Direction::ReadBackward => format.needed_backward(idaw(0), count),
            _ => format.needed(idaw(0), count),
        };
        let mut idaws: Vec<_> = (0..needed as u64).map(idaw).collect();
        if let Some(fault) = idaws.iter().position(|idaw| *idaw == FAULT) {
            idaws.truncate(fault + 1);
        }
        let list = u64::from(ccw.address);
        let last = list + 8 * idaws.len() as u64 - 1;
        assert_eq!(list / 2048, last / 2048, "{ccw}");
        idaws
    }

    /// Returns the guest addresses of the blocks of a host CCW, followed by [`FAULT`] if there is a
    /// program check. Blocks of the scratch page are left out.
    pub fn guest_blocks(&self, host: &HostOrb, ccw: &Ccw) -> Option<Vec<u64>> {
        let idaws = self.host_idaws(host, ccw);
        let scratch = self.arena.scratch();
        if idaws.iter().all(|idaw| scratch.contains(idaw)) {
            return None;
        }
        let guest = |idaw: &u64| match *idaw {
            FAULT => FAULT,
            idaw => self.guest_address(ccw, idaw),
        };
        Some(idaws.iter().map(guest).collect())
    }

    /// Returns the guest address of data at an absolute address that a CCW uses.
    fn guest_address(&self, ccw: &Ccw, address: u64) -> u64 {
        let access = if ccw.direction().stores() {
            Access::Write
        } else {
            Access::Read
        };
        assert!(
            self.guest.pinned_for(address) >= Some(access),
            "{ccw}: {address:#x} is not pinned for {access:?}"
        );
        self.guest.iova(address).unwrap()
    }

    /// Returns the MIDAWs of a host CCW with guest addresses. [`FAULT`] is unchanged, and addresses
    /// in the scratch page are absolute.
    pub fn guest_midaws(&self, ccw: &Ccw) -> Vec<Midaw> {
        assert!(ccw.flags.contains(Flags::MIDA), "{ccw}");
        assert_eq!(ccw.address % 16, 0, "{ccw}");
        let scratch = self.arena.scratch();
        let mut midaws = Vec::new();
        let mut rest = ccw.count;
        for address in (u64::from(ccw.address)..).step_by(16) {
            assert_eq!(address / 4096, u64::from(ccw.address) / 4096, "{ccw}");
            let midaw = Midaw::parse(self.arena.get(address).unwrap()).unwrap();
            rest = rest.saturating_sub(midaw.count);
            midaws.push(Midaw {
                address: match midaw.address {
                    FAULT => FAULT,
                    address if scratch.contains(&address) => address - scratch.start,
                    address => self.guest_address(ccw, address),
                },
                ..midaw
            });
            if rest == 0 || midaw.flags.contains(midaw::Flags::LAST) {
                break;
            }
        }
        midaws
    }
}
