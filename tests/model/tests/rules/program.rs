// SPDX-License-Identifier: GPL-2.0

//! A channel program with its memory, and what a run of it shows.

use std::collections::BTreeMap;

use model::channel::{
    device_status::{
        CHANNEL_END,
        DEVICE_END, //
    },
    run_on,
    status_control::{
        ALERT,
        PENDING,
        PRIMARY,
        SECONDARY, //
    },
    subchannel_status::PROGRAM_CHECK,
    Ccw,
    Deviations,
    Ending,
    Event,
    Fault,
    Format,
    Memory,
    Request,
    Run,
    Script,
    Status,
    Step,
    Use, //
};

/// Where programs begin.
pub(crate) const PROGRAM: u32 = 0x1000;

/// Where there is room for data; the lists are in the page before.
pub(crate) const DATA: u32 = 0x8000;

/// Where there is room for lists.
pub(crate) const LIST: u32 = 0x7000;

/// Channel end and device end.
pub(crate) const ENDED: u8 = CHANNEL_END | DEVICE_END;

/// A channel program with its memory, in pages of 4 KiB.
#[derive(Clone, Default)]
pub(crate) struct Program {
    pages: BTreeMap<u64, [u8; 4096]>,
    /// The pages that nothing can be stored into.
    pub(crate) protected: Vec<u64>,
    /// What was used in what order: purpose, address, length.
    pub(crate) used: Vec<(Use, u64, usize)>,
    pub(crate) request: Option<Request>,
    /// The first data that the device returns.
    pub(crate) input: Vec<u8>,
}

impl Program {
    /// Creates memory with a page for the program, one for lists and eight for data.
    pub(crate) fn new() -> Self {
        let mut program = Self::default();
        for page in [0x1000, 0x7000]
            .into_iter()
            .chain((0..8).map(|n| 0x8000 + n * 0x1000))
        {
            program.map(page);
        }
        program
    }

    /// Adds a page.
    pub(crate) fn map(&mut self, address: u64) {
        self.pages.insert(address / 4096, [0; 4096]);
    }

    /// Creates a program of format 1.
    pub(crate) fn with(ccws: &[Ccw]) -> Self {
        Self::new().put(Format::One, PROGRAM, ccws)
    }

    /// Creates a program of format 0.
    pub(crate) fn with_format0(ccws: &[Ccw]) -> Self {
        let mut program = Self::new().put(Format::Zero, PROGRAM, ccws);
        program.request = Some(Request {
            format: Format::Zero,
            ..Request::new(PROGRAM)
        });
        program
    }

    /// Stores CCWs at an address.
    pub(crate) fn put(mut self, format: Format, address: u32, ccws: &[Ccw]) -> Self {
        let bytes: Vec<u8> = ccws.iter().flat_map(|ccw| ccw.to_bytes(format)).collect();
        self.set(address.into(), &bytes);
        self
    }

    /// Stores 64-bit words at [`LIST`].
    pub(crate) fn list(mut self, words: &[u64]) -> Self {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        self.set(LIST.into(), &bytes);
        self
    }

    /// Changes the request.
    pub(crate) fn request(mut self, change: impl FnOnce(&mut Request)) -> Self {
        let mut request = self.request.unwrap_or(Request::new(PROGRAM));
        change(&mut request);
        self.request = Some(request);
        self
    }

    /// Stores bytes at an address.
    pub(crate) fn set(&mut self, address: u64, bytes: &[u8]) {
        for (address, byte) in (address..).zip(bytes) {
            self.pages.get_mut(&(address / 4096)).expect("a page")[address as usize % 4096] = *byte;
        }
    }

    /// Returns the bytes at an address.
    pub(crate) fn get(&self, address: u64, len: usize) -> Vec<u8> {
        (address..)
            .take(len)
            .map(|address| self.pages[&(address / 4096)][address as usize % 4096])
            .collect()
    }

    /// Runs the program with a device that takes these steps.
    pub(crate) fn run(&mut self, steps: &[Step]) -> Run {
        self.run_on(&Deviations::NONE, steps)
    }

    /// Runs the program on a channel that deviates from the architecture.
    pub(crate) fn run_on(&mut self, deviations: &Deviations, steps: &[Step]) -> Run {
        let request = self.request.unwrap_or(Request::new(PROGRAM));
        let mut device = Script::new(steps).with_input(&self.input);
        run_on(deviations, self, &mut device, &request, 100)
    }

    /// Returns the addresses and lengths of the moved data.
    pub(crate) fn data_used(&self) -> Vec<(u64, usize)> {
        self.used
            .iter()
            .filter(|(purpose, ..)| *purpose == Use::Data)
            .map(|(_, address, len)| (*address, *len))
            .collect()
    }

    fn page(&mut self, address: u64) -> Result<&mut [u8; 4096], Fault> {
        self.pages
            .get_mut(&(address / 4096))
            .ok_or(Fault::Addressing)
    }
}

impl Memory for Program {
    fn fetch(&mut self, address: u64, purpose: Use, buffer: &mut [u8]) -> Result<(), Fault> {
        self.used.push((purpose, address, buffer.len()));
        let page = self.page(address)?;
        buffer.copy_from_slice(&page[address as usize % 4096..][..buffer.len()]);
        Ok(())
    }

    fn store(&mut self, address: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.used.push((Use::Data, address, bytes.len()));
        let protected = self.protected.contains(&(address / 4096));
        let page = self.page(address)?;
        if protected {
            return Err(Fault::Protection);
        }
        page[address as usize % 4096..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

/// Returns a CCW.
pub(crate) const fn ccw(code: u8, flags: u8, count: u16, address: u32) -> Ccw {
    Ccw {
        code,
        flags,
        count,
        address,
    }
}

/// Returns a transfer in channel.
pub(crate) fn tic(address: u32) -> Ccw {
    ccw(0x08, 0, 0, address)
}

/// Returns the ending with normal status.
pub(crate) fn done(cpa: u32, count: u16) -> Ending {
    Ending::Done(Status {
        control: PRIMARY | SECONDARY | PENDING,
        device: ENDED,
        subchannel: 0,
        cpa,
        count: Some(count),
    })
}

/// Returns the ending with alert status.
pub(crate) fn alert(device: u8, subchannel: u8, cpa: u32, count: Option<u16>) -> Ending {
    Ending::Done(Status {
        control: ALERT | PRIMARY | SECONDARY | PENDING,
        device,
        subchannel,
        cpa,
        count,
    })
}

/// Returns the ending with a program check before a device took the command.
pub(crate) fn program_check(cpa: u32) -> Ending {
    alert(0, PROGRAM_CHECK, cpa, None)
}

/// Returns the ending with a program check in a transfer.
pub(crate) fn transfer_check(cpa: u32) -> Ending {
    alert(ENDED, PROGRAM_CHECK, cpa, None)
}

/// Returns the command codes that the device received.
pub(crate) fn codes(run: &Run) -> Vec<u8> {
    run.events
        .iter()
        .filter_map(|event| match event {
            Event::Command { code, .. } => Some(*code),
            Event::Interruption(_) => None,
        })
        .collect()
}

/// Returns the data of all commands.
pub(crate) fn data(run: &Run) -> Vec<u8> {
    run.events
        .iter()
        .flat_map(|event| match event {
            Event::Command { data, .. } => data.clone(),
            Event::Interruption(_) => Vec::new(),
        })
        .collect()
}
