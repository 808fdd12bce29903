// SPDX-License-Identifier: GPL-2.0

//! Errors that requests of the user have got.

use super::Finding;
use crate::statistics::Statistics;

/// Explains the errors that were counted.
pub(super) fn findings(statistics: &Statistics) -> Vec<Finding> {
    let errors = statistics.errors().filter(|&(_, count)| count > 0);
    errors
        .map(|(name, count)| {
            let what = match name {
                "other" => format!("requests refused with other errors: {count}"),
                name => format!("requests refused with {name}: {count}"),
            };
            Finding::new(what, advice(name))
        })
        .collect()
}

fn advice(errno: &str) -> &'static str {
    match errno {
        "EBUSY" => {
            "A program was in progress, or its status was not read; or the host was short of \
             memory or pins (`shortages`)."
        }
        "EAGAIN" => "Several threads make requests at once, or one came during a reset: try again.",
        "ENODEV" | "EACCES" => {
            "There is no path to the device, or none of those that the ORB allows: see `lscss`."
        }
        "EFAULT" => {
            "The process that writes region 0 has not mapped the memory of the guest itself \
             (container), or the bytes of the write could not be read."
        }
        "EINVAL" => {
            "The ORB is wrong, or the program is too large: `ccw decode orb` shows an ORB, and the \
             debug log has the reason."
        }
        "EOPNOTSUPP" => {
            "The driver does not support what was asked for, such as transport mode. The debug log \
             has the reason."
        }
        "EIO" => "The subchannel did not perform the function: see the log of the kernel.",
        _ => {
            "The debug log has the reason. `cp_prefetch=-2` there means that the device is in no \
             address space of its iommufd."
        }
    }
}
