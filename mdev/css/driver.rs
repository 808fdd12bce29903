// SPDX-License-Identifier: GPL-2.0

//! Drivers of subchannels.
//!
//! C header: [`drivers/s390/cio/css.h`](srctree/drivers/s390/cio/css.h)

use super::{
    Device,
    Locked,
    Path,
    PathEvent,
    Subchannel,
    IRB_LEN, //
};
use crate::{
    bindings,
    while_bound::WhileBound, //
};
use kernel::{
    device,
    device_id::RawDeviceId,
    prelude::*,
    sync::Arc, //
};

/// An entry of an [`IdTable`], which matches subchannels of one type.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct DeviceId(bindings::css_device_id);

impl DeviceId {
    /// Matches I/O subchannels.
    // CAST: The types of subchannels are less than 4.
    pub const IO: Self = Self::of_type(bindings::subchannel_SUBCHANNEL_TYPE_IO as u8);

    const fn of_type(subchannel_type: u8) -> Self {
        Self(bindings::css_device_id {
            // Zero ends the table; any other value makes an entry.
            match_flags: 1,
            type_: subchannel_type,
            driver_data: 0,
        })
    }
}

// SAFETY: `DeviceId` is a `#[repr(transparent)]` wrapper of `css_device_id` and does not add
// additional invariants, so it's safe to transmute to `RawType`.
unsafe impl RawDeviceId for DeviceId {
    type RawType = bindings::css_device_id;
}

/// The id table of a [`Driver`].
pub type IdTable = &'static dyn kernel::device_id::IdTable<DeviceId, ()>;

/// Creates the id table of a css driver, and the module aliases for it.
#[macro_export]
macro_rules! css_device_table {
    ($name:ident, [$($id:expr),* $(,)?]) => {
        ::kernel::module_device_table!("css", $crate::css::DeviceId, $name, @none, [$($id),*]);
    };
}

/// The css driver trait.
///
/// The value of the implementing type is the driver itself: it holds what all subchannels of the
/// driver share.
///
/// # Examples
///
/// ```
/// use kernel::{
///     device::Core,
///     prelude::*,
///     sync::Arc, //
/// };
/// use mdev::css;
///
/// mdev::css_device_table!(ID_TABLE, [css::DeviceId::IO]);
///
/// /// Counts the interrupts of each subchannel.
/// struct Counter;
///
/// impl css::Driver for Counter {
///     type State = u64;
///     type Data = ();
///
///     const ID_TABLE: css::IdTable = &ID_TABLE;
///
///     fn state(&self, _dev: &css::Device<Core<'_>>) -> Result<u64> {
///         Ok(0)
///     }
///
///     fn probe(
///         &self,
///         dev: &css::Device<Core<'_>>,
///         sch: &Arc<css::Subchannel<u64>>,
///     ) -> Result<()> {
///         dev_info!(dev.as_ref(), "paths: {:#04x}\n", sch.lock()?.paths());
///         Ok(())
///     }
///
///     fn irq(&self, sch: &mut css::Locked<'_, u64>, _irb: &[u8; css::IRB_LEN]) {
///         **sch += 1;
///     }
///
///     fn event(&self, sch: &mut css::Locked<'_, u64>) -> Result {
///         if sch.stsch().is_err() {
///             sch.unregister_later();
///         }
///         Ok(())
///     }
///
///     fn path_event(
///         &self,
///         _sch: &mut css::Locked<'_, u64>,
///         _path: css::Path,
///         _event: css::PathEvent,
///     ) -> Result {
///         Ok(())
///     }
///
///     fn shutdown(_sch: &css::Subchannel<u64>) {}
/// }
///
/// fn register(module: &'static ThisModule) -> Result<Pin<KBox<css::Registration<Counter>>>> {
///     KBox::try_pin_init(css::Registration::new(c"counter", module, Counter), GFP_KERNEL)
/// }
/// ```
pub trait Driver: Send + Sync + Sized + 'static {
    /// The state that the driver keeps for each subchannel under the subchannel lock.
    type State: Send + 'static;

    /// The registration on the subchannel while it is bound, or `()`.
    ///
    /// When the subchannel is unbound, the registration ends first, while the other callbacks can
    /// still be called.
    type Data: WhileBound;

    /// The table of device ids supported by the driver.
    const ID_TABLE: IdTable;

    /// Returns the initial state of a subchannel that is about to be bound.
    fn state(&self, dev: &Device<device::Core<'_>>) -> Result<Self::State>;

    /// Called when a subchannel is to be bound. Returns what to register on it.
    ///
    /// [`Driver::irq`] and the events may be called as soon as this is.
    fn probe(
        &self,
        dev: &Device<device::Core<'_>>,
        sch: &Arc<Subchannel<Self::State>>,
    ) -> Result<Self::Data>;

    /// Called with interrupts off when the subchannel has presented the status `irb`.
    fn irq(&self, sch: &mut Locked<'_, Self::State>, irb: &[u8; IRB_LEN]);

    /// Called when the subchannel or its device may have appeared, changed or gone.
    ///
    /// Returns `EAGAIN` if the channel subsystem is to look at the subchannel once more, after it
    /// has unregistered it if that was requested.
    fn event(&self, sch: &mut Locked<'_, Self::State>) -> Result;

    /// Called at an event of a channel path of the subchannel.
    ///
    /// After an error the channel subsystem evaluates the subchannel again.
    fn path_event(&self, sch: &mut Locked<'_, Self::State>, path: Path, event: PathEvent)
        -> Result;

    /// Called when the system shuts down. When this returns, no I/O may be in progress.
    fn shutdown(sch: &Subchannel<Self::State>);
}
