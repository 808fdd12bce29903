// SPDX-License-Identifier: GPL-2.0

//! What all subchannels of the driver share.

use crate::address_space::AddressSpaces;
use core::fmt;
use kernel::{
    debugfs::Dir,
    new_mutex,
    prelude::*,
    sync::Arc, //
};
use mdev::{
    css::{
        Isc,
        SubchannelId, //
    },
    debug::{
        HexLog,
        Log, //
    }, //
};

/// What all subchannels of the driver share.
#[pin_data]
pub(crate) struct Context {
    /// The interruption subclass of their subchannels.
    pub(crate) isc: Isc,
    /// The debug log `vfio_ccw_msg`.
    msg: Log,
    /// The debug log `vfio_ccw_trace`.
    pub(crate) trace: HexLog,
    /// The directory of their statistics.
    pub(crate) debugfs: Dir,
    /// The address spaces that devices are open for.
    #[pin]
    pub(crate) spaces: AddressSpaces,
}

impl Context {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            isc: Isc::vfio_ccw(),
            msg: Log::new(c"vfio_ccw_msg", 16, 2)?,
            trace: HexLog::new(c"vfio_ccw_trace", 16, 2)?,
            debugfs: Dir::new(c"vfio_ccw"),
            spaces <- new_mutex!(KVec::new(), "vfio_ccw::spaces"),
        })
    }

    /// Adds an entry about a subchannel to the log `vfio_ccw_msg`. May be called in any context.
    pub(crate) fn log(&self, level: c_int, id: SubchannelId, text: fmt::Arguments<'_>) {
        self.msg.event(level, format_args!("sch {id}: {text}"));
    }
}

/// What lasts for some time: its begin and, when dropped, its end are in the log `vfio_ccw_msg`.
pub(crate) struct Span {
    context: Arc<Context>,
    id: SubchannelId,
    level: c_int,
    end: &'static str,
}

impl Span {
    pub(crate) fn new(
        context: Arc<Context>,
        id: SubchannelId,
        level: c_int,
        [begin, end]: [&'static str; 2],
    ) -> Self {
        context.log(level, id, format_args!("{begin}"));
        Self {
            context,
            id,
            level,
            end,
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.context
            .log(self.level, self.id, format_args!("{}", self.end));
    }
}
