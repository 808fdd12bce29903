// SPDX-License-Identifier: GPL-2.0

//! The pages of an address space that its devices keep pinned between programs.
//!
//! They are one matter of all devices of the address space. The back ends of VFIO give a page that one
//! device has pinned to any other of the container or IOAS that pins it, even when its owner has
//! discarded it since and has another one in its place. So before a device begins a program after the
//! address space has changed, the cached pages of all its devices are unpinned.
//!
//! A program that is running keeps its pages all the same, and lets them all go when it is over
//! (`ccwchain`, `Pages::release`): none of before the change is kept behind it.

use crate::{
    context::Context,
    device::Device, //
};
use kernel::{
    mm::Mm,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex,
        SetOnce, //
    },
};
use mdev::{
    mm_invalidations::{
        self,
        MmInvalidations, //
    },
    vfio, //
};

/// The number of no invalidate_seq.
const NEVER: u64 = u64::MAX;

/// An address space that devices are opened for.
#[pin_data]
pub(crate) struct AddressSpace {
    mm: ARef<Mm>,
    /// Tells when it changes, from the first device on that keeps pages.
    watch: SetOnce<Pin<KBox<MmInvalidations>>>,
    /// The devices that keep pages.
    #[pin]
    devices: Mutex<KVec<ARef<vfio::Device<Device>>>>,
    /// When all of their pages were pinned, or they were unpinned the last time.
    emptied: Atomic<u64>,
}

impl AddressSpace {
    fn new(mm: ARef<Mm>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                mm,
                watch: SetOnce::new(),
                devices <- new_mutex!(KVec::new(), "vfio_ccw::devices"),
                emptied: Atomic::new(NEVER),
            }),
            GFP_KERNEL,
        )
    }

    /// Whether pages that are kept may not be the user's any more.
    #[inline]
    pub(crate) fn is_stale(&self) -> bool {
        self.watch
            .as_ref()
            .is_some_and(|watch| watch.invalidate_seq() != Some(self.emptied.load(Relaxed)))
    }

    /// Unpins the pages that the devices keep, before `starting` begins a program.
    ///
    /// Waits for programs of the others to be translated, so that no lock of the driver may be held.
    /// Returns `EAGAIN` when another write to `starting` is being worked on.
    pub(crate) fn empty(&self, starting: &vfio::Device<Device>) -> Result {
        let Some(watch) = self.watch.as_ref() else {
            return Ok(());
        };
        // What changes behind this changes while the program is begun, and may come before or after.
        let invalidate_seq = watch.invalidate_seq();
        let mut devices = KVec::new();
        for device in self.devices.lock().iter() {
            devices.push(device.clone(), GFP_KERNEL)?;
        }

        for device in devices {
            let emptied: Option<Result> = device.if_open(|open| {
                let mut io = if core::ptr::eq(&*device, starting) {
                    open.io.try_lock().ok_or(EAGAIN)?
                } else {
                    open.io.lock()
                };
                if let Some(io) = Option::as_mut(&mut io) {
                    io.drop_all(open);
                }
                Ok(())
            });
            // One that is closed has let go of all its pages.
            emptied.unwrap_or(Ok(()))?;
        }
        if let Some(invalidate_seq) = invalidate_seq {
            self.emptied.store(invalidate_seq, Relaxed);
        }
        Ok(())
    }
}

/// The address spaces that devices are open for, and for how many.
pub(crate) type AddressSpaces = Mutex<KVec<(Arc<AddressSpace>, usize)>>;

/// A device's part in the address space that it is open for.
pub(crate) struct Member {
    context: Arc<Context>,
    space: Arc<AddressSpace>,
    /// The device, if it keeps pages.
    device: Option<ARef<vfio::Device<Device>>>,
}

impl Member {
    /// Joins the address space of the current process, for a device that keeps pages or not.
    pub(crate) fn new(
        context: &Arc<Context>,
        device: &vfio::Device<Device>,
        keeps: bool,
    ) -> Result<Self> {
        let mm = mm_invalidations::current_mm()?;
        let space = {
            let mut spaces = context.spaces.lock();
            let known = spaces
                .iter_mut()
                .find(|(space, _)| space.mm.as_raw() == mm.as_raw());
            match known {
                Some((space, members)) => {
                    *members += 1;
                    space.clone()
                }
                None => {
                    let space = AddressSpace::new(mm)?;
                    spaces.push((space.clone(), 1), GFP_KERNEL)?;
                    space
                }
            }
        };

        let mut member = Self {
            context: context.clone(),
            space,
            device: None,
        };
        if keeps {
            member.keep(device)?;
        }
        Ok(member)
    }

    fn keep(&mut self, device: &vfio::Device<Device>) -> Result {
        let mut devices = self.space.devices.lock();
        if self.space.watch.as_ref().is_none() {
            self.space.watch.populate(MmInvalidations::current()?);
        }
        devices.push(device.into(), GFP_KERNEL)?;
        self.device = Some(device.into());
        Ok(())
    }

    /// Returns the address space.
    pub(crate) fn space(&self) -> &Arc<AddressSpace> {
        &self.space
    }

    /// Returns what tells when cached pages may not be the user's any more, for a device that keeps some.
    pub(crate) fn watch(&self) -> Option<&MmInvalidations> {
        self.device.as_ref()?;
        self.space.watch.as_ref().map(|watch| &**watch)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(device) = self.device.take() {
            self.space
                .devices
                .lock()
                .retain(|other| !core::ptr::eq(&**other, &*device));
        }

        let mut spaces = self.context.spaces.lock();
        spaces.retain(|(space, members)| {
            if Arc::ptr_eq(space, &self.space) {
                *members -= 1;
            }
            *members > 0
        });
    }
}
