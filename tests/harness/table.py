# SPDX-License-Identifier: GPL-2.0
"""Compares the results of the C driver and of this driver in the conformance suite.

Our results are read from rust-{container,iommufd}.ktap.  The C driver's come from
c-{container,iommufd}.ktap of the same run, or from c-driver.json.  again/*/ has results of cases that the
C driver was given once more, as some of what it does comes by chance: where several results of a case are
known, ours must be one of them, or a difference must explain the case.

The results are those of one machine; the file `cases` beside them has the names of all cases.
"""

import collections
import dataclasses

from . import differences, records
from .differences import DIFFERENCES, matches
from .paths import TOP
from .records import BACKENDS, Missing

C_RECORD = TOP / "tests/conformance/c-driver.json"
REASON_WIDTH = 56


def check_same_cases(c, ours):
    """Checks that both drivers were given the same cases."""
    for backend in BACKENDS:
        # A case that does not depend on the back end is run through the first one only.
        if odd := sorted((set(c[backend]) ^ set(ours[backend])) | (set(c[backend]) - set(c[BACKENDS[0]]))):
            raise Missing(f"the runs through {backend} have different cases: {odd[0]!r}")


def changes(old, c, in_part=False):
    """Returns lines about what the C driver has done otherwise than its record says."""
    lines = []
    for backend in BACKENDS:
        for case, fresh in c[backend].items():
            known = records.known_of(old.results, backend, case)
            if len(records.joined(known, fresh)) > len(known):
                lines.append(f"{case} [{backend}]: was {shown(known)}, is {shown(fresh)}")
        gone = [] if in_part else [case for case in old.results[backend] if case not in c[backend]]
        lines += [f"{case} [{backend}]: is no more" for case in gone]
    return lines


def shown(results):
    """Returns the known results of a case in few words."""
    text = " or ".join(" ".join(filter(None, result)) for result in results) or "not known"
    return text if len(text) <= REASON_WIDTH else text[: REASON_WIDTH - 3] + "..."


def verdict_of(pairs, names):
    """Returns what pairs of the C driver's known results and of ours are.

    That is "same", "FAILS", "UNKNOWN", "UNEXPLAINED" or the names of differences.
    """
    if any(ours.status == "fails" for _, ours in pairs):
        return "FAILS"
    if not all(known for known, _ in pairs):
        return "UNKNOWN"
    is_same = [[c.status == ours.status for c in known] for known, ours in pairs]
    if all(map(all, is_same)):
        return "same"
    return ", ".join(names) or ("same" if all(map(any, is_same)) else "UNEXPLAINED")


def compare(c, ours, known_differences, machine):
    """Returns the lines of the table, and the verdict of each case."""
    lines, verdicts = [], {}
    for case in records.cases_of(ours):
        backends = [backend for backend in BACKENDS if case in ours[backend]]
        pairs = [(records.known_of(c, backend, case), ours[backend][case]) for backend in backends]
        names = [difference.name for difference in known_differences if difference.has(case, machine)]
        verdicts[case] = verdict_of(pairs, names)
        cells = [(shown(known), shown([result])) for known, result in pairs]
        if len(set(cells)) == 1:
            lines.append((case, *cells[0], verdicts[case]))
        else:
            for backend, pair, cell in zip(backends, pairs, cells):
                lines.append((f"{case} [{backend}]", *cell, verdict_of([pair], names)))
    return lines, verdicts


def without_case(known_differences, cases):
    """Returns errors: patterns that match none of the cases of both machines."""
    return [
        f"the difference {difference.name!r} names {pattern!r}, which matches no case"
        for difference in known_differences
        for pattern in difference.cases
        if not any(matches(pattern, case) for case in cases)
    ]


def stale(known_differences, verdicts, cases, machine):
    """Returns errors: differences whose cases are all the same on both drivers."""
    shown_ones = {name for verdict in verdicts.values() for name in verdict.split(", ")}
    errors = []
    for difference in known_differences:
        named = {case for case in cases if difference.has(case, machine)}
        # One with cases of both machines may be seen in the other one.
        is_complete = named <= set(verdicts) or difference.machine == machine
        if named and is_complete and difference.name not in shown_ones:
            errors.append(f"the difference {difference.name!r} is stale: none of its cases differs")
    return errors


@dataclasses.dataclass
class Report:
    """The result of a comparison."""

    lines: list  # of the table: case, C driver, ours, verdict
    verdicts: dict  # of each case
    errors: list
    changes: list  # where the C driver differs from its record; no errors

    def having(self, verdict):
        """Returns the cases with a verdict."""
        return [case for case, its in self.verdicts.items() if its == verdict]

    @property
    def explained(self):
        """Counts the cases that each difference explains, most first."""
        counts = collections.Counter(self.verdicts.values())
        for verdict in ("same", "FAILS", "UNEXPLAINED", "UNKNOWN"):
            del counts[verdict]
        return dict(counts.most_common())

    def show(self):
        """Prints the table, the counts, and what is wrong; returns whether nothing is."""
        if self.lines:
            lines = [("case", "C", "ours", ""), *self.lines]
            widths = [max(map(len, column)) for column in zip(*lines)]
            for line in lines:
                print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
            print()
        counts = {
            "same": len(self.having("same")), "different": sum(self.explained.values()),
            "unexplained": len(self.having("UNEXPLAINED")), "failed": len(self.having("FAILS")),
        }  # fmt: skip
        print(f"{len(self.verdicts)} cases: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
        for name, count in self.explained.items():
            print(f"{count:6} {name}")
        for line in (*self.changes, *(f"error: {error}" for error in self.errors)):
            print(line)
        return not self.errors


def judge(results, machine, *, recorded=None, changed_since=None, in_part=False, known_differences=None):
    """Compares the drivers in a machine by a folder of results; raises Missing or Invalid if there is nothing
    to judge by.

    The C driver's results are those of the same run, or recorded in a file; the changes are those since such
    a file was written.  If not all cases were run, no difference is stale.
    """
    ours = records.read_run(results, "rust")
    known_differences = differences.read(DIFFERENCES) if known_differences is None else known_differences
    try:
        cases = (results / "cases").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Missing(str(error)) from error
    how = "`RECORD=1 make conformance" + ("`" if machine == "qemu" else f" EMULATOR={machine}`")
    if recorded:
        if machine not in (known := records.read_records(recorded)):
            raise Missing(f"{recorded} has no results of the C driver in {machine}: run {how}")
        c = known[machine].results
    else:
        c = records.read_c(results)
        check_same_cases(c, ours)
    report = Report(*compare(c, ours, known_differences, machine), errors=[], changes=[])
    report.errors += [f"ours fails: {case}" for case in report.having("FAILS")]
    report.errors += [f"no difference of {DIFFERENCES.name} explains: {case}" for case in report.having("UNEXPLAINED")]
    report.errors += [f"no result of the C driver is recorded: {case}: run {how}" for case in report.having("UNKNOWN")]
    report.errors += without_case(known_differences, cases)
    if not in_part:
        report.errors += stale(known_differences, report.verdicts, cases, machine)
    if changed_since and (old := records.read_records(changed_since).get(machine)):
        since = f"the C driver otherwise than recorded (kernel {old.kernel}, {old.date}): "
        report.changes += [since + change for change in changes(old, c, in_part)]
    return report
