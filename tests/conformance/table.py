# SPDX-License-Identifier: GPL-2.0
"""Compare what the conformance suite says of the C driver and of ours.

Prints one table: the case, what came of it on C and on ours, and whether that
is the same or which row of docs/differences.md explains it.  A row begins with
its name and ends with the cases that show it, as patterns in backquotes
(`status: *`).

Ours is read from rust-{container,iommufd}.ktap.  The C driver's results come
from c-{container,iommufd}.ktap of the same run, or with --recorded from a file
in the repository; --record writes that file.  In again/*/ are results of cases
that the C driver was given once more.  Some of what it does comes by chance:
where several results of a case are known, one of them must be that of ours, or
a row must explain the case.

The cases are those of one machine; the file `cases` has the names of all.

Exit status: 0 if all that differs is explained; 1 if a case of ours fails, a
difference has no row, a row is stale or matches no case, or results are missing.
"""

import argparse
import collections
import contextlib
import dataclasses
import json
import pathlib
import re
import sys

BACKENDS = ("container", "iommufd")
MACHINES = ("qemu", "hercules")
RESULT = re.compile(r"(not ok|ok) (\d+) (.*?)(?: # SKIP ?(.*))?$")
REASON_WIDTH = 56

Result = collections.namedtuple("Result", "status reason")  # status: ok, fails, skipped
Row = collections.namedtuple("Row", "name patterns")
Record = collections.namedtuple("Record", "kernel date results")  # of the C driver in one machine


class Missing(Exception):
    """Results that are not there."""


def parse(text):
    """The results of a run by their cases, from KTAP."""
    results, numbers, reason, running, plan = {}, set(), [], None, None
    for line in text.splitlines():
        if match := re.fullmatch(r"1\.\.(\d+)", line):
            plan = int(match[1])
        elif line.startswith("# running: "):
            running, reason = line.removeprefix("# running: "), []
        elif line.startswith("# "):
            reason.append(line.removeprefix("# "))
        elif match := RESULT.fullmatch(line):
            verdict, number, name, skip = match.groups()
            numbers.add(int(number))
            if verdict == "not ok":
                results[name] = Result("fails", reason[0] if reason else "")
            elif skip is not None:
                results[name] = Result("skipped", skip)
            else:
                results[name] = Result("ok", "")
            running, reason = None, []
    if plan is None:
        raise Missing("there is no plan")
    if running is not None:
        raise Missing(f"there is no result of {running!r}")
    if lacking := sorted(set(range(1, plan + 1)) - numbers):
        raise Missing(f"{len(lacking)} of {plan} results are missing, the first is number {lacking[0]}")
    return results


def read_run(directory, driver):
    """The results of a driver: {backend: {case: Result}}."""
    run = {}
    for backend in BACKENDS:
        path = directory / f"{driver}-{backend}.ktap"
        try:
            run[backend] = parse(path.read_text(encoding="utf-8", errors="replace"))
        except (OSError, Missing) as error:
            raise Missing(f"{path}: {error}") from error
    return run


def read_c(directory):
    """The C driver's results in a run, all that are known of a case: {backend: {case: [Result]}}."""
    c = {backend: {case: [result] for case, result in run.items()} for backend, run in read_run(directory, "c").items()}
    for path in sorted(directory.glob("again/*/c-*.ktap")):
        run = c[path.stem.removeprefix("c-")]
        with contextlib.suppress(Missing):  # if the machine died again, the first result stands
            for case, result in parse(path.read_text(encoding="utf-8", errors="replace")).items():
                if case in run:
                    run[case] = joined(run[case], [result])
    return c


def joined(known, more):
    """Known results and more of them, one for each status."""
    statuses = {result.status for result in known}
    return known + [result for result in more if result.status not in statuses]


def check_same_cases(c, ours):
    """See that both drivers were given the same cases."""
    for backend in BACKENDS:
        # What the back end has no part in is run through the first one only.
        if odd := sorted((set(c[backend]) ^ set(ours[backend])) | (set(c[backend]) - set(c[BACKENDS[0]]))):
            raise Missing(f"the runs through {backend} have different cases: {odd[0]!r}")


def known_of(c, backend, case):
    """What is known of a case on C: what the back end has no part in, through the first one."""
    return c[backend].get(case) or c[BACKENDS[0]].get(case, [])


def how_to_record(machine):
    """The command that makes the record of a machine."""
    return "`RECORD=1 make conformance" + (f" EMULATOR={machine}`" if machine != MACHINES[0] else "`")


def read_records(path):
    """The records of the C driver by their machines: {machine: Record}; none if there is no file."""
    try:
        machines = json.loads(path.read_text(encoding="utf-8"))
        return {machine: read_record(**entry) for machine, entry in machines.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise Missing(f"{path}: {error}") from error


def read_record(kernel, date, cases):
    """A record, from the words that the file has for its results."""
    results = {backend: {} for backend in BACKENDS}
    for case, backends in cases.items():
        for backend in set(BACKENDS) & set(backends):
            results[backend][case] = [Result(*text.partition(": ")[::2]) for text in backends[backend]]
    return Record(kernel, date, results)


def write_records(path, records):
    """Write records with one case in a line, so that a change is seen as that of its case."""
    machines = []
    for machine, record in sorted(records.items(), key=lambda item: MACHINES.index(item[0])):
        lines = []
        for case in cases_of(record.results):
            words = {
                backend: [": ".join(filter(None, result)) for result in record.results[backend][case]]
                for backend in BACKENDS
                if case in record.results[backend]
            }
            lines.append(f"      {quoted(case)}: {quoted(words)}")
        about = f'    "kernel": {quoted(record.kernel)},\n    "date": {quoted(record.date)},\n'
        cases = ",\n".join(lines)
        machines.append(f'  {quoted(machine)}: {{\n{about}    "cases": {{\n{cases}\n    }}\n  }}')
    path.write_text("{\n" + ",\n".join(machines) + "\n}\n", encoding="utf-8")


def quoted(value):
    """JSON that people can read."""
    return json.dumps(value, ensure_ascii=False)


def cases_of(results):
    """The cases of results, in the suite's order."""
    return list(dict.fromkeys(case for backend in BACKENDS for case in results[backend]))


def record(directory, path, machine, kernel, date, add=False):
    """Write what the C driver did in a run into the record; the other machine's stays as it is.

    With `add` the results count besides those that are known of the same cases.
    """
    c = read_c(directory)
    records = read_records(path)
    if add and machine in records:
        old = records[machine]
        if old.kernel != kernel:
            raise Missing(f"{path} is of kernel {old.kernel}: results of {kernel} cannot be added to it")
        for backend in BACKENDS:
            c[backend] = {case: joined(old.results[backend].get(case, []), new) for case, new in c[backend].items()}
    records[machine] = Record(kernel, date, c)
    write_records(path, records)


def changes(old, c, partial=False):
    """Lines about what the C driver has done otherwise than its record says."""
    lines = []
    for backend in BACKENDS:
        for case, fresh in c[backend].items():
            known = known_of(old.results, backend, case)
            if len(joined(known, fresh)) > len(known):
                lines.append(f"{case} [{backend}]: was {shown(known)}, is {shown(fresh)}")
        gone = [] if partial else [case for case in old.results[backend] if case not in c[backend]]
        lines += [f"{case} [{backend}]: is no more" for case in gone]
    return lines


def read_rows(text):
    """The rows of docs/differences.md that name cases: a pattern has a colon and a space in it."""
    rows = []
    for line in text.splitlines():
        columns = re.split(r"(?<!\\)\|", line.strip())[1:-1]
        if len(columns) < 2 or set(columns[0].strip()) <= set("-: "):
            continue
        patterns = [text for text in re.findall(r"`([^`]+)`", columns[-1]) if ": " in text]
        if patterns:
            rows.append(Row(columns[0].strip().strip("`"), patterns))
    return rows


def matches(pattern, case):
    """Whether a case has the name that the pattern gives; * stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), case) is not None


def names(rows, case):
    """The names of the rows that have a case."""
    return [row.name for row in rows if any(matches(pattern, case) for pattern in row.patterns)]


def shown(results):
    """The results that are known of a case, in few words."""
    text = " or ".join(" ".join(filter(None, result)) for result in results) or "not known"
    return text if len(text) <= REASON_WIDTH else text[: REASON_WIDTH - 3] + "..."


def verdict_of(pairs, rows):
    """What pairs of C's known results and ours are: "same", "FAILS", "UNKNOWN", "UNEXPLAINED" or names of rows."""
    if any(ours.status == "fails" for _, ours in pairs):
        return "FAILS"
    if not all(known for known, _ in pairs):
        return "UNKNOWN"
    is_same = [[c.status == ours.status for c in known] for known, ours in pairs]
    if all(map(all, is_same)):
        return "same"
    return ", ".join(rows) or ("same" if all(map(any, is_same)) else "UNEXPLAINED")


def compare(c, ours, rows):
    """The lines of the table, and what each case is: {case: verdict}."""
    lines, verdicts = [], {}
    for case in cases_of(ours):
        backends = [backend for backend in BACKENDS if case in ours[backend]]
        pairs = [(known_of(c, backend, case), ours[backend][case]) for backend in backends]
        explained_by = names(rows, case)
        verdicts[case] = verdict_of(pairs, explained_by)
        cells = [(shown(known), shown([result])) for known, result in pairs]
        if len(set(cells)) == 1:
            lines.append((case, *cells[0], verdicts[case]))
        else:
            for backend, pair, cell in zip(backends, pairs, cells):
                lines.append((f"{case} [{backend}]", *cell, verdict_of([pair], explained_by)))
    return lines, verdicts


def without_case(rows, cases):
    """What is wrong with rows: patterns that match none of all cases there are."""
    return [
        f"the row {row.name!r} names {pattern!r}, which matches no case"
        for row in rows
        for pattern in row.patterns
        if not any(matches(pattern, case) for case in cases)
    ]


def stale(rows, verdicts, cases):
    """What is wrong with rows: none of their cases differs."""
    errors = []
    for row in rows:
        # A row with cases of both machines may have its differences in the other one.
        named = {case for case in cases for pattern in row.patterns if matches(pattern, case)}
        if named <= set(verdicts) and not any(row.name in verdict.split(", ") for verdict in verdicts.values()):
            errors.append(f"the row {row.name!r} is stale: none of its cases differs")
    return errors


@dataclasses.dataclass
class Report:
    """What has come of a comparison."""

    lines: list  # of the table: case, C, ours, verdict
    verdicts: dict  # of each case
    errors: list
    changes: list  # what the C driver did otherwise than its record says; no error

    def having(self, verdict):
        """The cases with a verdict."""
        return [case for case, its in self.verdicts.items() if its == verdict]

    @property
    def unexplained(self):
        return self.having("UNEXPLAINED")

    @property
    def failed(self):
        return self.having("FAILS")

    @property
    def rows(self):
        """How many cases each row explains, most first."""
        counts = collections.Counter(self.verdicts.values())
        for verdict in ("same", "FAILS", "UNEXPLAINED", "UNKNOWN"):
            del counts[verdict]
        return dict(counts.most_common())

    @property
    def counts(self):
        """How many cases there are, are the same, and differ as a row says."""
        return {"cases": len(self.verdicts), "same": len(self.having("same")), "different": sum(self.rows.values())}

    def data(self):
        """The report without its table, for other programs."""
        return self.counts | {"unexplained": self.unexplained, "failed": self.failed, "errors": self.errors}


def judge(results, differences, recorded=None, machine=None, partial=False, changed_since=None):
    """Compare the drivers; all but `machine` and `partial` are paths.

    The C driver's results are those in `results` or, if `recorded` names it, in the record of
    this machine; then only the cases that ours has run are judged.  With `partial` it is no error
    that no case of a row differs.  `changed_since` is a record to compare fresh results of the C
    driver with.  Raises Missing if there is nothing to judge by.
    """
    ours = read_run(results, "rust")
    try:
        rows = read_rows(differences.read_text(encoding="utf-8"))
        cases = (results / "cases").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Missing(str(error)) from error
    if recorded:
        records = read_records(recorded)
        if machine not in records:
            raise Missing(f"{recorded} has no results of the C driver in {machine}: run {how_to_record(machine)}")
        c = records[machine].results
    else:
        c = read_c(results)
        check_same_cases(c, ours)
    report = Report(*compare(c, ours, rows), errors=[], changes=[])
    report.errors += [f"ours fails: {case}" for case in report.failed]
    report.errors += [f"no row of {differences} explains: {case}" for case in report.unexplained]
    report.errors += [
        f"no result of the C driver is recorded: {case}: run {how_to_record(machine)}"
        for case in report.having("UNKNOWN")
    ]
    report.errors += without_case(rows, cases)
    if not partial:
        report.errors += stale(rows, report.verdicts, cases)
    if changed_since and (old := read_records(changed_since).get(machine)):
        since = f"the C driver otherwise than recorded (kernel {old.kernel}, {old.date}): "
        report.changes += [since + change for change in changes(old, c, partial)]
    return report


def print_table(lines):
    """Print lines in columns that are as wide as they must be."""
    lines = [("case", "C", "ours", ""), *lines]
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def print_report(report, summary=False):
    """Print the table, how many cases are what, and what is wrong."""
    if report.lines and not summary:
        print_table(report.lines)
        print()
    counts = report.counts | {"unexplained": len(report.unexplained), "failed": len(report.failed)}
    cases = counts.pop("cases")
    print(f"{cases} cases: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    for row, count in report.rows.items():
        print(f"{count:6} {row}")
    for change in report.changes:
        print(change)
    sys.stdout.flush()
    for error in report.errors:
        print(f"error: {error}", file=sys.stderr)


def parse_arguments():
    parser = argparse.ArgumentParser(description="Compare the C driver's results and ours, or record the C driver's.")
    parser.add_argument("--results", required=True, type=pathlib.Path, help="folder of the .ktap files, and `cases`")
    parser.add_argument("--differences", type=pathlib.Path, help="docs/differences.md")
    parser.add_argument("--summary", action="store_true", help="print the summary only")
    parser.add_argument("--partial", action="store_true", help="not all cases were run: no row is stale")
    parser.add_argument("--machine", choices=MACHINES, help="in which the suite was run")
    parser.add_argument("--recorded", type=pathlib.Path, help="take the C driver's results from this file")
    parser.add_argument("--changed-since", type=pathlib.Path, help="tell what C does otherwise than this file says")
    parser.add_argument("--unexplained", type=pathlib.Path, help="write the cases that no row explains, one in a line")
    parser.add_argument("--json", type=pathlib.Path, help="write the summary as data")
    parser.add_argument("--record", type=pathlib.Path, help="only write the C driver's results into this file")
    parser.add_argument("--add", action="store_true", help="record them besides those that are known")
    parser.add_argument("--kernel", help="its version, for the record")
    parser.add_argument("--date", help="for the record")
    args = parser.parse_args()
    if args.record:
        if not (args.machine and args.kernel and args.date) or args.partial or args.recorded:
            parser.error("--record goes with --machine, --kernel and --date, without --partial and --recorded")
    elif not args.differences:
        parser.error("--differences or --record is needed")
    if (args.recorded or args.changed_since) and not args.machine:
        parser.error("a record has the results of several --machine")
    return args


def main():
    args = parse_arguments()
    if args.record:
        try:
            record(args.results, args.record, args.machine, args.kernel, args.date, args.add)
        except (OSError, Missing) as error:
            sys.exit(f"error: {error}")
        sys.exit(0)
    try:
        report = judge(args.results, args.differences, args.recorded, args.machine, args.partial, args.changed_since)
    except Missing as error:
        report = Report([], {}, [str(error)], [])
    print_report(report, args.summary)
    if args.unexplained:
        args.unexplained.write_text("".join(f"{case}\n" for case in report.unexplained), encoding="utf-8")
    if args.json:
        args.json.write_text(json.dumps(report.data(), indent=1) + "\n", encoding="utf-8")
    sys.exit(1 if report.errors else 0)


if __name__ == "__main__":
    main()
