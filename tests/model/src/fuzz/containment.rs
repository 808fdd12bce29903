// SPDX-License-Identifier: GPL-2.0

//! What the channel of the host can reach in a translated program, whatever the device does.

use std::collections::BTreeSet;

use ccwchain::{
    ccw::{
        Ccw,
        Direction,
        Flags,
        Format, //
    },
    host_orb::HostOrb,
    idaw,
    memory::{
        Access,
        PAGE_SIZE, //
    },
    midaw::{
        self,
        Midaw, //
    },
    orb,
};

use crate::memory::{
    ArenaBlocks,
    Guest, //
};

/// A CCW, and how the channel reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ReachedCcw {
    address: u32,
    /// The command that is in effect if data is chained to it.
    chained: Option<u8>,
}

/// Host memory, and the permitted uses of it.
struct Host<'a> {
    orb: orb::Orb,
    guest: &'a Guest,
    arena: &'a ArenaBlocks,
}

/// Follows all ways through a translated program. After each command the device may or may not give
/// status modifier, and may move all of the data or none. The channel may run the CCWs of a data
/// chain as commands, store data that is to be skipped, fetch ahead, and ignore the flag for the
/// last MIDAW.
///
/// # Panics
///
/// If the channel would fetch a CCW or a list from outside the arena, or move data to or from
/// anything except the scratch page and pages that are pinned for that access; or if a CCW is not
/// in normal form.
pub(crate) fn check(host: &HostOrb, guest: &Guest, arena: &ArenaBlocks) {
    let host = Host {
        orb: host.orb(),
        guest,
        arena,
    };
    let mut seen = BTreeSet::new();
    let mut queue = vec![ReachedCcw {
        address: host.orb.cpa(),
        chained: None,
    }];
    while let Some(reached) = queue.pop() {
        if seen.insert(reached) {
            host.step(reached, &mut queue);
        }
    }
}

impl Host<'_> {
    /// Fetches what the channel fetches from below 2 GiB: CCWs and lists.
    fn fetch<const N: usize>(&self, address: u64) -> [u8; N] {
        let bytes = self.arena.get(address);
        assert!(
            !self.arena.scratch().contains(&address),
            "fetch at {address:#x}, in the scratch"
        );
        bytes.unwrap_or_else(|| panic!("fetch at {address:#x}, not in the arena"))
    }

    /// Checks one CCW, and adds those with which the channel may continue.
    fn step(&self, reached: ReachedCcw, queue: &mut Vec<ReachedCcw>) {
        let ccw = Ccw::parse(Format::One, self.fetch(reached.address.into()));
        if ccw.is_tic(Format::One) {
            queue.push(ReachedCcw {
                address: ccw.address,
                ..reached
            });
            return;
        }
        let Some(command) = self.command(&ccw, reached.chained) else {
            return;
        };
        self.check_form(&ccw, Direction::of(command));
        self.data(&ccw, Direction::of(command));
        let mut next = |slots: u32, chained| {
            queue.push(ReachedCcw {
                address: reached.address + 8 * slots,
                chained,
            });
        };
        if ccw.flags.contains(Flags::CD) {
            next(1, Some(command));
            next(1, None);
            next(2, None);
        } else if ccw.flags.contains(Flags::CC) {
            next(1, None);
            next(2, None);
        }
    }

    /// Returns the command in effect, unless the channel ends with a program check at this CCW.
    fn command(&self, ccw: &Ccw, chained: Option<u8>) -> Option<u8> {
        let command = chained.unwrap_or(ccw.command);
        let no_command = matches!(
            Direction::of(command),
            Direction::Invalid | Direction::TransferInChannel
        );
        let chains_data = chained.is_some() || ccw.flags.contains(Flags::CD);
        let modified = ccw.flags.contains(Flags::MIDA);
        let wrong = no_command
            || ccw.address > Format::One.max_address()
            || (chains_data && ccw.count == 0)
            || (modified && !self.orb.flags().contains(orb::Flags::MIDAW));
        (!wrong).then_some(command)
    }

    /// Checks that a CCW means the same to a channel that uses its meaningless fields.
    fn check_form(&self, ccw: &Ccw, direction: Direction) {
        let void = if ccw.flags.contains(Flags::CD) {
            Flags::CC.union(Flags::SLI)
        } else {
            Flags::empty()
        };
        let void = if direction.stores() {
            void
        } else {
            void.union(Flags::SKIP)
        };
        assert!(!ccw.flags.intersects(void), "{ccw}: flags that are void");
        let is_same = match (ccw.direction(), direction) {
            // Status modifier can also lead to it; then it is refused.
            (Direction::Invalid, _) => true,
            (Direction::TransferInChannel, _) => false,
            (own, in_effect) => {
                own.stores() == in_effect.stores()
                    && (own == Direction::ReadBackward) == (in_effect == Direction::ReadBackward)
            }
        };
        assert!(is_same, "{ccw}: in a data chain of {direction}");
    }

    /// Checks the data of a CCW, to the last byte of its count.
    fn data(&self, ccw: &Ccw, direction: Direction) {
        if ccw.flags.contains(Flags::MIDA) {
            self.midaws(ccw, direction);
        } else {
            assert!(ccw.flags.contains(Flags::IDA), "{ccw}: no list");
            self.idaws(ccw, direction);
        }
    }

    fn idaws(&self, ccw: &Ccw, direction: Direction) {
        let format = idaw::Format::of(&self.orb);
        let backward = direction == Direction::ReadBackward;
        let mut left = u64::from(ccw.count.max(1));
        let mut list = u64::from(ccw.address);
        if list % format.size() as u64 != 0 {
            return;
        }
        let mut is_first = true;
        while left > 0 {
            let idaw = u64::from_be_bytes(self.fetch(list));
            let offset = idaw % format.block();
            let start = if backward { format.block() - 1 } else { 0 };
            if !is_first && offset != start {
                return;
            }
            if !self.touch(idaw, ccw, direction) {
                return;
            }
            let room = if backward {
                offset + 1
            } else {
                format.block() - offset
            };
            left = left.saturating_sub(room);
            list += format.size() as u64;
            is_first = false;
        }
        let _: [u8; 8] = self.fetch(list);
    }

    fn midaws(&self, ccw: &Ccw, direction: Direction) {
        let mut left = u64::from(ccw.count);
        let mut list = u64::from(ccw.address);
        if list % midaw::SIZE as u64 != 0 || ccw.flags.contains(Flags::SKIP) {
            return;
        }
        while left > 0 {
            let Some(midaw) = Midaw::parse(self.fetch(list)) else {
                return;
            };
            // Data that is skipped must be within one page, too.
            let is_accepted = midaw.accepts(direction == Direction::ReadBackward);
            if !self.touch(midaw.address, ccw, direction) {
                return;
            }
            assert!(is_accepted, "{ccw}: {midaw:?}");
            left = left.saturating_sub(midaw.count.into());
            list += midaw::SIZE as u64;
        }
        let _: [u8; 16] = self.fetch(list);
    }

    /// Checks an address of data, within one page. Returns whether more data may follow: none does
    /// if no machine has storage at this address.
    fn touch(&self, address: u64, ccw: &Ccw, direction: Direction) -> bool {
        if address / PAGE_SIZE == u64::MAX / PAGE_SIZE {
            return false;
        }
        let access = if direction.stores() {
            Access::Write
        } else {
            Access::Read
        };
        assert!(
            self.arena.scratch().contains(&address)
                || self.guest.pinned_for(address) >= Some(access),
            "{ccw}: {address:#x} is not pinned for {access:?}"
        );
        true
    }
}
