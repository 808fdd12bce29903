// SPDX-License-Identifier: GPL-2.0

//! EBCDIC text, and dumps of memory.

use std::fmt::{
    self,
    Write, //
};

/// The codes of the characters from blank to tilde in code page 037.
const CODE_PAGE_037: [u8; 95] = [
    0x40, 0x5a, 0x7f, 0x7b, 0x5b, 0x6c, 0x50, 0x7d, 0x4d, 0x5d, 0x5c, 0x4e, 0x6b, 0x60, 0x4b,
    0x61, //
    0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0x7a, 0x5e, 0x4c, 0x7e, 0x6e,
    0x6f, //
    0x7c, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5,
    0xd6, //
    0xd7, 0xd8, 0xd9, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xba, 0xe0, 0xbb, 0xb0,
    0x6d, //
    0x79, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x91, 0x92, 0x93, 0x94, 0x95,
    0x96, //
    0x97, 0x98, 0x99, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xc0, 0x4f, 0xd0,
    0xa1, //
];

/// Converts a character to EBCDIC, code page 037. Returns `None` if it is not printable ASCII.
pub fn to_ebcdic(character: char) -> Option<u8> {
    let index = u32::from(character).checked_sub(0x20)?;
    CODE_PAGE_037.get(usize::try_from(index).ok()?).copied()
}

/// Converts a byte from EBCDIC, if it is a printable character of ASCII.
pub fn from_ebcdic(byte: u8) -> Option<char> {
    let index = CODE_PAGE_037.iter().position(|&code| code == byte)?;
    char::from_u32(u32::try_from(index).ok()? + 0x20)
}

/// Converts bytes from EBCDIC, without the blanks around them. Bytes without a character are dots.
pub fn ebcdic_text(bytes: &[u8]) -> String {
    let text: String = bytes
        .iter()
        .map(|&byte| from_ebcdic(byte).unwrap_or('.'))
        .collect();
    text.trim().to_owned()
}

fn from_ascii(byte: u8) -> Option<char> {
    (0x20..0x7f).contains(&byte).then_some(char::from(byte))
}

/// A dump of bytes in lines of 16, each with its address and with the text in both codes.
pub struct Dump<'a> {
    /// The guest address of the first byte.
    pub address: u64,
    /// The bytes.
    pub bytes: &'a [u8],
    /// The text that each line begins with.
    pub indent: &'a str,
}

impl fmt::Display for Dump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, address) in self.bytes.chunks(16).zip((self.address..).step_by(16)) {
            write!(f, "{}{address:08x} ", self.indent)?;
            for i in 0..16 {
                if i % 4 == 0 {
                    f.write_char(' ')?;
                }
                match line.get(i) {
                    Some(byte) => write!(f, "{byte:02x}")?,
                    None => f.write_str("  ")?,
                }
            }
            let text = |decode: fn(u8) -> Option<char>| -> String {
                line.iter()
                    .map(|&byte| decode(byte).unwrap_or('.'))
                    .collect()
            };
            writeln!(f, "  {:16}  {}", text(from_ebcdic), text(from_ascii))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ebcdic_is_that_of_code_page_037() {
        assert_eq!(
            "HELLO 019az"
                .chars()
                .map(to_ebcdic)
                .collect::<Option<Vec<_>>>(),
            Some(vec![
                0xc8, 0xc5, 0xd3, 0xd3, 0xd6, 0x40, 0xf0, 0xf1, 0xf9, 0x81, 0xa9
            ])
        );
        assert_eq!(to_ebcdic('\n'), None);
        assert_eq!(to_ebcdic('\u{e4}'), None);
        assert_eq!(from_ebcdic(0xc1), Some('A'));
        assert_eq!(from_ebcdic(0xff), None);
        assert_eq!(ebcdic_text(b"\x40\xc1\x00\x40\xc2\x40"), "A. B");
    }

    #[test]
    fn a_dump_shows_both_codes() {
        let dump = Dump {
            address: 0x1000,
            bytes: b"\xc1\xc2ab",
            indent: "> ",
        };
        assert_eq!(
            dump.to_string(),
            "> 00001000  c1c26162                             AB/.              ..ab\n"
        );
    }
}
