// SPDX-License-Identifier: GPL-2.0

//! Names of areas and labels, and their addresses.

use super::{
    model::{
        Fault,
        Part,
        Position, //
    },
    source::{
        Address,
        Base, //
    }, //
};

/// An area or a label.
pub(super) struct Symbol {
    pub(super) name: String,
    pub(super) at: Position,
    pub(super) address: u64,
    /// The number of bytes of an area. A label has none.
    pub(super) size: Option<u64>,
    /// True if the addresses have memory.
    pub(super) is_mapped: bool,
}

#[derive(Default)]
pub(super) struct Symbols(Vec<Symbol>);

impl Symbols {
    pub(super) fn add(&mut self, symbol: Symbol) -> Result<(), Fault> {
        if let Some(first) = self.find(&symbol.name) {
            let what = format!(
                "\"{}\" is already defined in line {}",
                symbol.name, first.at.line
            );
            return Err((symbol.at, what));
        }
        self.0.push(symbol);
        Ok(())
    }

    fn find(&self, name: &str) -> Option<&Symbol> {
        self.0
            .iter()
            .find(|symbol| symbol.name.eq_ignore_ascii_case(name))
    }

    fn named(&self, address: &Address) -> Result<Option<&Symbol>, Fault> {
        let Base::Name(name) = &address.base else {
            return Ok(None);
        };
        let symbol = self.find(name).ok_or_else(|| {
            let what = format!("there is no area or label \"{name}\" in this program");
            (address.at, what)
        })?;
        Ok(Some(symbol))
    }

    /// Returns an address as a number. `here` is the value of `*`.
    pub(super) fn resolve(&self, address: &Address, here: Option<u32>) -> Result<u64, Fault> {
        let base = match (&address.base, self.named(address)?) {
            (_, Some(symbol)) => symbol.address,
            (Base::Number(number), None) => *number,
            _ => here.map(u64::from).ok_or_else(|| {
                let what = "\"*\" is the address of a CCW and can be used only in one".to_owned();
                (address.at, what)
            })?,
        };
        base.checked_add_signed(address.offset).ok_or_else(|| {
            let what = format!("{} lies outside of memory", address.text);
            (address.at, what)
        })
    }

    /// Returns how many bytes an area has from an address on, or `None` if the address names no area.
    pub(super) fn size_from(&self, address: &Address) -> Result<Option<u64>, Fault> {
        let Some(Symbol {
            size: Some(size), ..
        }) = self.named(address)?
        else {
            return Ok(None);
        };
        let offset = u64::try_from(address.offset).ok();
        let left = offset.and_then(|offset| size.checked_sub(offset));
        match left {
            Some(left) if left > 0 => Ok(Some(left)),
            _ => {
                let what = format!("{} is outside of its area of {size} bytes", address.text);
                Err((address.at, what))
            }
        }
    }

    pub(super) fn part(&self, address: &Address, len: Option<usize>) -> Result<Part, Fault> {
        let Some(left) = self.size_from(address)? else {
            return Err((address.at, "expected the name of an area".to_owned()));
        };
        if self.named(address)?.is_some_and(|area| !area.is_mapped) {
            let what = format!(
                "{} is unmapped: there are no bytes to look at",
                address.text
            );
            return Err((address.at, what));
        }
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let len = len.unwrap_or(left);
        if len > left {
            let what = format!("{} has {left} bytes, not {len}", address.text);
            return Err((address.at, what));
        }
        Ok(Part {
            name: address.text.clone(),
            address: self.resolve(address, None)?,
            len,
        })
    }

    /// Returns how many bytes areas have together.
    pub(super) fn total_size(&self, pieces: &[Address]) -> Result<u64, Fault> {
        let mut total = 0;
        for piece in pieces {
            let Some(size) = self.size_from(piece)? else {
                return Err((piece.at, "idal(...) takes names of areas".to_owned()));
            };
            total += size;
        }
        Ok(total)
    }
}
