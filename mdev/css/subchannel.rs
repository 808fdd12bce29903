// SPDX-License-Identifier: GPL-2.0

//! Subchannels at work: the subchannel lock, and what a driver keeps under it.
//!
//! C header: [`drivers/s390/cio/css.h`](srctree/drivers/s390/cio/css.h)

mod instructions;
mod rest;
mod schib;

pub use instructions::ProgramMemory;

use super::{
    Device,
    IRB_LEN, //
};
use crate::bindings;
use core::{
    cell::UnsafeCell,
    ops::{
        Deref,
        DerefMut, //
    },
};
use kernel::{
    device,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
    types::{
        NotThreadSafe,
        Opaque, //
    },
};

/// A subchannel with the state that its driver keeps for it.
///
/// # Invariants
///
/// - The values in cells are only accessed under the subchannel lock.
/// - `bound` is true from before the driver's probe until the driver data is dropped.
/// - While the channel may have a program that was started or resumed here, `program` holds its
///   memory and `may_run` is true.
/// - `interrupt` is initialised.
#[pin_data(PinnedDrop)]
pub struct Subchannel<S> {
    dev: ARef<Device>,
    bound: UnsafeCell<bool>,
    state: UnsafeCell<S>,
    interruption_parameter: u32,
    /// The memory of the program that was started last, until it is taken back.
    program: UnsafeCell<Option<ProgramMemory>>,
    /// Set while the channel may have that program.
    may_run: UnsafeCell<bool>,
    /// The mask of the paths that the administrator has not varied off, as last determined.
    varied_on: UnsafeCell<u8>,
    /// Set while a thread waits for an interrupt.
    waits: UnsafeCell<bool>,
    #[pin]
    interrupt: Opaque<bindings::completion>,
}

// SAFETY: By the type invariants, the values in cells are only accessed under the subchannel lock,
// and `interrupt` has a lock of its own. `S` is `Send`, so that any thread that holds the lock may
// access the state.
unsafe impl<S: Send> Sync for Subchannel<S> {}

// SAFETY: `S` and `Area` are `Send`, and neither a reference to a device nor a completion belongs
// to a thread.
unsafe impl<S: Send> Send for Subchannel<S> {}

impl<S> Subchannel<S> {
    pub(super) fn new(dev: &Device<device::CoreInternal<'_>>, state: S) -> Result<Arc<Self>> {
        let dev: &Device = dev;

        // INVARIANT: The channel has no program that was started here. The initialiser below
        // initialises `interrupt`.
        Arc::pin_init(
            try_pin_init!(Self {
                dev: dev.into(),
                bound: UnsafeCell::new(true),
                state: UnsafeCell::new(state),
                // SAFETY: By the invariant of `Device`, `dev` is a valid subchannel.
                interruption_parameter: unsafe { bindings::mdev_sch_intparm(dev.as_raw()) },
                program: UnsafeCell::new(None),
                may_run: UnsafeCell::new(false),
                varied_on: UnsafeCell::new(0),
                waits: UnsafeCell::new(false),
                interrupt <- Opaque::ffi_init(|x| {
                    // SAFETY: `ffi_init` guarantees that `x` is valid for write.
                    unsafe { bindings::init_completion(x) }
                }),
            }),
            GFP_KERNEL,
        )
    }

    /// Makes [`Subchannel::lock`] fail from now on.
    ///
    /// # Safety
    ///
    /// The subchannel lock must be held.
    pub(super) unsafe fn unbind(&self) {
        // SAFETY: By the safety requirements of this function, the subchannel lock is held, under
        // which alone the cell is accessed.
        unsafe { *self.bound.get() = false };
    }

    /// Returns the proof that the lock is held, without taking it.
    ///
    /// # Safety
    ///
    /// The subchannel lock must be held, with interrupts off, while the returned value lives. No
    /// other proof of it may be in use.
    pub(super) unsafe fn assume_locked(&self) -> Locked<'_, S> {
        // INVARIANT: The safety requirements of this function are the invariants of the type, for a
        // value that is not the owner of the lock.
        Locked {
            sch: self,
            is_owner: false,
            _not_send: NotThreadSafe,
        }
    }

    /// Returns the device.
    pub fn device(&self) -> &Device {
        &self.dev
    }

    /// Takes the subchannel lock, with interrupts off. They are on again when the value is dropped.
    ///
    /// Returns `EDEADLK` when interrupts are off already, and so in the callbacks of a
    /// [`Driver`](super::Driver), and while the lock of this or of another subchannel is held.
    /// Returns `ENODEV` when the subchannel is not bound to the driver any more.
    pub fn lock(&self) -> Result<Locked<'_, S>> {
        // SAFETY: By the invariant of `Device`, `dev` is a valid subchannel, to which `self` has a
        // reference.
        if !unsafe { bindings::mdev_sch_lock_irq(self.dev.as_raw()) } {
            return Err(EDEADLK);
        }

        // INVARIANT: The call above has taken the lock, and interrupts were on before it. No other
        // proof can be in use, as its owner would hold the lock.
        let locked = Locked {
            sch: self,
            is_owner: true,
            _not_send: NotThreadSafe,
        };

        // SAFETY: The subchannel lock is held, as `locked` proves.
        if unsafe { *self.bound.get() } {
            Ok(locked)
        } else {
            Err(ENODEV)
        }
    }
}

#[pinned_drop]
impl<S> PinnedDrop for Subchannel<S> {
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        if *this.may_run.get_mut() {
            // The channel may still fetch from this memory, so that it must never be used again.
            core::mem::forget(this.program.get_mut().take());
        }
    }
}

/// A subchannel lock that is held with interrupts off, of which nothing but the C structure is
/// known.
///
/// # Invariants
///
/// `raw` is a valid subchannel whose lock the value has taken. `flags` is what the lock was taken
/// with.
pub(super) struct RawGuard {
    raw: *mut bindings::subchannel,
    flags: c_ulong,
    _not_send: NotThreadSafe,
}

impl RawGuard {
    /// Takes the lock of a subchannel.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid subchannel until the value is dropped.
    pub(super) unsafe fn new(raw: *mut bindings::subchannel) -> Self {
        // SAFETY: By the safety requirements of this function, `raw` is a valid subchannel.
        let flags = unsafe { bindings::mdev_sch_lock(raw) };

        // INVARIANT: The call above has taken the lock, and `raw` stays valid until the drop.
        Self {
            raw,
            flags,
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for RawGuard {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, `raw` is a valid subchannel, whose lock was taken with
        // `flags` by this thread.
        unsafe { bindings::mdev_sch_unlock(self.raw, self.flags) };
    }
}

/// A subchannel whose lock is held.
///
/// # Invariants
///
/// - The subchannel lock is held, with interrupts off.
/// - No other proof of it is in use.
/// - If `is_owner`, then the lock was taken by [`Subchannel::lock`] with interrupts on, and the
///   value releases it.
pub struct Locked<'a, S> {
    sch: &'a Subchannel<S>,
    is_owner: bool,
    _not_send: NotThreadSafe,
}

impl<S> Locked<'_, S> {
    /// Returns a pointer to the C structure, which is a valid subchannel whose lock is held.
    fn as_raw(&self) -> *mut bindings::subchannel {
        self.sch.dev.as_raw()
    }

    /// Returns the device.
    pub fn device(&self) -> &Device {
        self.sch.device()
    }

    /// Returns the interruption parameter that interrupts of this subchannel must carry.
    #[inline]
    pub fn interruption_parameter(&self) -> u32 {
        self.sch.interruption_parameter
    }

    /// Wakes the thread that waits for an interrupt.
    pub(super) fn complete(&self) {
        // SAFETY: By the type invariants, the subchannel lock is held, under which alone the cell
        // is accessed. By those of `Subchannel`, the completion is initialised.
        unsafe {
            if core::mem::take(&mut *self.sch.waits.get()) {
                bindings::complete_all(self.sch.interrupt.get());
            }
        }
    }

    /// Releases the lock, waits for an interrupt for at most `timeout` jiffies, and takes the lock
    /// again.
    ///
    /// Interrupts that come before the call do not count. Returns `ENODEV` when the subchannel is
    /// not bound to the driver any more, and `EDEADLK` in a callback, which must not sleep and does
    /// not own the lock.
    pub fn wait_for_interrupt(self, timeout: c_ulong) -> Result<Self> {
        if !self.is_owner {
            return Err(EDEADLK);
        }
        let sch = self.sch;

        // SAFETY: By the invariants of `Subchannel`, the completion is initialised. By those of
        // `Locked`, the lock is held, which keeps interrupts from both until `self` is dropped.
        unsafe {
            bindings::mdev_reinit_completion(sch.interrupt.get());
            *sch.waits.get() = true;
        }
        drop(self);

        // SAFETY: By the invariants of `Subchannel`, the completion is initialised; it lives as
        // long as `sch` is borrowed.
        unsafe { bindings::wait_for_completion_timeout(sch.interrupt.get(), timeout) };
        sch.lock()
    }
}

impl<S> Deref for Locked<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        // SAFETY: By the type invariants, the lock is held and `self` is the only proof of it, so
        // that nobody changes the state while `self` is borrowed.
        unsafe { &*self.sch.state.get() }
    }
}

impl<S> DerefMut for Locked<'_, S> {
    fn deref_mut(&mut self) -> &mut S {
        // SAFETY: By the type invariants, the lock is held and `self` is the only proof of it,
        // which is borrowed exclusively.
        unsafe { &mut *self.sch.state.get() }
    }
}

impl<S> Drop for Locked<'_, S> {
    fn drop(&mut self) {
        if self.is_owner {
            // SAFETY: By the type invariants, `Subchannel::lock` has taken the lock with interrupts
            // on.
            unsafe { bindings::mdev_sch_unlock_irq(self.as_raw()) };
        }
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_subchannel)]
mod tests {
    use super::*;
    use crate::css::fake;

    #[test]
    fn nobody_holds_two_locks() -> Result {
        let (one, other) = (fake::subchannel()?, fake::subchannel()?);

        let locked = one.lock()?;
        let second = other.lock().err();
        drop(locked);
        assert!(second == Some(EDEADLK));

        let locked = one.lock()?;
        let again = one.lock().err();
        drop(locked);
        assert!(again == Some(EDEADLK));

        assert!(other.lock().is_ok());
        Ok(())
    }

    #[test]
    fn nothing_is_left_of_what_another_driver_has_set() -> Result {
        const LEN: usize = core::mem::size_of::<bindings::schib_config>();
        let sch = fake::subchannel()?;
        let raw = sch.device().as_raw();

        // SAFETY: The subchannel is valid, and nothing else uses it. Any bytes are a valid
        // `struct schib_config`, which consists of numbers only.
        let config = unsafe {
            let config = (&raw mut (*raw).config).cast::<[u8; LEN]>();
            config.write([0xff; LEN]);
            bindings::mdev_sch_configure(raw, 3);
            config.read()
        };

        // Concurrent sense is one of the settings.
        assert!(config == [0; LEN]);
        Ok(())
    }

    #[test]
    fn a_callback_owns_no_lock() -> Result {
        let (sch, other) = (fake::subchannel()?, fake::subchannel()?);

        // SAFETY: The subchannel is valid until `sch` is dropped, after the guard.
        let guard = unsafe { RawGuard::new(sch.device().as_raw()) };
        // SAFETY: `guard` holds the lock of the subchannel, with interrupts off, until after
        // `locked` is consumed. There is no other proof of it.
        let mut locked = unsafe { sch.assume_locked() };
        // A driver has `&mut locked` only, and nothing to put into its place.
        let taken = other
            .lock()
            .map(|new| drop(core::mem::replace(&mut locked, new)));
        let waited = locked.wait_for_interrupt(1).err();
        drop(guard);

        assert!(taken == Err(EDEADLK));
        assert!(waited == Some(EDEADLK));
        Ok(())
    }
}
