// SPDX-License-Identifier: GPL-2.0

//! Faults that a test injects.

use core::ops::DerefMut;

use crate::{
    Error,
    Page,
    Type1, //
};

/// An operation that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reading memory.
    Read,
    /// Pinning pages.
    Pin,
}

/// A fault to inject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The operation to fail.
    pub operation: Operation,
    /// The number of operations of this kind that succeed before.
    pub after: usize,
    /// The error of the next one.
    pub error: Error,
}

impl<P: DerefMut<Target = [Page]>> Type1<P> {
    /// Returns the error of the injected fault if this is the operation to fail. A fault comes
    /// once.
    pub(crate) fn injected(&mut self, operation: Operation) -> Result<(), Error> {
        match &mut self.fault {
            Some(fault) if fault.operation == operation => match fault.after.checked_sub(1) {
                Some(after) => {
                    fault.after = after;
                    Ok(())
                }
                None => {
                    let error = fault.error;
                    self.fault = None;
                    Err(error)
                }
            },
            _ => Ok(()),
        }
    }
}
