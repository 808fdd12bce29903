// SPDX-License-Identifier: GPL-2.0

//! Sorting in linear time on a small stack.
//!
//! The sorts of `core` compare, which takes time n log n, and recurse, with kilobytes of buffers at
//! each level: more than a kernel has.

/// The values of a digit.
const DIGITS: usize = 256;

/// Sorts by the number that `key` says of each item, and leaves the order of equals as it is.
/// `scratch` is as long as `items`; what is in it does not matter.
///
/// It distributes the items by each byte in which their keys differ, from the lowest on. What is
/// sorted already, as most programs are, is left as it is.
pub(crate) fn sort_by_key<T: Copy>(items: &mut [T], scratch: &mut [T], key: impl Fn(&T) -> u64) {
    if items.is_sorted_by_key(&key) {
        return;
    }
    let (some, all) = items.iter().fold((0, u64::MAX), |(some, all), item| {
        (some | key(item), all & key(item))
    });
    for shift in (0..u64::BITS).step_by(8) {
        let digit = |item: &T| (key(item) >> shift) as usize % DIGITS;
        if ((some ^ all) >> shift) as usize % DIGITS != 0 {
            distribute(items, scratch, digit);
            items.copy_from_slice(scratch);
        }
    }
}

/// Copies the items to `sorted`, those of a lesser digit first.
fn distribute<T: Copy>(items: &[T], sorted: &mut [T], digit: impl Fn(&T) -> usize) {
    let mut places = [0_u32; DIGITS];
    for item in items {
        places[digit(item)] += 1;
    }
    let mut place = 0;
    for count in &mut places {
        place += core::mem::replace(count, place);
    }
    for item in items {
        let place = &mut places[digit(item)];
        sorted[*place as usize] = *item;
        *place += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::sort_by_key;

    #[test]
    fn every_order_of_few_items_is_sorted_and_equals_stay_in_order() {
        for code in 0..6_u32.pow(6) {
            let mut items = [(0, 0); 6];
            let mut rest = code;
            for (number, item) in (0..).zip(&mut items) {
                // Six keys, which differ in two of their bytes.
                *item = (u64::from(rest / 3 % 2) << 40 | u64::from(rest % 3), number);
                rest /= 6;
            }
            let mut expected = items;
            expected.sort_unstable();
            sort_by_key(&mut items, &mut [(0, 0); 6], |(key, _)| *key);
            assert_eq!(items, expected);
        }
    }
}
