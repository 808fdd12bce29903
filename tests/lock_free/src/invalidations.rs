// SPDX-License-Identifier: GPL-2.0

//! A page is not taken from the pin cache if the user can see, when it starts a program, that
//! another page has replaced it.

use loom::{
    sync::{
        atomic::{
            AtomicU64,
            Ordering, //
        },
        Arc, //
    },
    thread, //
};

use crate::{
    explore,
    invalidate_seq::InvalidateSeq, //
};

struct AddressSpace {
    seq: InvalidateSeq,
    /// The page that is mapped.
    page: AtomicU64,
}

impl AddressSpace {
    /// Replaces the page, as the memory management does between the calls of a notifier.
    fn replace(&self, page: u64) {
        self.seq.begin();
        self.page.store(page, Ordering::Relaxed);
        self.seq.end();
    }

    /// Returns the page that a translation pins, and the sequence number from before it was pinned.
    fn pin(&self) -> (Option<u64>, u64) {
        let seq = self.seq.get();
        (seq, self.page.load(Ordering::Relaxed))
    }
}

#[test]
fn a_page_that_was_replaced_is_not_used() {
    explore(|| {
        let space = Arc::new(AddressSpace {
            seq: InvalidateSeq::new(),
            page: AtomicU64::new(1),
        });
        let user = {
            let space = Arc::clone(&space);
            thread::spawn(move || space.replace(2))
        };
        let (before, cached) = space.pin();
        if space.page.load(Ordering::Acquire) == 2 {
            // The user sees the new page, and starts a program.
            let now = space.seq.get();
            let is_stale = now.is_none() || now != before;
            assert!(is_stale || cached == 2, "the page is used that was before");
        }
        user.join().unwrap();
    });
}

#[test]
fn nothing_is_cached_while_an_invalidation_is_in_progress() {
    explore(|| {
        let space = Arc::new(AddressSpace {
            seq: InvalidateSeq::new(),
            page: AtomicU64::new(1),
        });
        let threads = [2, 3].map(|page| {
            let space = Arc::clone(&space);
            thread::spawn(move || space.replace(page))
        });
        let (before, cached) = space.pin();
        for thread in threads {
            thread.join().unwrap();
        }
        let now = space.seq.get();
        assert!(now.is_some(), "no invalidation is in progress");
        let page = space.page.load(Ordering::Relaxed);
        assert!(
            now != before || cached == page,
            "the page is used that was before"
        );
    });
}
