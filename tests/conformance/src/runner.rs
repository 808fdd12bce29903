// SPDX-License-Identifier: GPL-2.0

//! Runs cases one after the other, each in a process of its own, and checks after each that it has
//! left nothing.

use std::{
    fs::{
        self,
        File, //
    },
    io::{
        self,
        Write, //
    },
    path::Path,
    time::Duration, //
};

use crate::{
    child::{
        self,
        Ending, //
    },
    machine::{
        Counts,
        KernelLog, //
    }, //
};

/// The time that a probe of the devices may take.
const PROBE_TIME: Duration = Duration::from_secs(20);

/// A case to be run.
pub(crate) struct Turn {
    /// Its name, with the back end in front if cases run through both.
    pub(crate) name: String,
    /// Arguments for the process that runs it.
    pub(crate) case: Vec<String>,
    /// Arguments for one that looks at the devices.
    pub(crate) probe: Vec<String>,
    /// Arguments for those that take the devices from the driver and give them back to it.
    pub(crate) rebind: Vec<Vec<String>>,
    /// Its time limit.
    pub(crate) limit: Duration,
}

/// The output of results. Each line is written before the machine can go down.
struct Output(Option<File>);

impl Output {
    fn open(path: Option<&Path>, append: bool) -> io::Result<Self> {
        let open = |path| {
            File::options()
                .create(true)
                .write(true)
                .append(append)
                .truncate(!append)
                .open(path)
        };
        path.map(open).transpose().map(Self)
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        let mut out = io::stdout();
        writeln!(out, "{line}")?;
        out.flush()?;
        if let Some(file) = &mut self.0 {
            writeln!(file, "{line}")?;
            file.sync_all()?;
        }
        Ok(())
    }

    fn result(&mut self, number: usize, name: &str, ending: &Ending) -> io::Result<()> {
        let (ok, reason) = match ending {
            Ending::Passed => ("ok", ""),
            Ending::Skipped(reason) => {
                let reason = reason.lines().next().unwrap_or("");
                return self.line(&format!("ok {number} {name} # SKIP {reason}"));
            }
            Ending::Failed(reason) | Ending::Stuck(reason) => ("not ok", reason.as_str()),
        };
        for line in reason.lines() {
            self.line(&format!("# {line}"))?;
        }
        self.line(&format!("{ok} {number} {name}"))
    }
}

/// Returns whether a case, which was begun last, has no result in a file of results.
fn has_no_result(results: &str, name: &str) -> bool {
    let running = format!("# running: {name}");
    let lines: Vec<&str> = results.lines().collect();
    let begun = lines.iter().rposition(|line| *line == running);
    begun.is_some_and(|begun| {
        let mut rest = lines[begun..].iter();
        !rest.any(|line| line.starts_with("ok ") || line.starts_with("not ok "))
    })
}

/// Runs the cases, or those after `after` only; returns whether all of them passed.
///
/// Results go to stdout and to the file `output`. With `after`, they are added to those in the
/// file.
pub(crate) fn run(turns: &[Turn], after: Option<&str>, output: Option<&Path>) -> io::Result<bool> {
    let mut done = 0;
    if let Some(after) = after {
        let place = turns.iter().position(|turn| turn.name == after);
        done = 1 + place.ok_or_else(|| io::Error::other(format!("no case is named {after:?}")))?;
    }
    let mut results = Output::open(output, after.is_some())?;
    let mut all_passed = true;
    match (after, output) {
        (Some(name), Some(path)) => {
            if has_no_result(&fs::read_to_string(path)?, name) {
                let ending = Ending::Failed("the machine goes down".to_owned());
                results.result(done, name, &ending)?;
                all_passed = false;
            }
        }
        _ => results.line(&format!("KTAP version 1\n1..{}", turns.len()))?,
    }

    let mut log = KernelLog::open()?;
    for (turn, number) in turns.iter().zip(1..).skip(done) {
        results.line(&format!("# running: {}", turn.name))?;
        let (ending, is_usable) = run_one(turn, &mut log)?;
        results.result(number, &turn.name, &ending)?;
        all_passed &= matches!(ending, Ending::Passed | Ending::Skipped(_));
        if !is_usable {
            results.line(&format!(
                "# stopped: boot again, and go on with --after {:?}",
                turn.name
            ))?;
            return Ok(false);
        }
    }
    Ok(all_passed)
}

/// Runs a case; returns its result, and whether the machine can run another one.
fn run_one(turn: &Turn, log: &mut KernelLog) -> io::Result<(Ending, bool)> {
    let before = Counts::take()?;
    let ending = child::run(&words(&turn.case), turn.limit)?;
    if let Ending::Stuck(_) = ending {
        return Ok((ending, false));
    }
    let mut faults = Vec::new();
    // A case that passes has looked itself.
    let is_usable = matches!(ending, Ending::Passed) || probe(turn, &mut faults)?;
    if is_usable {
        faults.extend(Counts::leaks_since(before)?);
    }
    if let Some(line) = log.trouble()? {
        faults.insert(0, format!("in the kernel's log: {line}"));
    }
    Ok((with_faults(ending, faults), is_usable))
}

fn with_faults(ending: Ending, mut faults: Vec<String>) -> Ending {
    match ending {
        ending if faults.is_empty() => ending,
        Ending::Failed(reason) => {
            faults.insert(0, reason);
            Ending::Failed(faults.join("\n"))
        }
        _ => Ending::Failed(faults.join("\n")),
    }
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Returns whether the devices answer. If not, they are unbound from the driver and bound again.
fn probe(turn: &Turn, faults: &mut Vec<String>) -> io::Result<bool> {
    let run = |arguments| -> io::Result<Result<(), String>> {
        Ok(match child::run(&words(arguments), PROBE_TIME)? {
            Ending::Passed => Ok(()),
            Ending::Failed(why) | Ending::Skipped(why) | Ending::Stuck(why) => Err(why),
        })
    };
    let Err(why) = run(&turn.probe)? else {
        return Ok(true);
    };
    faults.push(format!("it leaves a device that is of no use: {why}"));
    for device in &turn.rebind {
        if let Err(why) = run(device)? {
            faults.push(format!("it cannot be bound again: {why}"));
            return Ok(false);
        }
    }
    let is_usable = match run(&turn.probe)? {
        Ok(()) => {
            faults.push("unbinding and binding it has helped".to_owned());
            true
        }
        Err(why) => {
            faults.push(format!("binding it again does not help: {why}"));
            false
        }
    };
    Ok(is_usable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_without_result_is_one_that_took_the_machine_down() {
        let results = "# running: a: b\nok 1 a: b\n# running: c: d\n";
        assert!(!has_no_result(results, "a: b"));
        assert!(has_no_result(results, "c: d"));
        assert!(!has_no_result(results, "e: f"));
        let failed = "# running: a: b\n# why\nnot ok 1 a: b\n";
        assert!(!has_no_result(failed, "a: b"));
    }

    #[test]
    fn what_a_case_leaves_behind_makes_it_fail() {
        let leak = || vec!["a leak".to_owned()];
        assert!(
            matches!(with_faults(Ending::Passed, leak()), Ending::Failed(what) if what == "a leak")
        );
        let failed = with_faults(Ending::Failed("why".to_owned()), leak());
        assert!(matches!(failed, Ending::Failed(what) if what == "why\na leak"));
        assert!(matches!(
            with_faults(Ending::Passed, Vec::new()),
            Ending::Passed
        ));
    }
}
