// SPDX-License-Identifier: GPL-2.0

//! Subchannels at work: their lock, what is kept under it, and I/O instructions.

use super::{
    Device,
    IRB_LEN,
    SCHIB_LEN, //
};
use crate::{
    bindings,
    dma::Area, //
};
use ccwchain::{
    host_orb::HostProgram,
    irb::Irb, //
};
use core::{
    cell::UnsafeCell,
    ops::{
        Deref,
        DerefMut, //
    },
};
use kernel::{
    device,
    error::to_result,
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
/// What is in cells is only accessed under the subchannel lock; `bound` is true from before the
/// driver's probe until after its data is dropped. While the channel may have a program that was
/// started here, `program` holds its memory and `may_run` is true.
#[pin_data(PinnedDrop)]
pub struct Subchannel<S> {
    dev: ARef<Device>,
    bound: UnsafeCell<bool>,
    state: UnsafeCell<S>,
    interruption_parameter: u32,
    /// The memory of the program that was started last, until it is taken back.
    program: UnsafeCell<Option<Area>>,
    /// Whether the channel may have that program.
    may_run: UnsafeCell<bool>,
    /// The paths that the administrator has not varied off, as found when that may last have changed.
    varied_on: UnsafeCell<u8>,
    /// Whether somebody waits for an interrupt.
    waits: UnsafeCell<bool>,
    #[pin]
    interrupt: Opaque<bindings::completion>,
}

// SAFETY: What is in cells is only accessed under the subchannel lock.
unsafe impl<S: Send> Sync for Subchannel<S> {}

// SAFETY: As above, and nothing in it belongs to a thread.
unsafe impl<S: Send> Send for Subchannel<S> {}

impl<S> Subchannel<S> {
    pub(super) fn new(dev: &Device<device::CoreInternal<'_>>, state: S) -> Result<Arc<Self>> {
        let dev: &Device = dev;

        Arc::pin_init(
            try_pin_init!(Self {
                dev: dev.into(),
                bound: UnsafeCell::new(true),
                state: UnsafeCell::new(state),
                // SAFETY: `dev` is a valid subchannel.
                interruption_parameter: unsafe { bindings::mdev_sch_intparm(dev.as_raw()) },
                program: UnsafeCell::new(None),
                may_run: UnsafeCell::new(false),
                varied_on: UnsafeCell::new(0),
                waits: UnsafeCell::new(false),
                interrupt <- Opaque::ffi_init(|x| {
                    // SAFETY: `x` is valid for writing.
                    unsafe { bindings::init_completion(x) }
                }),
            }),
            GFP_KERNEL,
        )
    }

    /// No lock is given out any more.
    ///
    /// # Safety
    ///
    /// The subchannel lock must be held.
    pub(super) unsafe fn unbind(&self) {
        // SAFETY: By the function's requirement.
        unsafe { *self.bound.get() = false };
    }

    /// Returns the proof that the lock is held, without taking it.
    ///
    /// # Safety
    ///
    /// The subchannel lock must be held while the result lives, and there must be no other proof of
    /// it in use.
    pub(super) unsafe fn assume_locked(&self) -> Locked<'_, S> {
        // INVARIANT: By the function's requirement.
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

    /// Takes the subchannel lock, with interrupts off. They are on again when it is dropped.
    ///
    /// So it returns `EDEADLK` when interrupts are off already: in the callbacks of a
    /// [`Driver`](super::Driver), and while the lock of this or another subchannel is held. Returns
    /// `ENODEV` when the driver has let go of the subchannel.
    pub fn lock(&self) -> Result<Locked<'_, S>> {
        // SAFETY: `dev` is a valid subchannel.
        if !unsafe { bindings::mdev_sch_lock_irq(self.dev.as_raw()) } {
            return Err(EDEADLK);
        }
        // INVARIANT: The lock has just been taken, with interrupts on before.
        let locked = Locked {
            sch: self,
            is_owner: true,
            _not_send: NotThreadSafe,
        };

        // SAFETY: The lock is held.
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
            // The channel may still fetch from it, so that it must never be used again.
            core::mem::forget(this.program.get_mut().take());
        }
    }
}

/// The answer of an I/O instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionCode {
    /// 0: the function is initiated.
    Initiated,
    /// 1: status is pending.
    StatusPending,
    /// 2: a function is in progress.
    Busy,
    /// 3: not operational.
    NotOperational,
}

/// A subchannel whose lock is held.
///
/// # Invariants
///
/// The lock is held, and interrupts are off; there is no other proof of it in use. If `is_owner`, the
/// lock was taken by [`Subchannel::lock`] with interrupts on, and the value releases it.
pub struct Locked<'a, S> {
    sch: &'a Subchannel<S>,
    is_owner: bool,
    _not_send: NotThreadSafe,
}

impl ConditionCode {
    /// Returns the code as the instruction sets it.
    pub const fn code(self) -> c_int {
        match self {
            Self::Initiated => 0,
            Self::StatusPending => 1,
            Self::Busy => 2,
            Self::NotOperational => 3,
        }
    }

    /// Returns `None` for what is no condition code.
    fn from_raw(cc: c_int) -> Option<Self> {
        match cc {
            0 => Some(Self::Initiated),
            1 => Some(Self::StatusPending),
            2 => Some(Self::Busy),
            3 => Some(Self::NotOperational),
            _ => None,
        }
    }
}

impl<S> Locked<'_, S> {
    fn as_raw(&self) -> *mut bindings::subchannel {
        self.sch.dev.as_raw()
    }

    /// Returns the device.
    pub fn device(&self) -> &Device {
        self.sch.device()
    }

    /// Wakes up who waits for an interrupt.
    pub(super) fn complete(&self) {
        // SAFETY: The lock is held; the completion is initialised.
        unsafe {
            if core::mem::take(&mut *self.sch.waits.get()) {
                bindings::complete_all(self.sch.interrupt.get());
            }
        }
    }

    /// Returns the interruption parameter that interrupts of this subchannel must carry.
    #[inline]
    pub fn interruption_parameter(&self) -> u32 {
        self.sch.interruption_parameter
    }

    /// Returns the mask of paths that the host's administrator has not varied off.
    #[inline]
    pub fn varied_on(&self) -> u8 {
        // SAFETY: The lock is held.
        unsafe { *self.sch.varied_on.get() }
    }

    /// Finds out which paths are varied off: to be called when the subchannel is bound, at each event
    /// of a path, and when the paths themselves may have changed.
    pub(super) fn look_at_paths(&mut self) {
        // SAFETY: `self` is a valid subchannel whose lock is held.
        unsafe { *self.sch.varied_on.get() = bindings::mdev_sch_varied_on(self.as_raw()) };
    }

    /// Returns whether the subchannel is for QDIO (queued direct I/O), as last stored.
    pub fn is_qdio(&self) -> bool {
        // SAFETY: `self` is a valid subchannel whose lock is held.
        unsafe { bindings::mdev_sch_qdio(self.as_raw()) }
    }

    /// Returns the path that was used last, as last stored.
    pub fn last_path(&self) -> u8 {
        // SAFETY: `self` is a valid subchannel whose lock is held.
        unsafe { bindings::mdev_sch_last_path(self.as_raw()) }
    }

    /// Returns whether an installed path, as last stored, is of the type that the channel paths of
    /// virtio devices have.
    ///
    /// It is `false` for paths that the channel subsystem does not describe. QEMU, whose devices these
    /// are, describes all of them (`VIRTIO_CCW_CHPID_TYPE` in its `hw/s390x/virtio-ccw.h`).
    pub fn is_virtio(&self) -> bool {
        const VIRTIO_PATH: u8 = 0x32;

        // SAFETY: `self` is a valid subchannel whose lock is held. It is on the css bus, so that its
        // parent is a channel subsystem, whose channel paths are never freed.
        unsafe { bindings::mdev_sch_has_path_type(self.as_raw(), VIRTIO_PATH) }
    }

    /// Returns the mask of paths that are installed, available, operational, as last stored, and not
    /// varied off.
    pub fn paths(&self) -> u8 {
        // SAFETY: `self` is a valid subchannel whose lock is held.
        let usable = unsafe { bindings::mdev_sch_paths(self.as_raw()) };
        usable & self.varied_on()
    }

    /// Returns the paths of the mask `lpm` that are not varied off, or all usable paths for zero.
    pub fn paths_among(&self, lpm: u8) -> u8 {
        match lpm {
            0 => self.paths(),
            _ => lpm & self.varied_on(),
        }
    }

    /// STORE SUBCHANNEL.
    ///
    /// Returns `ENODEV` or `EACCES` when there is no subchannel, or no device at it, any more.
    pub fn store(&mut self) -> Result {
        // SAFETY: `self` is a valid subchannel whose lock is held.
        let stored = to_result(unsafe { bindings::cio_update_schib(self.as_raw()) });
        match stored {
            Ok(()) => self.look_at_paths(),
            Err(_) => self.program_is_over(),
        }
        stored
    }

    /// Returns the subchannel-information block that was stored last.
    pub fn information(&self) -> [u8; SCHIB_LEN] {
        let mut schib = [0; SCHIB_LEN];

        // SAFETY: `self` is a valid subchannel whose lock is held, `schib` is valid for its length.
        unsafe { bindings::mdev_sch_schib(self.as_raw(), schib.as_mut_ptr().cast(), SCHIB_LEN) };
        schib
    }

    /// Enables the subchannel, with interrupts of the class `isc` and without concurrent sense, whatever
    /// another driver has set before.
    pub fn enable(&mut self, isc: &Isc) -> Result {
        // SAFETY: `self` is a valid subchannel whose lock is held.
        to_result(unsafe {
            bindings::mdev_sch_configure(self.as_raw(), isc.0);
            bindings::cio_enable_subchannel(self.as_raw(), self.interruption_parameter())
        })
    }

    /// Disables the subchannel: MODIFY SUBCHANNEL.
    ///
    /// Unlike the common I/O layer's function it drops no status that is pending, and has code 1 then. Code 2
    /// tells that a function is in progress.
    pub fn disable(&mut self) -> ConditionCode {
        // SAFETY: `self` is a valid subchannel whose lock is held.
        let cc = unsafe { bindings::mdev_sch_disable(self.as_raw()) };
        // A subchannel that refuses the operand may still have the program.
        let cc = ConditionCode::from_raw(cc).unwrap_or(ConditionCode::Busy);
        if matches!(cc, ConditionCode::Initiated | ConditionCode::NotOperational) {
            self.program_is_over();
        }
        cc
    }

    /// TEST SUBCHANNEL. Returns the status that was pending, for which no interrupt comes any more.
    #[must_use = "the status is lost otherwise"]
    pub fn test(&mut self) -> Option<[u8; IRB_LEN]> {
        let mut irb = [0; IRB_LEN];

        // SAFETY: `self` is a valid subchannel whose lock is held.
        let was_pending = unsafe { bindings::mdev_tsch(self.as_raw(), &mut irb) };
        was_pending.then(|| {
            self.presented(&irb);
            irb
        })
    }

    /// START SUBCHANNEL with a translated program, on the paths `lpm`.
    ///
    /// If it is accepted the channel has the program, and the memory that this is in stays here until
    /// [`Locked::take_back`]. Else the memory comes back at once.
    ///
    /// Fails with `EOPNOTSUPP` when the program has MIDAWs or asks for streaming-mode control, and the
    /// channel subsystem has no such facility, and with `EBUSY` while the memory of another program is
    /// here.
    pub fn start(
        &mut self,
        program: HostProgram<Area>,
        lpm: u8,
    ) -> (Result<ConditionCode>, Option<Area>) {
        let orb = program.orb().words(self.interruption_parameter(), lpm);
        let area = program.into_arena();
        // SAFETY: The lock is held.
        if self.may_run() || unsafe { (*self.sch.program.get()).is_some() } {
            return (Err(EBUSY), Some(area));
        }

        // SAFETY: `self` is a valid subchannel whose lock is held, `orb` is as long as an ORB. The
        // program is translated, and its memory neither written to nor freed while `may_run` is true.
        let cc = unsafe { bindings::mdev_ssch(self.as_raw(), orb.as_ptr().cast()) };

        match ConditionCode::from_raw(cc) {
            Some(ConditionCode::Initiated) => {
                // SAFETY: The lock is held.
                unsafe {
                    *self.sch.program.get() = Some(area);
                    *self.sch.may_run.get() = true;
                }
                (Ok(ConditionCode::Initiated), None)
            }
            cc => (cc.ok_or(EOPNOTSUPP), Some(area)),
        }
    }

    /// Whether the channel may have a program: may fetch from the memory that it is in, and move data
    /// to and from its pages.
    #[inline]
    pub fn may_run(&self) -> bool {
        // SAFETY: The lock is held.
        unsafe { *self.sch.may_run.get() }
    }

    /// Returns the memory of the program that was started last, unless the channel may have it still.
    pub fn take_back(&mut self) -> Option<Area> {
        if self.may_run() {
            return None;
        }
        // SAFETY: The lock is held.
        unsafe { (*self.sch.program.get()).take() }
    }

    /// Notes that the channel has no program.
    fn program_is_over(&mut self) {
        // SAFETY: The lock is held.
        unsafe { *self.sch.may_run.get() = false };
    }

    /// Notes what the status that the subchannel has presented says of the program.
    pub(super) fn presented(&mut self, irb: &[u8; IRB_LEN]) {
        let scsw = Irb::from_bytes(irb).scsw();

        if scsw.is_solicited() && scsw.ends_start() {
            self.program_is_over();
        }
    }

    /// CANCEL SUBCHANNEL, which ends a start function that the channel has not begun, or has
    /// suspended, at once and without status.
    ///
    /// Returns `EBUSY` when status is pending, `EINVAL` when there is no such function, and `ENODEV`
    /// when the subchannel is not operational.
    pub fn cancel(&mut self) -> Result {
        // SAFETY: `self` is a valid subchannel whose lock is held.
        to_result(unsafe { bindings::cio_cancel(self.as_raw()) })
    }

    /// HALT SUBCHANNEL.
    ///
    /// Code 1 tells that status is pending, code 2 that a halt or clear function is in progress.
    pub fn halt(&mut self) -> ConditionCode {
        // SAFETY: `self` is a valid subchannel whose lock is held.
        let cc = unsafe { bindings::mdev_hsch(self.as_raw()) };
        ConditionCode::from_raw(cc).unwrap_or(ConditionCode::NotOperational)
    }

    /// CLEAR SUBCHANNEL, whose answer is 0 or 3.
    pub fn clear(&mut self) -> ConditionCode {
        // SAFETY: `self` is a valid subchannel whose lock is held.
        let cc = unsafe { bindings::mdev_csch(self.as_raw()) };
        ConditionCode::from_raw(cc).unwrap_or(ConditionCode::NotOperational)
    }

    /// Has the channel subsystem look at the subchannel again and take it away if it is gone.
    pub fn unregister_later(&mut self) {
        // SAFETY: `self` is a valid subchannel whose lock is held.
        unsafe {
            bindings::css_sched_sch_todo(self.as_raw(), bindings::sch_todo_SCH_TODO_UNREG);
        }
    }

    /// Gives up the lock, waits for an interrupt for at most `timeout` jiffies, and takes the lock
    /// again.
    ///
    /// An interrupt counts that comes after the call, not one before. Returns `ENODEV` when the
    /// driver has let go of the subchannel meanwhile, and `EDEADLK` in a callback, which must not
    /// sleep and does not own the lock.
    pub fn wait_for_interrupt(self, timeout: c_ulong) -> Result<Self> {
        if !self.is_owner {
            return Err(EDEADLK);
        }
        let sch = self.sch;

        // SAFETY: The completion is initialised; the lock, which is held, keeps interrupts from it
        // until the drop.
        unsafe {
            bindings::mdev_reinit_completion(sch.interrupt.get());
            *sch.waits.get() = true;
        }
        drop(self);

        // SAFETY: The completion is initialised and lives as long as `sch`.
        unsafe { bindings::wait_for_completion_timeout(sch.interrupt.get(), timeout) };
        sch.lock()
    }
}

impl<S> Deref for Locked<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        // SAFETY: The lock is held, and `self` is the only proof of it.
        unsafe { &*self.sch.state.get() }
    }
}

impl<S> DerefMut for Locked<'_, S> {
    fn deref_mut(&mut self) -> &mut S {
        // SAFETY: As above; `self` is borrowed exclusively.
        unsafe { &mut *self.sch.state.get() }
    }
}

impl<S> Drop for Locked<'_, S> {
    fn drop(&mut self) {
        if self.is_owner {
            // SAFETY: By the type invariant `Subchannel::lock` has taken the lock, with interrupts on.
            unsafe { bindings::mdev_sch_unlock_irq(self.as_raw()) };
        }
    }
}

/// An interruption subclass that is enabled on all CPUs while the value lives.
pub struct Isc(c_uint);

impl Isc {
    /// The subclass of I/O subchannels that are passed through.
    pub fn vfio_ccw() -> Self {
        let isc = bindings::VFIO_CCW_ISC;

        // SAFETY: `isc` is in range.
        unsafe { bindings::isc_register(isc) };
        Self(isc)
    }
}

impl Drop for Isc {
    fn drop(&mut self) {
        // SAFETY: It was registered when the value was made.
        unsafe { bindings::isc_unregister(self.0) };
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

        // SAFETY: The subchannel is valid, and nobody else uses it. All its settings are numbers.
        let config = unsafe {
            let config = (&raw mut (*raw).config).cast::<[u8; LEN]>();
            config.write([0xff; LEN]);
            bindings::mdev_sch_configure(raw, 3);
            config.read()
        };

        // Concurrent sense is one of them.
        assert!(config == [0; LEN]);
        Ok(())
    }

    #[test]
    fn a_callback_owns_no_lock() -> Result {
        let (sch, other) = (fake::subchannel()?, fake::subchannel()?);

        // SAFETY: The subchannel is valid. Its lock is released below, when `locked` is gone.
        let flags = unsafe { bindings::mdev_sch_lock(sch.device().as_raw()) };
        // SAFETY: As above.
        let mut locked = unsafe { sch.assume_locked() };
        // A driver has `&mut locked` only, and nothing to put into its place.
        let taken = other
            .lock()
            .map(|new| drop(core::mem::replace(&mut locked, new)));
        let waited = locked.wait_for_interrupt(1).err();
        // SAFETY: As above.
        unsafe { bindings::mdev_sch_unlock(sch.device().as_raw(), flags) };

        assert!(taken == Err(EDEADLK));
        assert!(waited == Some(EDEADLK));
        Ok(())
    }
}
