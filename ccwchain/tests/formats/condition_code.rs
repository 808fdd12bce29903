// SPDX-License-Identifier: GPL-2.0

//! Condition codes of I/O instructions.

use ccwchain::condition_code::ConditionCode;

#[test]
fn condition_codes_have_the_numbers_0_to_3() {
    for (number, code) in [
        (0, ConditionCode::Initiated),
        (1, ConditionCode::StatusPending),
        (2, ConditionCode::Busy),
        (3, ConditionCode::NotOperational),
    ] {
        assert_eq!(code.number(), number);
        assert_eq!(ConditionCode::from_number(number), Some(code));
    }
    for number in [4, u8::MAX] {
        assert_eq!(ConditionCode::from_number(number), None);
    }
}
