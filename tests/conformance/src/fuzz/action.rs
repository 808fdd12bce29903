// SPDX-License-Identifier: GPL-2.0

//! One action of a user, and its text form.

use std::fmt;

use ccw::vfio::Backend;

use super::text::{
    bytes,
    number,
    Bytes, //
};
use crate::fixtures::{
    backend_of,
    backend_word, //
};

/// A device that is fuzzed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The 3270, which runs any program.
    Terminal,
    /// A virtio-rng: programs with commands that take addresses as data are kept from it.
    Rng,
}

/// A generator of programs in `tests/model`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any program.
    Any,
    /// A program that stores over itself.
    Overwrite,
    /// A program to which the guest appends.
    Append,
}

/// An ioctl of a device whose argument is a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ioctl {
    Info,
    RegionInfo,
    IrqInfo,
    SetIrqs,
    Feature,
    Detach,
}

impl Which {
    pub(super) const ALL: [(Self, &'static str); 2] =
        [(Self::Terminal, "terminal"), (Self::Rng, "rng")];
}

impl Kind {
    pub(super) const ALL: [(Self, &'static str); 3] = [
        (Self::Any, "any"),
        (Self::Overwrite, "overwrite"),
        (Self::Append, "append"),
    ];
}

impl Ioctl {
    pub(super) const ALL: [(Self, &'static str); 6] = [
        (Self::Info, "info"),
        (Self::RegionInfo, "region-info"),
        (Self::IrqInfo, "irq-info"),
        (Self::SetIrqs, "set-irqs"),
        (Self::Feature, "feature"),
        (Self::Detach, "detach"),
    ];
}

/// Returns the word for one of several items.
fn word_of<T: PartialEq>(all: &[(T, &'static str)], item: &T) -> &'static str {
    let found = all.iter().find(|(known, _)| known == item);
    found.map_or("?", |(_, word)| word)
}

/// Returns the item that a word stands for.
fn item_of<T: Copy>(all: &[(T, &'static str)], word: &str) -> Option<T> {
    let found = all.iter().find(|(_, known)| *known == word);
    found.map(|(item, _)| *item)
}

/// An action of a user.
///
/// Addresses of the user are at the end of a page whose next page cannot be accessed: bytes beyond
/// those that an action has are a bad pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Open(Which, Backend),
    Close,
    /// Sets how many pages stay pinned between programs, from the next open on.
    Cache(u32),
    /// Maps a range of guest memory, by its number.
    Map(u8),
    Unmap(u8),
    /// Discards the page at an address of the guest.
    Discard(u64),
    /// Stores at an address of the guest.
    Store(u64, Vec<u8>),
    /// Stores a program of a generator, and starts it.
    Program(Kind, u64),
    /// Stores the program that `model::fuzz` makes of these bytes, and starts it.
    Coded(Vec<u8>),
    Reset,
    /// Sends an ioctl with these bytes as its argument.
    Ioctl(Ioctl, Vec<u8>),
    /// Sends the ioctl with this number, and a null pointer.
    Number(u32),
    /// Reads `len` bytes of the device file into `room` bytes.
    Read {
        offset: i64,
        len: u16,
        room: u16,
    },
    /// Writes `len` bytes to the device file, of which the first exist.
    Write {
        offset: i64,
        len: u16,
        bytes: Vec<u8>,
    },
    /// Waits at most so many milliseconds for the interrupt of an IRB.
    Wait(u8),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(which, backend) => {
                let which = word_of(&Which::ALL, which);
                write!(f, "open {which} {}", backend_word(*backend))
            }
            Self::Close => f.write_str("close"),
            Self::Cache(pages) => write!(f, "cache {pages}"),
            Self::Map(range) => write!(f, "map {range}"),
            Self::Unmap(range) => write!(f, "unmap {range}"),
            Self::Discard(address) => write!(f, "discard {address:#x}"),
            Self::Store(address, bytes) => write!(f, "store {address:#x} {}", Bytes(bytes)),
            Self::Program(kind, seed) => {
                write!(f, "program {} {seed:#x}", word_of(&Kind::ALL, kind))
            }
            Self::Coded(bytes) => write!(f, "coded {}", Bytes(bytes)),
            Self::Reset => f.write_str("reset"),
            Self::Ioctl(ioctl, bytes) => {
                write!(f, "ioctl {} {}", word_of(&Ioctl::ALL, ioctl), Bytes(bytes))
            }
            Self::Number(number) => write!(f, "number {number:#x}"),
            Self::Read { offset, len, room } => write!(f, "read {offset} {len} {room}"),
            Self::Write { offset, len, bytes } => {
                write!(f, "write {offset} {len} {}", Bytes(bytes))
            }
            Self::Wait(milliseconds) => write!(f, "wait {milliseconds}"),
        }
    }
}

impl Action {
    /// Reads the text form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        Some(match *words.as_slice() {
            ["open", which, backend] => {
                Self::Open(item_of(&Which::ALL, which)?, backend_of(backend)?)
            }
            ["close"] => Self::Close,
            ["cache", pages] => Self::Cache(number(pages)?),
            ["map", range] => Self::Map(number(range)?),
            ["unmap", range] => Self::Unmap(number(range)?),
            ["discard", address] => Self::Discard(number(address)?),
            ["store", address, stored] => Self::Store(number(address)?, bytes(stored)?),
            ["program", kind, seed] => Self::Program(item_of(&Kind::ALL, kind)?, number(seed)?),
            ["coded", coded] => Self::Coded(bytes(coded)?),
            ["reset"] => Self::Reset,
            ["ioctl", ioctl, argument] => {
                Self::Ioctl(item_of(&Ioctl::ALL, ioctl)?, bytes(argument)?)
            }
            ["number", wanted] => Self::Number(number(wanted)?),
            ["read", offset, len, room] => Self::Read {
                offset: offset.parse().ok()?,
                len: number(len)?,
                room: number(room)?,
            },
            ["write", offset, len, written] => Self::Write {
                offset: offset.parse().ok()?,
                len: number(len)?,
                bytes: bytes(written)?,
            },
            ["wait", milliseconds] => Self::Wait(number(milliseconds)?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_action_is_refused() {
        for text in [
            "",
            "open",
            "open disk container",
            "open rng vfio",
            "map 256",
            "store 0x1000",
            "store 0x1000 abc",
            "read 0 1",
            "ioctl other 00",
            "close now",
        ] {
            assert_eq!(Action::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_action_is_read_from_its_text() {
        let text = "write -1 8 01ff";
        let action = Action::Write {
            offset: -1,
            len: 8,
            bytes: vec![1, 0xff],
        };
        assert_eq!(Action::parse(text), Some(action.clone()));
        assert_eq!(action.to_string(), text);
        assert_eq!(
            Action::parse("ioctl set-irqs -"),
            Some(Action::Ioctl(Ioctl::SetIrqs, Vec::new()))
        );
    }
}
