// SPDX-License-Identifier: GPL-2.0

//! The reasons why a program is not started, and their errnos.

use ccwchain::error::Error as TranslationError;
use kernel::prelude::*;
use state::Refusal;

/// The reason why a program is not started.
pub(super) enum Failure {
    /// The state of the subchannel does not allow it.
    Refused(Refusal),
    /// The program cannot be translated.
    NotTranslated(TranslationError<Error>),
    /// The translated program cannot be started.
    NotStarted(Error),
}

/// Returns the errno of a failed translation, the step for the trace point, and the name of the
/// step in the debug log, if it has one.
pub(super) fn of_translation(
    error: TranslationError<Error>,
) -> (Error, &'static CStr, Option<&'static str>) {
    match error {
        TranslationError::TransportMode => (EOPNOTSUPP, c"transport mode", None),
        TranslationError::ReservedOrbBits { .. } | TranslationError::TooLarge(_) => {
            (EINVAL, c"cp init", Some("cp_init"))
        }
        TranslationError::Memory(error) => (error, c"cp prefetch", Some("cp_prefetch")),
    }
}

/// Returns the errno for the user in place of `error`.
///
/// A shortage of memory or pins of the host passes, so the user is told the same as while a program
/// is in progress: a guest of QEMU tries again. QEMU converts `ENOMEM` to a unit exception, which a
/// tape presents at a tape mark: the guest would take the part that it has read for the whole file.
pub(super) fn user_errno(error: Error) -> Error {
    if error == ENOMEM {
        EBUSY
    } else {
        error
    }
}

#[cfg(CONFIG_VFIO_CCW_RUST_KUNIT_TEST)]
#[kunit_tests(vfio_ccw_failure)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_no_end_of_file() {
        let (errno, ..) = of_translation(TranslationError::Memory(ENOMEM));
        assert!(user_errno(errno) == EBUSY);
        // QEMU tries again itself.
        assert!(user_errno(EAGAIN) == EAGAIN);
        for lasting in [EFAULT, ENOENT, EINVAL, EOPNOTSUPP, ENODEV, EACCES] {
            assert!(user_errno(lasting) == lasting);
        }
    }
}
