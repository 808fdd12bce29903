// SPDX-License-Identifier: GPL-2.0

//! The pin caches of the devices that are open for the same address space.
//!
//! The caches belong together. The back ends of VFIO give a page that one device has pinned to any
//! other device of the container or IOAS that pins it, even if the owner of the memory has
//! discarded that page since and has another one in its place. So before a device translates a
//! program after an invalidation of the address space, the pin caches of all its devices are
//! emptied.
//!
//! A program that is running keeps its pages nevertheless; they are all unpinned after its end
//! (`ccwchain`, `pin`): no page that was pinned before an invalidation is cached after the program.

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
    vfio::{
        self,
        Open,
        Operations, //
    }, //
};

/// No invalidation sequence number.
const NEVER: u64 = u64::MAX;

/// A device with a pin cache.
pub(crate) trait CachesPins: Operations {
    /// Unpins all cached pages that no program uses.
    ///
    /// Waits until no program of the device is being translated, or, if not `may_wait`, returns
    /// `EAGAIN`.
    fn empty_pin_cache(dev: &Open<'_, Self>, may_wait: bool) -> Result;
}

/// An address space that devices are open for.
#[pin_data]
pub(crate) struct AddressSpace<D: CachesPins> {
    mm: ARef<Mm>,
    /// The invalidations of the address space, from the first device with a pin cache on.
    invalidations: SetOnce<Pin<KBox<MmInvalidations>>>,
    /// The devices with a pin cache.
    #[pin]
    devices: Mutex<KVec<ARef<vfio::Device<D>>>>,
    /// The invalidation sequence number when all pin caches were emptied last.
    emptied: Atomic<u64>,
}

impl<D: CachesPins> AddressSpace<D> {
    fn new(mm: ARef<Mm>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                mm,
                invalidations: SetOnce::new(),
                devices <- new_mutex!(KVec::new(), "vfio_ccw::devices"),
                emptied: Atomic::new(NEVER),
            }),
            GFP_KERNEL,
        )
    }

    /// Returns whether a page in one of the pin caches may have been replaced in the address space.
    #[inline]
    pub(crate) fn is_stale(&self) -> bool {
        self.invalidations
            .as_ref()
            .is_some_and(|seq| seq.invalidate_seq() != Some(self.emptied.load(Relaxed)))
    }

    /// Empties the pin caches of all devices, before `starting` translates a program.
    ///
    /// The caller holds no lock of the driver, as this waits until the other devices translate no
    /// program. Returns `EAGAIN` while `starting` translates one.
    pub(crate) fn empty(&self, starting: &vfio::Device<D>) -> Result {
        let Some(invalidations) = self.invalidations.as_ref() else {
            return Ok(());
        };
        // A page that is replaced after this is replaced while the program is begun: the device may
        // see the old page or the new one.
        let invalidate_seq = invalidations.invalidate_seq();
        let mut devices = KVec::new();
        for device in self.devices.lock().iter() {
            devices.push(device.clone(), GFP_KERNEL)?;
        }

        for device in devices {
            let may_wait = !core::ptr::eq(&*device, starting);
            let emptied = device.if_open(|open| D::empty_pin_cache(open, may_wait));
            // A device that is closed has unpinned all its pages.
            emptied.unwrap_or(Ok(()))?;
        }
        if let Some(invalidate_seq) = invalidate_seq {
            self.emptied.store(invalidate_seq, Relaxed);
        }
        Ok(())
    }
}

/// The address spaces that devices are open for, each with the number of its devices.
#[pin_data]
pub(crate) struct AddressSpaces<D: CachesPins> {
    #[pin]
    spaces: Mutex<KVec<(Arc<AddressSpace<D>>, usize)>>,
}

impl<D: CachesPins> AddressSpaces<D> {
    /// Returns the list before any device is open.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            spaces <- new_mutex!(KVec::new(), "vfio_ccw::spaces"),
        })
    }
}

/// The membership of a device in the address space that it is open for.
pub(crate) struct Member<D: CachesPins> {
    spaces: Arc<AddressSpaces<D>>,
    space: Arc<AddressSpace<D>>,
    /// The device, if it has a pin cache.
    device: Option<ARef<vfio::Device<D>>>,
}

impl<D: CachesPins> Member<D> {
    /// Joins the address space of the current process. `caches_pins` says whether the device has a
    /// pin cache.
    pub(crate) fn new(
        spaces: &Arc<AddressSpaces<D>>,
        device: &vfio::Device<D>,
        caches_pins: bool,
    ) -> Result<Self> {
        let mm = mm_invalidations::current_mm()?;
        let space = {
            let mut spaces = spaces.spaces.lock();
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
            spaces: spaces.clone(),
            space,
            device: None,
        };
        if caches_pins {
            member.add_pin_cache(device)?;
        }
        Ok(member)
    }

    fn add_pin_cache(&mut self, device: &vfio::Device<D>) -> Result {
        let mut devices = self.space.devices.lock();
        if self.space.invalidations.as_ref().is_none() {
            self.space
                .invalidations
                .populate(MmInvalidations::current()?);
        }
        devices.push(device.into(), GFP_KERNEL)?;
        self.device = Some(device.into());
        Ok(())
    }

    /// Returns the address space.
    pub(crate) fn space(&self) -> &Arc<AddressSpace<D>> {
        &self.space
    }

    /// Returns the invalidations of the address space, if the device has a pin cache.
    pub(crate) fn invalidations(&self) -> Option<&MmInvalidations> {
        self.device.as_ref()?;
        self.space.invalidations.as_ref().map(|seq| &**seq)
    }
}

impl<D: CachesPins> Drop for Member<D> {
    fn drop(&mut self) {
        if let Some(device) = self.device.take() {
            self.space
                .devices
                .lock()
                .retain(|other| !core::ptr::eq(&**other, &*device));
        }

        let mut spaces = self.spaces.spaces.lock();
        spaces.retain(|(space, members)| {
            if Arc::ptr_eq(space, &self.space) {
                *members -= 1;
            }
            *members > 0
        });
    }
}
