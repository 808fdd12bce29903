// SPDX-License-Identifier: GPL-2.0

//! The subchannel-information block of a subchannel changes while its lock is not held.

use kernel::prelude::*;
use mdev::css::Subchannel;

pub fn is_qdio(sch: &Subchannel<()>) -> Result<bool> {
    #[cfg(misuse)]
    let _ = sch.device().is_qdio(); //~ E0599
    Ok(sch.lock()?.is_qdio())
}
