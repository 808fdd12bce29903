// SPDX-License-Identifier: GPL-2.0

//! The guest of an input, for a channel that is not part of this model.

use ccwchain::orb::Orb;
use iommu_type1_stub::{
    Access,
    PAGE_SIZE, //
};

use crate::{
    agreement::Case,
    channel::{
        run,
        Ending,
        Fault,
        Memory,
        Request,
        Script,
        Step,
        Use, //
    }, //
};

/// A guest with a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostileGuest {
    /// The ORB.
    pub orb: Orb,
    /// The pages that are mapped for the device.
    pub pages: Vec<GuestPage>,
    /// The first data that the device returns.
    pub input: Vec<u8>,
    /// The stores of the guest, one at each program-controlled interruption: address and bytes.
    pub responses: Vec<(u64, Vec<u8>)>,
}

/// A page that is mapped for the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestPage {
    /// The address of its first byte.
    pub address: u64,
    /// Set if the device may store into it.
    pub is_writable: bool,
    /// Its contents.
    pub bytes: Vec<u8>,
}

impl GuestPage {
    /// Creates a page.
    pub(crate) fn new(address: u64, access: Access, bytes: &[u8]) -> Self {
        Self {
            address,
            is_writable: access == Access::Write,
            bytes: bytes.to_vec(),
        }
    }
}

impl HostileGuest {
    /// Creates the guest of a case.
    pub(crate) fn of_case(case: &Case) -> Self {
        let memory = case.memory().into_iter();
        Self {
            orb: case.orb,
            pages: memory
                .map(|(address, access, bytes)| GuestPage::new(address, access, &bytes))
                .collect(),
            input: case.input.clone(),
            responses: case.responses.clone(),
        }
    }

    /// Returns whether the program has a loop that nothing but the device ends: on one that takes
    /// every command, and moves no data, it runs for ever.
    pub fn may_loop(&self) -> bool {
        /// More CCWs than a program has that ends.
        const LIMIT: usize = 10_000;

        let mut device = Script::new(&[Step::immediate()]);
        let request = Request {
            suppress_length: true,
            ..Request::from_orb(self.orb.words())
        };
        let run = run(&mut Fetched(&self.pages), &mut device, &request, LIMIT);
        run.ending == Ending::Cut
    }
}

/// The memory of a guest, into which no device stores.
struct Fetched<'a>(&'a [GuestPage]);

impl Memory for Fetched<'_> {
    fn fetch(&mut self, address: u64, _: Use, buffer: &mut [u8]) -> Result<(), Fault> {
        let (page, offset) = (address & !(PAGE_SIZE - 1), (address % PAGE_SIZE) as usize);
        let page = self.0.iter().find(|known| known.address == page);
        let bytes = &page.ok_or(Fault::Addressing)?.bytes;
        buffer.copy_from_slice(&bytes[offset..offset + buffer.len()]);
        Ok(())
    }

    fn store(&mut self, _: u64, _: &[u8]) -> Result<(), Fault> {
        Err(Fault::Protection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Ccw;

    fn ccw(code: u8, flags: u8, address: u32) -> Ccw {
        Ccw {
            code,
            flags,
            count: 1,
            address,
        }
    }

    fn guest(ccws: &[Ccw]) -> HostileGuest {
        let case = Case {
            orb: Orb::default().with_cpa(0x1_0000),
            ccws: (0x1_0000..).step_by(8).zip(ccws.iter().copied()).collect(),
            ..Case::default()
        };
        HostileGuest::of_case(&case)
    }

    #[test]
    fn only_a_loop_may_loop() {
        let nop = ccw(0x03, Ccw::CC, 0);
        let back = ccw(0x08, 0, 0x1_0000);
        assert!(guest(&[nop, back]).may_loop());
        assert!(!guest(&[nop, nop, ccw(0x03, 0, 0)]).may_loop());
        assert!(!guest(&[nop, ccw(0x08, 0, 0x9_0000)]).may_loop());
    }

    #[test]
    fn the_pages_have_the_program_and_the_rights_of_the_mappings() {
        let guest = guest(&[ccw(0x03, 0, 0x12_3456)]);
        let page = |address| guest.pages.iter().find(|page| page.address == address);
        let first = page(0x1_0000).unwrap();
        assert!(first.is_writable);
        assert_eq!(first.bytes[..8], [0x03, 0x12, 0x34, 0x56, 0, 0, 0, 1]);
        assert!(!page(0x1_5000).unwrap().is_writable);
        assert_eq!(page(0x1_4000), None);
    }
}
