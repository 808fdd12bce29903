// SPDX-License-Identifier: GPL-2.0

//! A program that no translator has made could have the channel move data anywhere.

use ccwchain::host_orb::HostProgram;
use kernel::prelude::*;
use mdev::{
    css::Locked,
    dma::Area, //
};

pub fn start(sch: &mut Locked<'_, ()>, program: HostProgram<Area>, _other: Area) -> Result {
    #[cfg(misuse)]
    let program = HostProgram {
        orb: program.orb(), //~ E0451
        wait_points: *program.wait_points(),
        arena: _other,
    };
    sch.start(program, 0xff).0.map(|_| ())
}
