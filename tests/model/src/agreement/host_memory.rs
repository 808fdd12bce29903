// SPDX-License-Identifier: GPL-2.0

//! Host memory, of which the channel may use a part only.

use std::{
    collections::{
        HashMap,
        VecDeque, //
    },
    iter,
    sync::LazyLock, //
};

use ccwchain::{
    ccw::Format,
    host_orb::{
        HostOrb,
        PROGRAM_CHECK, //
    },
    memory::{
        Access,
        BLOCK, //
    },
    orb::Orb,
    translator::{
        Continuation,
        Sizes,
        WAIT_TIC, //
    }, //
};
use iommu_type1_stub::{
    Page,
    Type1, //
};

use super::guest_memory::{
    filling,
    MAPPINGS,
    PAGE, //
};
use crate::{
    channel::{
        Fault,
        Memory,
        Use, //
    },
    machine::Machine,
    memory::{
        ArenaBlocks,
        Guest,
        ARENA, //
    }, //
};

/// The last page of the address space. No machine has storage there, and a host program may contain
/// such an address for a program check.
const NOWHERE: u64 = 0xffff_ffff_ffff_f000;

/// Creates a guest with all mappings, in which nothing is stored.
static MAPPED: LazyLock<Vec<Page>> = LazyLock::new(|| {
    let count = MAPPINGS.iter().map(|(_, len, _)| len / PAGE).sum::<u64>();
    let mut pages = vec![Page::default(); count as usize];
    let mut iommu = Type1::new(&mut pages[..]);
    for (start, len, access) in MAPPINGS {
        iommu.map(*start, *len, *access).expect("room for a page");
        let bytes: Vec<u8> = (*start..).take(*len as usize).map(filling).collect();
        iommu.store(*start, &bytes).expect("mapped memory");
    }
    pages
});

/// The greatest number of rests of a program, as in the driver.
const MAX_RESTS: u32 = 64;

/// Host memory, of which the channel may use a part only, and what translates the program.
pub(crate) struct HostMemory {
    machine: Machine,
    /// The first invalid access of the channel.
    pub(crate) violation: Option<String>,
    /// The ORB of the guest and that of the host.
    orbs: Option<(Orb, HostOrb)>,
    /// The number of rests that were translated while the program waited.
    pub(crate) rests: u32,
    /// The arena of the part before the current one, which the program leaves by a TIC.
    before: Option<ArenaBlocks>,
    /// The guest addresses of the CPAs of all parts before the current one.
    left: HashMap<u32, u32>,
    /// The addresses of the CCWs at which the program waits, as far as the channel has come.
    waits: Vec<u32>,
    /// Set if the CCWs with which a program waits are like others for the channel.
    pub(crate) shows_waits: bool,
    /// What the guest stores at each program-controlled interruption that is still to come.
    responses: VecDeque<(u64, Vec<u8>)>,
}

impl HostMemory {
    /// Creates a host with a guest that has all mappings, in which nothing is stored. It stores
    /// `responses` at the program-controlled interruptions.
    pub(crate) fn new(responses: &[(u64, Vec<u8>)]) -> Self {
        let guest = Guest::new(MAPPED.clone());
        Self {
            machine: Machine::with_guest(guest, Sizes::IDLE, Sizes::IDLE_ARENA),
            violation: None,
            orbs: None,
            rests: 0,
            before: None,
            left: HashMap::new(),
            waits: Vec::new(),
            shows_waits: false,
            responses: responses.iter().cloned().collect(),
        }
    }

    /// Lets programs wait until their rest is translated.
    pub(crate) fn set_wait_points(&mut self) {
        self.machine.translator.set_wait_points(true);
    }

    /// Stores bytes into guest memory where there is some.
    pub(crate) fn put(&mut self, address: u64, bytes: &[u8]) {
        let iommu = &mut self.machine.guest.iommu;
        for (offset, byte) in (0..).zip(bytes) {
            // Bytes that are not mapped are left out.
            let _ = iommu.store(address.wrapping_add(offset), &[*byte]);
        }
    }

    /// Translates a program. Grows the translator and the arena if needed.
    pub(crate) fn translate(&mut self, orb: &Orb) -> Result<HostOrb, String> {
        let translated = self
            .machine
            .translate_growing(|machine| machine.translate(orb));
        if let Ok(host) = translated {
            self.orbs = Some((*orb, host));
        }
        translated.map_err(|error| error.to_string())
    }

    /// Returns the format of CCWs in status.
    pub(crate) fn format(&self) -> Format {
        self.machine.guest_scsw(0).format()
    }

    /// Returns a CPA as the guest sees it.
    pub(crate) fn write_back(&self, cpa: u32) -> u32 {
        match self.left.get(&cpa) {
            Some(cpa) => *cpa,
            None => self.machine.guest_cpa(cpa),
        }
    }

    /// Returns the contents of a guest page.
    pub(crate) fn page(&mut self, address: u64) -> [u8; PAGE as usize] {
        let mut page = [0; PAGE as usize];
        let _ = self.machine.guest.iommu.read(address, &mut page);
        page
    }

    /// Does the work of the driver when the program waits in the wait point at `point`: translates
    /// the rest, and makes the program continue there. A program check ends the program if it
    /// cannot.
    fn translate_rest(&mut self, continuation: Continuation, point: u32) {
        let Some((orb, started)) = self.orbs else {
            return;
        };
        for block in self.machine.arena.blocks.clone() {
            for cpa in (block..block + BLOCK as u32).step_by(8) {
                self.left.insert(cpa, self.machine.guest_cpa(cpa));
            }
        }
        self.rests += 1;
        let Machine {
            guest,
            arena,
            translator,
        } = &mut self.machine;
        let Ok(mut rest) = translator.another(u64::from(self.rests));
        rest.set_wait_points(self.rests < MAX_RESTS);
        // The channel is past all data of the part before.
        translator.release(guest);
        let mut room = ArenaBlocks::new(2 * Sizes::IDLE_ARENA);
        room.move_to(ARENA - 0x40_0000 * self.rests);
        let program = rest.translate_rest(continuation, &orb, guest, &mut room);
        let ccw = match program {
            Ok(program) if started.admits(&program.orb()) => program.tic(),
            Ok(_) | Err(_) => PROGRAM_CHECK,
        };
        let tic = arena.get_mut((point + WAIT_TIC).into(), ccw.len());
        tic.expect("a wait point").copy_from_slice(&ccw);
        *translator = rest;
        self.before = Some(core::mem::replace(arena, room));
    }

    /// Ends the program. Returns the number of pins that are left.
    pub(crate) fn release(&mut self) -> usize {
        self.machine.release();
        self.machine.guest.iommu.pins()
    }

    /// Returns the bytes from which data may be moved or, for storing, to which.
    fn data(&mut self, address: u64, len: usize, access: Access) -> Option<&mut [u8]> {
        let Machine { guest, arena, .. } = &mut self.machine;
        let scratch = arena.scratch();
        if scratch.contains(&address) && address + len as u64 <= scratch.end {
            return arena.get_mut(address, len);
        }
        if guest.pinned_for(address) < Some(access) {
            return None;
        }
        let offset = (address % PAGE) as usize;
        guest.host_page(address)?.get_mut(offset..offset + len)
    }

    /// Does the work of the driver when the channel fetches the second CCW of a wait point.
    fn find_wait(&mut self, purpose: Use, address: u64) {
        let Ok(address) = u32::try_from(address) else {
            return;
        };
        let translator = &self.machine.translator;
        if purpose != Use::Ccw {
            // No CCW.
        } else if translator.continuation(address).is_some() {
            self.waits.extend([address, address + 8]);
        } else if let Some(continuation) = translator.continuation(address.wrapping_sub(8)) {
            self.translate_rest(continuation, address - 8);
        }
    }

    /// Records that the channel must not access these bytes.
    fn refuse(&mut self, what: &str, address: u64, len: usize) -> Fault {
        if address < NOWHERE {
            self.violation
                .get_or_insert(format!("{what} {len} bytes at {address:#x}"));
        }
        Fault::Addressing
    }
}

impl Memory for HostMemory {
    fn fetch(&mut self, address: u64, purpose: Use, buffer: &mut [u8]) -> Result<(), Fault> {
        let len = buffer.len();
        let bytes = match purpose {
            Use::Data => self.data(address, len, Access::Read),
            Use::Ccw | Use::Idaw | Use::Midaw => {
                self.find_wait(purpose, address);
                let arenas = iter::once(&mut self.machine.arena).chain(self.before.as_mut());
                arenas
                    .filter(|arena| !arena.scratch().contains(&address))
                    .find_map(|arena| arena.get_mut(address, len))
            }
        };
        if let Some(bytes) = bytes {
            buffer.copy_from_slice(bytes);
            Ok(())
        } else {
            Err(self.refuse(&format!("fetches {purpose:?} of"), address, len))
        }
    }

    fn store(&mut self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        if let Some(place) = self.data(address, bytes.len(), Access::Write) {
            place.copy_from_slice(bytes);
            Ok(())
        } else {
            Err(self.refuse("stores", address, bytes.len()))
        }
    }

    fn interrupted(&mut self) {
        if let Some((address, bytes)) = self.responses.pop_front() {
            self.put(address, &bytes);
        }
    }

    fn is_wait(&self, address: u32) -> bool {
        !self.shows_waits && self.waits.contains(&address)
    }
}
