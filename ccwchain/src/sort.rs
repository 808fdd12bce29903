// SPDX-License-Identifier: GPL-2.0

//! Sorting in linear time on a small stack.
//!
//! The sorts of `core` take time n log n, and recurse with kilobytes of buffers on the stack at
//! each level, which is too much for a kernel.

/// The number of values of a digit, which is a byte of the key.
const DIGITS: usize = 256;

/// Sorts items by key. The sort is stable. `scratch` is as long as `items`; its contents are
/// ignored.
///
/// This is a radix sort by those bytes in which the keys differ, beginning with the lowest. Items
/// that are sorted already, as those of most programs are, are only compared.
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

/// Copies the items to `sorted`, in the order of their digits.
fn distribute<T: Copy>(items: &[T], sorted: &mut [T], digit: impl Fn(&T) -> usize) {
    let mut positions = [0_u32; DIGITS];
    for item in items {
        positions[digit(item)] += 1;
    }
    // From here on, where the next item of each digit goes.
    let mut position = 0;
    for count in &mut positions {
        position += core::mem::replace(count, position);
    }
    for item in items {
        let position = &mut positions[digit(item)];
        sorted[*position as usize] = *item;
        *position += 1;
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

    #[test]
    fn each_byte_in_which_keys_differ_counts() {
        // An even number of keys have each bit of the byte that differs.
        let mut items = [0x1ff, 0x1fe, 0x1ff, 0x1fe];
        sort_by_key(&mut items, &mut [0; 4], |key| *key);
        assert_eq!(items, [0x1fe, 0x1fe, 0x1ff, 0x1ff]);
    }
}
