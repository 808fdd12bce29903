// SPDX-License-Identifier: GPL-2.0

//! The atomics of the crate `kernel`, as far as the driver uses them without a lock.

/// Atomics of loom behind the names of the crate `kernel`.
pub(crate) mod atomic {
    use std::marker::PhantomData;

    use loom::sync::atomic::{
        fence,
        AtomicU64,
        Ordering, //
    };

    /// A type that an atomic can have.
    pub(crate) trait Value: Copy {
        /// Returns the value as a number.
        fn to_number(self) -> u64;
        /// Returns the value of a number.
        fn of_number(number: u64) -> Self;
    }

    impl Value for u64 {
        fn to_number(self) -> u64 {
            self
        }

        fn of_number(number: u64) -> Self {
            number
        }
    }

    impl Value for usize {
        fn to_number(self) -> u64 {
            self.try_into().expect("a usize has at most 64 bits")
        }

        fn of_number(number: u64) -> Self {
            number.try_into().expect("it was a usize")
        }
    }

    impl Value for bool {
        fn to_number(self) -> u64 {
            self.into()
        }

        fn of_number(number: u64) -> Self {
            number != 0
        }
    }

    /// An ordering, as the Linux kernel memory model names them.
    pub(crate) trait Order {
        /// The ordering of Rust.
        const ORDER: Ordering;
        /// Set if the access is also a full barrier.
        const IS_FULL: bool = false;
    }

    /// No ordering.
    pub(crate) struct Relaxed;
    /// Ordering of later accesses after a load.
    pub(crate) struct Acquire;
    /// Ordering of earlier accesses before a store.
    pub(crate) struct Release;
    /// A full barrier before and after the access.
    pub(crate) struct Full;

    impl Order for Relaxed {
        const ORDER: Ordering = Ordering::Relaxed;
    }

    impl Order for Acquire {
        const ORDER: Ordering = Ordering::Acquire;
    }

    impl Order for Release {
        const ORDER: Ordering = Ordering::Release;
    }

    impl Order for Full {
        const ORDER: Ordering = Ordering::AcqRel;
        const IS_FULL: bool = true;
    }

    /// An atomic variable.
    pub(crate) struct Atomic<T>(AtomicU64, PhantomData<T>);

    impl<T: Value> Atomic<T> {
        /// Returns a variable with this value.
        pub(crate) fn new(value: T) -> Self {
            Self(AtomicU64::new(value.to_number()), PhantomData)
        }

        /// Returns the value.
        pub(crate) fn load<O: Order>(&self, _: O) -> T {
            T::of_number(self.0.load(O::ORDER))
        }

        /// Sets the value.
        pub(crate) fn store<O: Order>(&self, value: T, _: O) {
            self.0.store(value.to_number(), O::ORDER);
        }

        /// Adds to the value. Returns the old one.
        pub(crate) fn fetch_add<O: Order>(&self, value: T, _: O) -> T {
            full::<O, _>(|| T::of_number(self.0.fetch_add(value.to_number(), O::ORDER)))
        }

        /// Subtracts from the value. Returns the old one.
        pub(crate) fn fetch_sub<O: Order>(&self, value: T, _: O) -> T {
            full::<O, _>(|| T::of_number(self.0.fetch_sub(value.to_number(), O::ORDER)))
        }

        /// Replaces the value `old`. Returns it, or the value that was there instead as an error.
        pub(crate) fn cmpxchg<O: Order>(&self, old: T, new: T, _: O) -> Result<T, T> {
            let (old, new) = (old.to_number(), new.to_number());
            full::<O, _>(|| {
                let result = self
                    .0
                    .compare_exchange(old, new, O::ORDER, Ordering::Relaxed);
                result.map(T::of_number).map_err(T::of_number)
            })
        }
    }

    /// Accesses a variable, between barriers if the ordering has them.
    fn full<O: Order, R>(access: impl FnOnce() -> R) -> R {
        if O::IS_FULL {
            fence(Ordering::SeqCst);
        }
        let result = access();
        if O::IS_FULL {
            fence(Ordering::SeqCst);
        }
        result
    }
}
