// SPDX-License-Identifier: GPL-2.0

//! Channel programs of the z/Architecture: their formats, and their translation for a guest.
//!
//! The addresses in a guest channel program are guest addresses. [`translator`] makes a host
//! program of it, with absolute addresses, that the channel runs instead. [`memory`] has the traits
//! through which the translator reads and pins guest memory. [`format`](mod@format) has the formats
//! of the Principles of Operation: big-endian in memory, and numbers in Rust.
//!
//! The crate depends on `core` only, allocates memory only through [`memory::Storage`], and does no
//! I/O. Cargo builds it for any host, Kbuild for the kernel.
//!
//! # Examples
//!
//! A guest with 16 KiB of memory writes 80 bytes to its console:
//!
//! ```
//! use ccwchain::{
//!     ccw::{self, Ccw, Format},
//!     irb::Irb,
//!     memory::{Access, Arena, GuestMemory, MemoryError, PinnedRange, Storage, BLOCK, PAGE_SIZE},
//!     orb::{self, Orb},
//!     scsw::Scsw,
//!     translator::{Sizes, Translator},
//! };
//!
//! /// Allocates working memory on the heap.
//! struct Heap;
//!
//! impl Storage for Heap {
//!     type Of<T> = Vec<T>;
//!     type Error = std::convert::Infallible;
//!
//!     fn allocate<T: Clone + Default>(len: usize) -> Result<Vec<T>, Self::Error> {
//!         Ok(vec![T::default(); len])
//!     }
//! }
//!
//! /// Guest memory from the guest address 0 on, at the absolute address `HOST`.
//! struct Guest {
//!     bytes: Vec<u8>,
//!     pinned: usize,
//! }
//!
//! const HOST: u64 = 0x1_0000_0000;
//!
//! impl GuestMemory for Guest {
//!     type Error = std::convert::Infallible;
//!
//!     fn read(&mut self, address: u64, to: &mut [u8]) -> Result<(), MemoryError<Self::Error>> {
//!         let from = self.bytes.get(address as usize..).and_then(|bytes| bytes.get(..to.len()));
//!         to.copy_from_slice(from.ok_or(MemoryError::Guest)?);
//!         Ok(())
//!     }
//!
//!     fn pin(
//!         &mut self,
//!         first: u64,
//!         _: Access,
//!         host_addresses: &mut [u64],
//!     ) -> Result<(), MemoryError<Self::Error>> {
//!         for (host_address, number) in host_addresses.iter_mut().zip(first..) {
//!             *host_address = HOST + number * PAGE_SIZE;
//!         }
//!         self.pinned += host_addresses.len();
//!         Ok(())
//!     }
//!
//!     fn unpin(&mut self, range: PinnedRange) {
//!         self.pinned -= range.count();
//!     }
//! }
//!
//! /// Two arena blocks at the absolute address `BASE`.
//! struct Low(Vec<u8>);
//!
//! const BASE: u32 = 0x4000_0000;
//!
//! impl Arena for Low {
//!     fn address(&self, block: usize) -> Option<u32> {
//!         [BASE, BASE + BLOCK as u32].get(block).copied()
//!     }
//!
//!     fn write<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
//!         self.0[offset..offset + N].copy_from_slice(&bytes);
//!     }
//! }
//!
//! let mut guest = Guest { bytes: vec![0; 0x4000], pinned: 0 };
//! let write = Ccw { command: ccw::WRITE, count: 80, address: 0x2000, ..Ccw::default() };
//! guest.bytes[0x1000..0x1008].copy_from_slice(&write.to_bytes(Format::One));
//! let orb = Orb::default().with_flags(orb::Flags::FORMAT_1).with_cpa(0x1000);
//!
//! let mut translator = Translator::<Heap>::new(Sizes::IDLE, 0x1234_5678)?;
//! let arena = Low(vec![0; 2 * BLOCK]);
//! let host = match translator.translate(&orb, &mut guest, arena) {
//!     Ok(host) => host,
//!     Err((error, _arena)) => panic!("{error}"),
//! };
//! assert_eq!(guest.pinned, 1);
//!
//! // The host CCW has a list of one IDAW with the absolute address of the data.
//! let cpa = host.orb().orb().cpa();
//! let arena = host.into_arena();
//! let at = |address: u32| -> [u8; 8] {
//!     let offset = (address - BASE) as usize;
//!     arena.0[offset..offset + 8].try_into().unwrap()
//! };
//! let host_ccw = Ccw::parse(Format::One, at(cpa));
//! assert_eq!((host_ccw.command, host_ccw.count), (ccw::WRITE, 80));
//! assert!(host_ccw.flags.contains(ccw::Flags::IDA));
//! assert_eq!(u64::from_be_bytes(at(host_ccw.address)), HOST + 0x2000);
//!
//! // The channel presents status with the address after the last CCW.
//! let mut irb = Irb::default();
//! irb.set_scsw(Scsw::from_words([0x0080_4007, cpa + ccw::SIZE, 0x0c00_0000]));
//! translator.write_back(&mut irb);
//! assert_eq!(irb.scsw().cpa(), 0x1008);
//!
//! translator.release(&mut guest);
//! assert_eq!(guest.pinned, 0);
//! # Ok::<(), std::convert::Infallible>(())
//! ```

#![cfg_attr(not(CONFIG_RUST), no_std)]
#![forbid(unsafe_code)]

mod pin;
mod prefix;
mod sort;

pub mod error;
pub mod format;
pub mod memory;
pub mod translator;

pub use format::{
    ccw,
    condition_code,
    idaw,
    irb,
    midaw,
    orb,
    scsw, //
};
pub use translator::host_orb;

#[cfg(any(test, CONFIG_VFIO_CCW_RUST_KUNIT_TEST))]
pub mod vectors;
