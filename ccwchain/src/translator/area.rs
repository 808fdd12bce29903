// SPDX-License-Identifier: GPL-2.0

//! The storage area of a guest CCW: its blocks, and what the channel accepts in its lists.

use crate::{
    ccw::Ccw,
    idaw,
    midaw::{
        self,
        Midaw, //
    },
    translator::effect::DataTransfer,
    translator::lists::scratch_midaws, //
};

/// The storage area of a guest CCW.
pub(crate) struct StorageArea {
    /// The guest address of the area, or of its list.
    pub(crate) address: u64,
    /// The number of bytes.
    pub(crate) count: u16,
    /// The direction in which the data is moved.
    pub(crate) transfer: DataTransfer,
}

impl StorageArea {
    /// Returns the storage area of a CCW that moves data.
    #[inline]
    pub(crate) fn new(ccw: &Ccw, transfer: DataTransfer) -> Self {
        Self {
            address: u64::from(ccw.address),
            count: ccw.count,
            transfer,
        }
    }

    /// Returns the number of bytes that an IDAW designates, if `rest` bytes of the area are left.
    #[inline]
    pub(crate) fn idaw_count(&self, format: idaw::Format, idaw: u64, rest: u16) -> u16 {
        let offset = idaw % format.block();
        let room = if self.transfer.backward() {
            offset + 1
        } else {
            format.block() - offset
        };
        room.min(rest.into()) as u16
    }

    /// Returns whether the channel accepts this IDAW as one that is not the first of the list.
    #[inline]
    pub(crate) fn accepts_idaw(&self, format: idaw::Format, idaw: u64) -> bool {
        if self.transfer.backward() {
            format.is_last_byte(idaw)
        } else {
            format.is_first_byte(idaw)
        }
    }

    /// Returns the number of blocks of the area. `first` is the address of the first byte that is
    /// moved.
    #[inline]
    pub(crate) fn needed(&self, format: idaw::Format, first: u64) -> usize {
        if self.transfer.backward() {
            format.needed_backward(first, self.count)
        } else {
            format.needed(first, self.count)
        }
    }

    /// Returns the number of host MIDAWs for a guest MIDAW.
    pub(crate) fn host_midaws(&self, midaw: &Midaw) -> usize {
        if self.transfer.skips(midaw.flags) {
            scratch_midaws(midaw)
        } else {
            1
        }
    }

    /// Returns whether the channel accepts this MIDAW when `rest` bytes of the area are left.
    ///
    /// The count is compared with `rest` only for a MIDAW that skips, which may become several. For
    /// others the channel compares it.
    pub(crate) fn accepts_midaw(&self, midaw: &Midaw, rest: u16) -> bool {
        if self.transfer.skips(midaw.flags) {
            let is_last = midaw.flags.contains(midaw::Flags::LAST);
            (1..=rest).contains(&midaw.count) && (!is_last || midaw.count == rest)
        } else {
            midaw.accepts(self.transfer.backward())
        }
    }
}
