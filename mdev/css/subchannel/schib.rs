// SPDX-License-Identifier: GPL-2.0

//! The subchannel-information block, and the paths that it names.
//!
//! All but [`Locked::stsch`] return what was stored last, without an instruction.
//!
//! C header: [`arch/s390/include/asm/schib.h`](srctree/arch/s390/include/asm/schib.h)

use super::Locked;
use crate::{
    bindings,
    css::SCHIB_LEN, //
};
use ccwchain::scsw::Scsw;
use kernel::{
    error::to_result,
    prelude::*, //
};

impl<S> Locked<'_, S> {
    /// Issues STORE SUBCHANNEL.
    ///
    /// Returns `ENODEV` or `EACCES` when there is no subchannel, or no device at it, any more.
    pub fn stsch(&mut self) -> Result {
        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held.
        let stored = to_result(unsafe { bindings::cio_update_schib(self.as_raw()) });
        match stored {
            Ok(()) => self.update_varied_on(),
            // SAFETY: The subchannel is not operational, or has no device, so that no function is
            // in progress.
            Err(_) => unsafe { self.note_program_ended() },
        }
        stored
    }

    /// Returns the subchannel-information block, in its format in storage.
    pub fn schib(&self) -> [u8; SCHIB_LEN] {
        let mut schib = [0; SCHIB_LEN];

        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held. `schib`
        // is valid for writing `SCHIB_LEN` bytes.
        unsafe { bindings::mdev_sch_schib(self.as_raw(), schib.as_mut_ptr().cast(), SCHIB_LEN) };
        schib
    }

    /// Returns the subchannel-status word.
    pub fn scsw(&self) -> Scsw {
        const SCSW: usize = 28;

        let schib = self.schib();
        let scsw = schib.get(SCSW..).and_then(<[u8]>::first_chunk);
        debug_assert!(scsw.is_some());
        scsw.map(Scsw::from_bytes).unwrap_or_default()
    }

    /// Returns the device number.
    pub fn device_number(&self) -> u16 {
        const DEVICE_NUMBER: usize = 6;

        let schib = self.schib();
        let number = schib.get(DEVICE_NUMBER..).and_then(<[u8]>::first_chunk);
        debug_assert!(number.is_some());
        number.copied().map(u16::from_be_bytes).unwrap_or_default()
    }

    /// Returns whether the subchannel is for QDIO (queued direct I/O).
    pub fn is_qdio(&self) -> bool {
        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held.
        unsafe { bindings::mdev_sch_qdio(self.as_raw()) }
    }

    /// Returns the mask of the path that was used last: the last-path-used mask.
    pub fn last_path(&self) -> u8 {
        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held.
        unsafe { bindings::mdev_sch_last_path(self.as_raw()) }
    }

    /// Returns whether an installed path is of the type that the channel paths of virtio devices
    /// have.
    ///
    /// It is `false` for paths that the channel subsystem does not describe. QEMU, whose devices
    /// these are, describes all of them (`VIRTIO_CCW_CHPID_TYPE` in its `hw/s390x/virtio-ccw.h`).
    pub fn is_virtio(&self) -> bool {
        const VIRTIO_PATH: u8 = 0x32;

        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held. It is on
        // the css bus, so that its parent is a channel subsystem, whose channel paths are never
        // freed.
        unsafe { bindings::mdev_sch_has_path_type(self.as_raw(), VIRTIO_PATH) }
    }

    /// Returns the mask of the paths that the administrator of the host has not varied off.
    #[inline]
    pub fn varied_on(&self) -> u8 {
        // SAFETY: By the type invariants, the subchannel lock is held, under which alone the cell
        // is accessed.
        unsafe { *self.sch.varied_on.get() }
    }

    /// Determines which paths are varied off.
    ///
    /// Must be called when the subchannel is bound, at each event of a path, and when the paths
    /// themselves may have changed.
    pub(in crate::css) fn update_varied_on(&mut self) {
        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held. It is on
        // the css bus, so that its parent is a channel subsystem, whose channel paths are never
        // freed. The cell is only accessed under the lock.
        unsafe { *self.sch.varied_on.get() = bindings::mdev_sch_varied_on(self.as_raw()) };
    }

    /// Returns the mask of the paths that are installed, available, operational, and not varied
    /// off.
    pub fn paths(&self) -> u8 {
        // SAFETY: By the type invariants, `self` is a valid subchannel whose lock is held.
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
}
