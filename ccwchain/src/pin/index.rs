// SPDX-License-Identifier: GPL-2.0

//! A hash table that finds the items of an array by number, in constant time.
//!
//! The items of this table are removed all at once, and those of the table of the pin cache
//! (`entries.rs`) one by one. One table for both makes each insertion dearer, and programs that are
//! not sequential 1 to 2 %: an item that leaves this table would leave a gap behind it, and the
//! table of the cache cannot tell the items of an earlier program from those of this one.

use crate::memory::Storage;

/// Returns a hash of `number`. `seed` is a random odd number, which makes the hash unpredictable.
///
/// The upper half of the product with a random odd number is an almost universal hash: no choice of
/// numbers collides for many seeds.
#[inline(always)]
pub(crate) fn hash(number: u64, seed: u64) -> usize {
    debug_assert!(seed % 2 == 1);
    (number.wrapping_mul(seed) >> 32) as usize
}

/// An item that a [`HashIndex`] finds.
pub(crate) trait Keyed {
    /// Returns the number by which the item is found.
    fn key(&self) -> u64;

    /// Returns the bucket that [`HashIndex::find`] returned for the item.
    fn bucket(&self) -> u32;
}

/// A hash table of the items of an array, with linear probing.
///
/// A bucket is in use if the item that it names also names the bucket. So the table is empty as
/// soon as the array is, and is never cleared.
pub(crate) struct HashIndex<S: Storage> {
    /// Indexes of items; twice as many as there can be items.
    buckets: S::Of<u32>,
    /// A random odd number.
    seed: u64,
}

impl<S: Storage> HashIndex<S> {
    /// Creates an index of up to `items` items. `seed` is a random number.
    pub(crate) fn new(items: usize, seed: u64) -> Result<Self, S::Error> {
        Ok(Self {
            buckets: S::allocate(items.saturating_mul(2))?,
            seed: seed | 1,
        })
    }

    /// Returns the index of the item with this key, or `Err` with the bucket in which it belongs.
    pub(crate) fn find(&self, key: u64, items: &[impl Keyed]) -> Result<u32, u32> {
        let buckets = self.buckets.len();
        let mut bucket = hash(key, self.seed).checked_rem(buckets).unwrap_or(0);
        loop {
            let found = self.buckets.get(bucket).and_then(|index| {
                let item = items.get(*index as usize)?;
                (item.bucket() as usize == bucket).then_some((*index, item.key()))
            });
            match found {
                None => return Err(bucket as u32),
                Some((index, found)) if found == key => return Ok(index),
                // Ends, because at least half of the buckets are free.
                Some(_) => bucket = (bucket + 1) % buckets,
            }
        }
    }

    /// Returns the buckets, to be used for something else while the array is not used.
    pub(crate) fn buckets(&mut self) -> &mut [u32] {
        &mut self.buckets
    }

    /// Puts the item with this index into a bucket that [`Self::find`] returned.
    pub(crate) fn set(&mut self, bucket: u32, index: u32) {
        if let Some(bucket) = self.buckets.get_mut(bucket as usize) {
            *bucket = index;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::{
        hash,
        HashIndex,
        Keyed, //
    };
    use crate::memory::tests::Heap;

    struct Item {
        key: u64,
        bucket: u32,
    }

    impl Keyed for Item {
        fn key(&self) -> u64 {
            self.key
        }

        fn bucket(&self) -> u32 {
            self.bucket
        }
    }

    #[test]
    fn items_that_collide_in_the_last_bucket_are_found_in_the_first_ones() {
        let Ok(mut index) = HashIndex::<Heap>::new(4, 1);
        let buckets = index.buckets().len();
        let collides = |key: &u64| hash(*key, index.seed) % buckets == buckets - 1;
        let keys: Vec<u64> = (0..).step_by(1 << 31).filter(collides).take(4).collect();
        let mut items = Vec::new();
        for key in keys.iter().copied() {
            let bucket = index.find(key, &items).unwrap_err();
            index.set(bucket, items.len() as u32);
            items.push(Item { key, bucket });
        }
        for (number, key) in (0..).zip(keys) {
            assert_eq!(index.find(key, &items), Ok(number));
        }
    }

    #[test]
    fn neighbouring_numbers_are_spread_over_the_buckets() {
        const BUCKETS: usize = 8192;

        for seed in [0x9e37_79b9_7f4a_7c15, 0xd134_2543_de82_ef95] {
            let mut used = [false; BUCKETS];
            for number in 0..BUCKETS as u64 / 2 {
                used[hash(number, seed) % BUCKETS] = true;
            }
            assert!(used.iter().filter(|used| **used).count() > BUCKETS / 4);
        }
    }
}
