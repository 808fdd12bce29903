// SPDX-License-Identifier: GPL-2.0

//! A driver of mediated devices that does nothing.

use kernel::{
    prelude::*,
    uaccess::{
        UserSliceReader,
        UserSliceWriter, //
    },
};
use mdev::vfio::{
    Open,
    Operations,
    Region,
    Trigger, //
};

pub struct Device;

impl Operations for Device {
    const NAME: &'static CStr = c"misuse";
    const FLAGS: u32 = 0;
    const REGIONS: u32 = 0;
    const IRQS: u32 = 0;

    fn open(_: &Open<'_, Self>) -> Result {
        Ok(())
    }

    fn close(_: &Open<'_, Self>) {}

    fn read(_: &Open<'_, Self>, _: u64, _: UserSliceWriter) -> Result<usize> {
        Ok(0)
    }

    fn write(_: &Open<'_, Self>, _: u64, _: UserSliceReader) -> Result<usize> {
        Ok(0)
    }

    fn region(_: u32) -> Option<Region> {
        None
    }

    fn set_irq(_: &Open<'_, Self>, _: u32, _: Trigger) -> Result {
        Ok(())
    }

    fn reset(_: &Open<'_, Self>) -> Result {
        Ok(())
    }

    fn dma_unmap(_: &Open<'_, Self>, _: u64, _: u64) {}
}
