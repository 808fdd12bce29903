// SPDX-License-Identifier: GPL-2.0

//! Faults on demand.

use core::ops::DerefMut;

use crate::{
    Error,
    Page,
    Type1, //
};

/// What can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reading memory.
    Read,
    /// Pinning pages.
    Pin,
}

/// A fault to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is to fail.
    pub operation: Operation,
    /// How many operations of this kind go well before.
    pub after: usize,
    /// How the next one fails.
    pub error: Error,
}

impl<P: DerefMut<Target = [Page]>> Type1<P> {
    /// Fails if this operation is the one that is to fail; a fault comes once.
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
