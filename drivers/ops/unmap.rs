// SPDX-License-Identifier: GPL-2.0

//! DMA unmap: no page of the memory that the user unmaps may stay pinned.
//!
//! # Locks
//!
//! The order of the locks is `quiescing`, `session`, the subchannel lock. An unmap takes `session`
//! first nevertheless, and `quiescing` with a try-lock:
//!
//! - Only the holder of `session` can look which pages are pinned, and waiting for `session` can
//!   take as long as a page fault in user memory, while another thread translates. If the unmap
//!   waited for it with `quiescing` held, a reset, a close or a shutdown would have to wait for
//!   that page fault, too.
//! - The holder of `quiescing` may be a reset that waits for `session` to unpin its program. If the
//!   unmap waited for `quiescing` with `session` held, both would wait for ever. So it releases
//!   `session`, waits until `quiescing` is free, and starts over.
//!
//! Most unmaps take neither lock: memory that is unmapped for another device of the same user must
//! not wait for a device that has no pages pinned ([`PinGate`](crate::pin_gate::PinGate)).

use crate::{
    device::Device,
    quiesce::{
        quiesce,
        resume, //
    },
};
use kernel::prelude::*;
use mdev::vfio::Open;

/// Unpins all pages among `len` bytes from `iova` on. A program that uses one of them is ended.
pub(super) fn dma_unmap(dev: &Open<'_, Device>, iova: u64, len: u64) {
    // If a page is being pinned at this moment, this function is called again.
    if !dev.pins.may_have_pins() {
        return;
    }

    loop {
        let mut guard = dev.session.lock();
        let Some(session) = Option::as_mut(&mut guard) else {
            return;
        };
        if !session.translator.has_pinned(iova, len) {
            session.invalidate(dev, iova, len);
            return;
        }
        let Some(_quiescing) = dev.quiescing.try_lock() else {
            drop(guard);
            drop(dev.quiescing.lock());
            continue;
        };

        // A device that was given up is not quiesced again: that takes long, and its pages stay.
        let ends = dev
            .sch
            .lock()
            .is_ok_and(|sch| sch.may_run() && !sch.is_not_operational());
        let ended = if ends {
            dev.statistics.unmaps.increment();
            quiesce(&dev.sch)
        } else {
            Ok(())
        };
        session.unpin_or_quarantine(dev);
        session.invalidate(dev, iova, len);
        if ends && ended.is_ok() && resume(&dev.sch, &dev.shared.isc).is_err() {
            dev_warn!(
                dev.sch.device().as_ref(),
                "the device is gone after memory of a running program was unmapped\n"
            );
        }
        return;
    }
}
