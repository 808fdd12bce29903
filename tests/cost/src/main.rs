// SPDX-License-Identifier: GPL-2.0

//! Translates a program several times, so that `make cost` can count the instructions.
//!
//! Guest memory is an array and pinning is an addition, which cost a few instructions.

mod programs;

use std::{
    convert::Infallible,
    env,
    process::ExitCode, //
};

use ccwchain::{
    memory::{
        Access,
        Arena,
        GuestMemory,
        MemoryError,
        PinnedRange,
        BLOCK,
        PAGE_SIZE, //
    },
    translator::{
        Sizes,
        Translator, //
    },
};
use model::memory::Heap;

use programs::Program;

/// Guest memory from address zero on.
struct Guest(Vec<u8>);

impl GuestMemory for Guest {
    type Error = Infallible;

    fn read(&mut self, address: u64, buffer: &mut [u8]) -> Result<(), MemoryError<Infallible>> {
        let bytes = self.0.get(address as usize..).unwrap_or_default();
        let bytes = bytes.get(..buffer.len()).ok_or(MemoryError::Guest)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn pin(
        &mut self,
        first: u64,
        _: Access,
        host_addresses: &mut [u64],
    ) -> Result<(), MemoryError<Infallible>> {
        for (host_address, number) in host_addresses.iter_mut().zip(first..) {
            *host_address = (1 << 40) + PAGE_SIZE * number;
        }
        Ok(())
    }

    fn unpin(&mut self, _: PinnedRange) {}
}

/// The number of arena blocks, which is enough for all programs.
const BLOCKS: u32 = 128;

/// The 31-bit memory of the host, with blocks that are not adjacent, as in the kernel.
struct Low {
    blocks: Vec<u32>,
    bytes: Vec<u8>,
}

impl Low {
    fn new() -> Self {
        Self {
            blocks: (0..BLOCKS)
                .map(|number| 0x4000_0000 - 0x10_0000 * number)
                .collect(),
            bytes: vec![0; BLOCKS as usize * BLOCK],
        }
    }
}

impl Arena for Low {
    fn address(&self, block: usize) -> Option<u32> {
        self.blocks.get(block).copied()
    }

    fn write<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
        self.bytes[offset..offset + N].copy_from_slice(&bytes);
    }
}

/// Translates a program `times` times. Returns its numbers of CCWs and IDAWs.
fn measure(program: &Program, times: u32) -> Result<(usize, usize), String> {
    let sizes = Sizes {
        ccws: 20480,
        idaws: 65536,
        cached_pages: 0,
    };
    let Ok(mut translator) = Translator::<Heap>::new(sizes, 0x9e37_79b9_7f4a_7c15);
    let mut guest = Guest(program.memory());
    let mut arena = Low::new();
    let orb = program.orb();
    for _ in 0..times {
        arena = translator
            .translate(&orb, &mut guest, arena)
            .map_err(|(error, _)| error.to_string())?
            .into_arena();
    }
    let stats = translator.stats();
    Ok((stats.ccws, stats.blocks))
}

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let program = args.next().zip(args.next()).and_then(|(kind, ccws)| {
        let ccws = ccws.parse().ok().filter(|ccws| (1..=4096).contains(ccws))?;
        Program::new(&kind, ccws)
    });
    let times = args.next().and_then(|times| times.parse().ok());
    let (Some(program), Some(times)) = (program, times) else {
        eprintln!("usage: cost PROGRAM CCWS TIMES");
        eprintln!("programs: {}; 1 to 4096 CCWs", Program::KINDS.join(", "));
        return ExitCode::from(2);
    };
    match measure(&program, times) {
        Ok((ccws, idaws)) => {
            println!("{ccws} {idaws}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("the program is not translated: {error}");
            ExitCode::FAILURE
        }
    }
}
