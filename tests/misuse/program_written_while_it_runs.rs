// SPDX-License-Identifier: GPL-2.0

//! The memory of a program that the channel has is neither written to nor freed.

use ccwchain::{
    host_orb::HostProgram,
    memory::Arena, //
};
use kernel::prelude::*;
use mdev::{
    css::Locked,
    dma::Area, //
};

pub fn start(sch: &mut Locked<'_, ()>, program: HostProgram<Area>) -> Result {
    let (code, area) = sch.start(program, 0xff);
    // What was not started can be written to.
    if let Some(mut area) = area {
        area.write(0, [0; 8]);
    }
    #[cfg(misuse)]
    program.into_arena().write(0, [0; 8]); //~ E0382
    code.map(|_| ())
}
