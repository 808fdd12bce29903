// SPDX-License-Identifier: GPL-2.0

//! Behaviour of channels that the architecture does not allow, or leaves open.

use std::fmt;

/// The deviations of a channel from the architecture.
///
/// Each is one of an existing channel, or of one that is simpler than the architecture requires.
/// The translation of a program must be such that the guest gains nothing by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deviations {
    /// The chain-data flag is ignored: the chain-command flag counts (QEMU).
    pub ignores_chain_data: bool,
    /// The chain-data flag is ignored in a command that the device ends immediately (Hercules).
    pub drops_chain_data_at_once: bool,
    /// The next CCW of a data chain is run as a command.
    pub chains_data_as_commands: bool,
    /// In a data chain, data is moved in the direction of the command code of each CCW.
    pub takes_chained_codes: bool,
    /// Data that is to be skipped is stored.
    pub ignores_skip: bool,
    /// Data that is read backward is stored upward.
    pub reads_backward_upward: bool,
    /// The flag for the last MIDAW is ignored.
    pub ignores_last: bool,
    /// One entry of a list more is fetched than is used.
    pub fetches_lists_ahead: bool,
    /// One CCW more is fetched than is used.
    pub fetches_ccws_ahead: bool,
}

impl Deviations {
    /// Returns a channel without deviations.
    pub const NONE: Self = Self::of([false; 9]);

    /// Returns a channel with all deviations.
    pub const ALL: Self = Self::of([true; 9]);

    const fn of(
        [
            ignores_chain_data,
            drops_chain_data_at_once,
            chains_data_as_commands,
            takes_chained_codes,
            ignores_skip,
            reads_backward_upward,
            ignores_last,
            fetches_lists_ahead,
            fetches_ccws_ahead,
        ]: [bool; 9],
    ) -> Self {
        Self {
            ignores_chain_data,
            drops_chain_data_at_once,
            chains_data_as_commands,
            takes_chained_codes,
            ignores_skip,
            reads_backward_upward,
            ignores_last,
            fetches_lists_ahead,
            fetches_ccws_ahead,
        }
    }

    /// Returns a channel for each single deviation, one with all of them except that of QEMU, which
    /// hides those of data chaining, and one with all.
    pub fn each() -> impl Iterator<Item = Self> {
        let single = (0..9).map(|number| {
            let mut deviations = [false; 9];
            deviations[number] = true;
            Self::of(deviations)
        });
        let chaining = Self {
            ignores_chain_data: false,
            chains_data_as_commands: false,
            ..Self::ALL
        };
        single.chain([chaining, Self::ALL])
    }
}

/// Displays the names of the deviations, or that there are none.
impl fmt::Display for Deviations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = [
            (self.ignores_chain_data, "ignores chain data"),
            (self.drops_chain_data_at_once, "drops chain data at once"),
            (self.chains_data_as_commands, "chains data as commands"),
            (self.takes_chained_codes, "takes chained codes"),
            (self.ignores_skip, "ignores skip"),
            (self.reads_backward_upward, "reads backward upward"),
            (self.ignores_last, "ignores last"),
            (self.fetches_lists_ahead, "fetches lists ahead"),
            (self.fetches_ccws_ahead, "fetches CCWs ahead"),
        ]
        .into_iter()
        .filter_map(|(deviates, name)| deviates.then_some(name))
        .collect();
        if names.is_empty() {
            f.write_str("conforms to the architecture")
        } else {
            f.write_str(&names.join(", "))
        }
    }
}
