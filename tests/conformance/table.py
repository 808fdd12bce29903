# SPDX-License-Identifier: GPL-2.0
"""Compare the results of the C driver and of this driver in the conformance suite.

Prints a table: the case, its result on the C driver and on ours, and whether both are the same or which
difference of differences.toml explains it.

Our results are read from rust-{container,iommufd}.ktap.  The C driver's come from
c-{container,iommufd}.ktap of the same run or, with --recorded, from c-driver.json; --record writes that
file.  again/*/ has results of cases that the C driver was given once more, as some of what it does comes
by chance: where several results of a case are known, ours must be one of them, or a difference must
explain the case.

The results are those of one machine; the file `cases` beside them has the names of all cases.

--json FILE writes the counts, and lists: the cases that nothing explains, those that ours fails, and all
errors.  --write-differences writes docs/differences.md, and does nothing else.

Exit status: 0 if all is as it must be; 1 if ours fails a case, nothing explains a case, a difference is
stale, or a pattern matches no case; 2 for wrong options; 3 if results are missing or a file is not readable.
"""

import argparse
import collections
import dataclasses
import json
import pathlib
import sys

import differences
import records
from differences import MACHINES, Invalid, matches
from records import BACKENDS, Missing

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = HERE.parent.parent / "docs/differences.md"
REASON_WIDTH = 56
NO_RESULTS = 3


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


def compare(c, ours, known_differences, machine=None):
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


def stale(known_differences, verdicts, cases, machine=None):
    """Returns errors: differences whose cases are all the same on both drivers."""
    shown_ones = {name for verdict in verdicts.values() for name in verdict.split(", ")}
    errors = []
    for difference in known_differences:
        named = {case for case in cases if difference.has(case, machine)}
        # One with cases of both machines may be seen in the other one.
        is_complete = named <= set(verdicts) or machine and difference.machine == machine
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
    def unexplained(self):
        return self.having("UNEXPLAINED")

    @property
    def failed(self):
        return self.having("FAILS")

    @property
    def explained(self):
        """Counts the cases that each difference explains, most first."""
        counts = collections.Counter(self.verdicts.values())
        for verdict in ("same", "FAILS", "UNEXPLAINED", "UNKNOWN"):
            del counts[verdict]
        return dict(counts.most_common())

    @property
    def counts(self):
        """Counts the cases, those that are the same, and those that differ and are explained."""
        return {"cases": len(self.verdicts), "same": len(self.having("same")), "different": sum(self.explained.values())}

    def data(self):
        """Returns the report without its table, for other programs."""
        return self.counts | {"unexplained": self.unexplained, "failed": self.failed, "errors": self.errors}


def judge(args):
    """Compares the drivers as the arguments say; raises Missing or Invalid if there is nothing to judge by."""
    ours = records.read_run(args.results, "rust")
    known_differences = differences.read(args.differences)
    try:
        cases = (args.results / "cases").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Missing(str(error)) from error
    how = records.how_to_record(args.machine)
    if args.recorded:
        recorded = records.read_records(args.recorded)
        if args.machine not in recorded:
            raise Missing(f"{args.recorded} has no results of the C driver in {args.machine}: run {how}")
        c = recorded[args.machine].results
    else:
        c = records.read_c(args.results)
        check_same_cases(c, ours)
    report = Report(*compare(c, ours, known_differences, args.machine), errors=[], changes=[])
    report.errors += [f"ours fails: {case}" for case in report.failed]
    report.errors += [f"no difference of {args.differences} explains: {case}" for case in report.unexplained]
    report.errors += [
        f"no result of the C driver is recorded: {case}: run {how}" for case in report.having("UNKNOWN")
    ]
    report.errors += without_case(known_differences, cases)
    if not args.ignore_stale:
        report.errors += stale(known_differences, report.verdicts, cases, args.machine)
    if args.changed_since and (old := records.read_records(args.changed_since).get(args.machine)):
        since = f"the C driver otherwise than recorded (kernel {old.kernel}, {old.date}): "
        report.changes += [since + change for change in changes(old, c, args.ignore_stale)]
    return report


def print_table(lines):
    """Prints lines in columns that are as wide as they must be."""
    lines = [("case", "C", "ours", ""), *lines]
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def print_report(report, summary=False):
    """Prints the table, the counts, and what is wrong."""
    if report.lines and not summary:
        print_table(report.lines)
        print()
    counts = report.counts | {"unexplained": len(report.unexplained), "failed": len(report.failed)}
    cases = counts.pop("cases")
    print(f"{cases} cases: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    for name, count in report.explained.items():
        print(f"{count:6} {name}")
    for change in report.changes:
        print(change)
    sys.stdout.flush()
    for error in report.errors:
        print(f"error: {error}", file=sys.stderr)


def parse_arguments():
    parser = argparse.ArgumentParser(description="Compare the results of the C driver and of ours, or record the C driver's.")
    path = {"type": pathlib.Path, "metavar": "FILE"}
    parser.add_argument("--results", type=pathlib.Path, metavar="FOLDER", help="folder of the .ktap files, and `cases`")
    parser.add_argument("--machine", choices=MACHINES, help="in which the suite was run")
    parser.add_argument("--differences", **path, default=HERE / "differences.toml", help="as a rule that beside this program")
    parser.add_argument("--recorded", **path, help="take the C driver's results from this file")
    parser.add_argument("--changed-since", **path, help="tell what the C driver does otherwise than this file says")
    parser.add_argument("--ignore-stale", action="store_true", help="not all cases were run: no difference is stale")
    parser.add_argument("--summary", action="store_true", help="print the summary only")
    parser.add_argument("--json", **path, help="write the summary as data")
    parser.add_argument("--record", **path, help="only write the C driver's results to this file")
    parser.add_argument("--add", action="store_true", help="keep the results that the file has")
    parser.add_argument("--kernel", help="its version, for the record")
    parser.add_argument("--date", help="for the record")
    parser.add_argument("--write-differences", action="store_true", help="only write docs/differences.md")
    args = parser.parse_args()
    if not (args.results or args.write_differences):
        parser.error("--results or --write-differences is needed")
    if args.record and (not (args.machine and args.kernel and args.date) or args.ignore_stale or args.recorded):
        parser.error("--record goes with --machine, --kernel and --date, without --ignore-stale and --recorded")
    if (args.recorded or args.changed_since) and not args.machine:
        parser.error("a record has the results of several --machine")
    return args


def write_json(path, report):
    """Writes the summary of a report as data."""
    path.write_text(json.dumps(report.data(), indent=1) + "\n", encoding="utf-8")


def run(args):
    """Does what the arguments say; returns whether all is as it must be."""
    if args.write_differences:
        DOCUMENT.write_text(differences.document(differences.read(args.differences)), encoding="utf-8")
        return True
    if args.record:
        records.record(args.results, args.record, args.machine, args.kernel, args.date, args.add)
        return True
    report = judge(args)
    print_report(report, args.summary)
    if args.json:
        write_json(args.json, report)
    return not report.errors


def main():
    args = parse_arguments()
    try:
        status = 0 if run(args) else 1
    except (OSError, Missing, Invalid) as error:
        print(f"error: {error}", file=sys.stderr)
        if args.json:
            write_json(args.json, Report([], {}, [str(error)], []))
        status = NO_RESULTS
    sys.exit(status)


if __name__ == "__main__":
    main()
