// SPDX-License-Identifier: GPL-2.0

//! A timer that is forgotten would read what is gone.

use kernel::{
    prelude::*,
    time::Delta, //
};
use mdev::timer::Timer;

pub fn start() -> Result {
    let number = 5_u32;

    #[cfg(not(misuse))]
    let of = number;
    #[cfg(misuse)]
    let of = &number; //~ E0597

    let timer = KBox::pin_init(Timer::new(of, |_| {}), GFP_KERNEL)?;
    timer.start(Delta::from_secs(1));
    core::mem::forget(timer);
    Ok(())
}
