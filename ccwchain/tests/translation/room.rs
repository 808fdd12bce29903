// SPDX-License-Identifier: GPL-2.0

//! The memory that an open device needs: the tables of its translator, and its arena.

use std::{
    cell::Cell,
    convert::Infallible, //
};

use ccwchain::{
    memory::{
        Storage,
        BLOCK, //
    },
    translator::{
        Sizes,
        Translator, //
    },
};

thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
    static CHARGED: Cell<usize> = const { Cell::new(0) };
}

/// Working memory on the heap, which counts its bytes, and those that the kernel would charge.
struct Counted;

/// Returns the size of an allocation by `kvmalloc`: a power of two, up to the largest that `kmalloc`
/// has, and whole pages beyond.
fn charged(bytes: usize) -> usize {
    const KMALLOC_MAX: usize = 4 << 20;
    match bytes {
        0 => 0,
        1..=KMALLOC_MAX => bytes.next_power_of_two(),
        _ => bytes.next_multiple_of(4096),
    }
}

impl Storage for Counted {
    type Of<T> = Vec<T>;
    type Error = Infallible;

    fn allocate<T: Clone + Default>(len: usize) -> Result<Vec<T>, Infallible> {
        let bytes = len * size_of::<T>();
        BYTES.set(BYTES.get() + bytes);
        CHARGED.set(CHARGED.get() + charged(bytes));
        Ok(vec![T::default(); len])
    }
}

/// Returns the number of bytes of the tables of these sizes.
fn tables(sizes: Sizes) -> usize {
    BYTES.set(0);
    CHARGED.set(0);
    let Ok(translator) = Translator::<Counted>::new(sizes, 1);
    drop(translator);
    BYTES.get()
}

/// `cargo test -p ccwchain room -- --nocapture` prints the table of docs/performance.md.
#[test]
fn an_idle_device_holds_less_than_64_kib_and_the_largest_15_mib() {
    let busy = Sizes {
        ccws: 512,
        idaws: 1024,
        ..Sizes::IDLE
    };
    let held = [
        ("idle", Sizes::IDLE, Sizes::IDLE_ARENA),
        ("busy", busy, 8),
        ("largest", Sizes::MAX, Sizes::MAX_ARENA),
    ]
    .map(|(name, sizes, blocks)| {
        let (tables, arena) = (tables(sizes), blocks * BLOCK);
        let (ccws, idaws, charged) = (sizes.ccws, sizes.idaws, CHARGED.get());
        println!(
            "{name}: {ccws} CCWs, {idaws} IDAWs, {tables} bytes of tables, {charged} charged, {arena} of arena"
        );
        charged + arena
    });
    assert!(held[0] < 64 << 10, "{held:?}");
    assert!(held[2] < 15 << 20, "{held:?}");
}

/// Returns the number of bytes for one more CCW, IDAW and cached page.
#[test]
fn tables_grow_with_what_is_in_them_only() {
    let sizes = Sizes {
        ccws: 1000,
        idaws: 1000,
        cached_pages: 1024,
    };
    let all = tables(sizes);
    for (fewer, most) in [
        (Sizes { ccws: 0, ..sizes }, 80),
        (Sizes { idaws: 0, ..sizes }, 60),
        (
            Sizes {
                cached_pages: 0,
                ..sizes
            },
            56,
        ),
    ] {
        assert!(all - tables(fewer) <= 1024 * most, "{fewer:?}");
    }
}
