// SPDX-License-Identifier: GPL-2.0

//! The formats of the Principles of Operation: big-endian in memory, and numbers in Rust.

mod flags;

pub mod ccw;
pub mod condition_code;
pub mod idaw;
pub mod irb;
pub mod midaw;
pub mod orb;
pub mod scsw;

/// Returns the three big-endian words of these bytes, which an ORB and an SCSW have.
#[inline]
fn words_from_bytes(bytes: &[u8; 12]) -> [u32; 3] {
    let mut words = [0; 3];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        let bytes = bytes.first_chunk().copied().unwrap_or_default();
        *word = u32::from_be_bytes(bytes);
    }
    words
}

/// Returns the bytes of three words, big-endian.
#[inline]
fn words_to_bytes(words: [u32; 3]) -> [u8; 12] {
    let mut bytes = [0; 12];
    for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}
