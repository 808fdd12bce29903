// SPDX-License-Identifier: GPL-2.0

//! Sorting on a small stack.
//!
//! The sorts of `core` recurse, with kilobytes of buffers at each level: more than a kernel has.

/// Sorts in place by what `key` says of each item, in time n log n whatever the order, and without
/// recursion. What is sorted already, as most programs are, takes time n.
pub(crate) fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    if items.is_sorted_by_key(&key) {
        return;
    }
    for parent in (0..items.len() / 2).rev() {
        sift_down(items, parent, &key);
    }
    for end in (1..items.len()).rev() {
        items.swap(0, end);
        sift_down(&mut items[..end], 0, &key);
    }
}

/// Makes a heap of the items from `parent` on, of which all but the first are one.
fn sift_down<T, K: Ord>(items: &mut [T], mut parent: usize, key: &impl Fn(&T) -> K) {
    loop {
        let left = 2 * parent + 1;
        let Some(mut greatest) = items.get(left).map(key) else {
            return;
        };
        let mut child = left;
        if let Some(right) = items.get(left + 1).map(key) {
            if right > greatest {
                greatest = right;
                child = left + 1;
            }
        }
        if key(&items[parent]) >= greatest {
            return;
        }
        items.swap(parent, child);
        parent = child;
    }
}

#[cfg(test)]
mod tests {
    use super::sort_by_key;

    #[test]
    fn every_order_of_few_items_is_sorted() {
        for code in 0..7_u32.pow(7) {
            let mut items = [0; 7];
            let mut rest = code;
            for item in &mut items {
                *item = rest % 7;
                rest /= 7;
            }
            let mut expected = items;
            expected.sort_unstable();
            sort_by_key(&mut items, |item| *item);
            assert_eq!(items, expected);
        }
    }
}
