// SPDX-License-Identifier: GPL-2.0

//! Lists of IDAWs (indirect-data-address words).
//!
//! Principles of Operation, "Indirect-Data Addressing".

use super::{
    model::Fault,
    source::{
        Address,
        Source, //
    },
    symbols::Symbols, //
};

/// The area of lists of IDAWs, which are placed one behind the other.
pub(super) struct Idals {
    next: u32,
    format_2: bool,
    block: u64,
}

impl Idals {
    pub(super) fn new(source: &Source, behind: u32) -> Self {
        let format_2 = source.orb.idaw64();
        Self {
            next: source.idals.unwrap_or(behind),
            format_2,
            block: if format_2 && !source.orb.idaw2k() {
                4096
            } else {
                2048
            },
        }
    }

    /// Returns IDAWs for the first `count` bytes of these areas, at least one IDAW.
    pub(super) fn list(
        &self,
        symbols: &Symbols,
        pieces: &[Address],
        count: u64,
    ) -> Result<Vec<u64>, Fault> {
        let total = symbols.total_size(pieces)?;
        if let Some(first) = pieces.first().filter(|_| total < count) {
            let what = format!("the areas have {total} bytes, less than the count of {count}");
            return Err((first.at, what));
        }
        let mut idaws = Vec::new();
        let mut left = count.max(1);
        for piece in pieces {
            let start = symbols.resolve(piece, None)?;
            let size = symbols.size_from(piece)?.unwrap_or(0);
            if left == 0 {
                break;
            }
            if !idaws.is_empty() && start % self.block != 0 {
                return Err((piece.at, self.unaligned(piece, "begin")));
            }
            let end = start + size.min(left);
            if size < left && end % self.block != 0 {
                return Err((piece.at, self.unaligned(piece, "end")));
            }
            left -= end - start;
            if !self.format_2 && end > 1 << 31 {
                let what = format!("{} is beyond the 31 bits of format-1 IDAWs", piece.text);
                return Err((piece.at, what));
            }
            let mut next = start;
            while next < end {
                idaws.push(next);
                next = (next / self.block + 1) * self.block;
            }
        }
        Ok(idaws)
    }

    fn unaligned(&self, piece: &Address, what: &str) -> String {
        format!(
            "an IDAW addresses a block of {0} bytes, so {1} must {what} at a multiple of {0}",
            self.block, piece.text
        )
    }

    /// Returns the address of a list, and its bytes.
    pub(super) fn place(&mut self, idaws: &[u64]) -> (u32, Vec<u8>) {
        let bytes: Vec<u8> = if self.format_2 {
            idaws.iter().flat_map(|idaw| idaw.to_be_bytes()).collect()
        } else {
            let low = |idaw: &u64| idaw.to_be_bytes().into_iter().skip(4);
            idaws.iter().flat_map(low).collect()
        };
        let address = self.next;
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.next = address.saturating_add(size).next_multiple_of(8);
        (address, bytes)
    }
}
