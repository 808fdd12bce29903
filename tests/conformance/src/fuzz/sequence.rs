// SPDX-License-Identifier: GPL-2.0

//! Sequences of actions, and their text form: an action a line, after the number of its thread.

use std::fmt;

use super::action::Action;

/// The number of threads that a sequence can have.
pub(super) const THREADS: usize = 3;

/// Actions, each with the number of the thread that does it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sequence(pub(super) Vec<(usize, Action)>);

impl Sequence {
    /// Returns whether one thread does all actions.
    pub(super) fn is_serial(&self) -> bool {
        self.0.iter().all(|(thread, _)| *thread == 0)
    }

    /// Returns the actions that the first thread does before there are others, and then those of
    /// each thread, which run side by side.
    pub(super) fn split(&self) -> (Vec<&Action>, [Vec<&Action>; THREADS]) {
        let others = self.0.iter().position(|(thread, _)| *thread != 0);
        let (alone, beside) = self.0.split_at(others.unwrap_or(self.0.len()));
        let mut threads = [const { Vec::new() }; THREADS];
        for (thread, action) in beside {
            threads[thread % THREADS].push(action);
        }
        (alone.iter().map(|(_, action)| action).collect(), threads)
    }

    /// Reads sequences that a file has. Empty lines are between them, and lines that begin with `#`
    /// are comments.
    pub(super) fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        let mut sequences = vec![Self::default()];
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some(last) = sequences.last_mut() else {
                continue;
            };
            if line.trim().is_empty() {
                if !last.0.is_empty() {
                    sequences.push(Self::default());
                }
                continue;
            }
            last.0
                .push(step(line).ok_or_else(|| format!("no action: {line}"))?);
        }
        sequences.retain(|sequence| !sequence.0.is_empty());
        Ok(sequences)
    }
}

/// Reads a line.
fn step(line: &str) -> Option<(usize, Action)> {
    let (thread, action) = line.split_once(' ')?;
    let thread = thread.parse().ok().filter(|thread| *thread < THREADS)?;
    Some((thread, Action::parse(action)?))
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(thread, action)| writeln!(f, "{thread} {action}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_begin_where_the_first_other_one_does() {
        let (map, unmap) = (|| Action::Map(1), || Action::Unmap(1));
        let sequence = Sequence(vec![
            (0, map()),
            (1, unmap()),
            (0, map()),
            (2, Action::Reset),
        ]);
        assert!(!sequence.is_serial());
        let (alone, threads) = sequence.split();
        assert_eq!(alone, [&map()]);
        assert_eq!(
            threads,
            [vec![&map()], vec![&unmap()], vec![&Action::Reset]]
        );
    }

    #[test]
    fn empty_lines_are_between_sequences() {
        let text = "# found with seed 1\n0 close\n\n\n0 reset\n1 map 2\n";
        let sequences = Sequence::parse_all(text).unwrap();
        assert_eq!(sequences.len(), 2);
        assert_eq!(sequences[1].to_string(), "0 reset\n1 map 2\n");
        assert_eq!(Sequence::parse_all("\n"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_sequence_is_refused() {
        for text in ["close", "3 close", "0 opens", "0"] {
            assert!(Sequence::parse_all(text).is_err(), "{text}");
        }
    }
}
