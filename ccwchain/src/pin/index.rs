// SPDX-License-Identifier: GPL-2.0

//! Finding items by a number in constant time.

use crate::memory::Storage;

/// An item that an [`Index`] finds.
pub(crate) trait Keyed {
    /// The number that it is found by.
    fn key(&self) -> u64;

    /// The bucket that [`Index::find`] gave for it.
    fn bucket(&self) -> u32;
}

/// A hash table of items that are in an array, with linear probing.
///
/// A bucket is in use if the item that it names also names it, so that nothing need be cleared.
pub(crate) struct Index<S: Storage> {
    buckets: S::Of<u32>,
    /// Keeps a guest from choosing numbers that fall into the same bucket.
    seed: u64,
}

impl<S: Storage> Index<S> {
    /// Makes an index of that many items. `seed` is a random number.
    pub(crate) fn new(items: usize, seed: u64) -> Result<Self, S::Error> {
        Ok(Self {
            buckets: S::allocate(items.saturating_mul(2))?,
            seed: seed | 1,
        })
    }

    /// Finds the place of the item with a number, or the bucket where it is to be.
    pub(crate) fn find(&self, key: u64, items: &[impl Keyed]) -> Result<u32, u32> {
        let buckets = self.buckets.len();
        // A product with a random odd number, of which the upper half is taken, is an almost
        // universal hash: no choice of numbers is bad for many seeds.
        let hash = (key.wrapping_mul(self.seed) >> 32) as usize;
        let mut bucket = hash.checked_rem(buckets).unwrap_or(0);
        loop {
            let found = self.buckets.get(bucket).and_then(|place| {
                let item = items.get(*place as usize)?;
                (item.bucket() as usize == bucket).then_some((*place, item.key()))
            });
            match found {
                None => return Err(bucket as u32),
                Some((place, found)) if found == key => return Ok(place),
                // There are twice as many buckets as items, so that this comes to an end.
                Some(_) => bucket = (bucket + 1) % buckets,
            }
        }
    }

    /// Notes the place of the item in a bucket.
    pub(crate) fn set(&mut self, bucket: u32, place: u32) {
        if let Some(bucket) = self.buckets.get_mut(bucket as usize) {
            *bucket = place;
        }
    }
}
