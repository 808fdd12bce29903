// SPDX-License-Identifier: GPL-2.0

//! Numbers and bytes in the text form of sequences.

use std::fmt;

/// Bytes, displayed as digits; a dash if there are none.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("-");
        }
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Reads bytes.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    if text == "-" {
        return Some(Vec::new());
    }
    let digits = text.as_bytes();
    if digits.len() % 2 != 0 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// Reads a number, which is decimal or begins with `0x`.
pub(super) fn number<T: TryFrom<u64>>(text: &str) -> Option<T> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    T::try_from(number.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_pairs_of_digits() {
        assert_eq!(bytes("00ff7a"), Some(vec![0, 0xff, 0x7a]));
        assert_eq!(bytes("-"), Some(Vec::new()));
        for text in ["", "0", "0g", "+1"] {
            assert!(bytes(text).is_none_or(|bytes| bytes.is_empty()), "{text}");
        }
    }

    #[test]
    fn numbers_must_fit() {
        assert_eq!(number::<u8>("255"), Some(255));
        assert_eq!(number::<u8>("0x100"), None);
        assert_eq!(number::<u64>("0xffffffffffffffff"), Some(u64::MAX));
        assert_eq!(number::<u64>("x"), None);
    }
}
