# SPDX-License-Identifier: GPL-2.0
"""Compare what the conformance suite says of the C driver and of ours.

Reads {rust,c}-{container,iommufd}.ktap and prints one table: the case, what
came of it on C and on ours, and whether that is the same or which row of
docs/differences.md explains it.  A row begins with its name and ends with the
cases that show it, as patterns in backquotes (`status: *`).

The cases are those of one machine; the file `cases` has the names of all.

In again/*/ are results of cases that the C driver was given once more; they
count in place of the first.

Exit status: 0 if all that differs is explained; 1 if a case of ours fails, a
difference has no row, a row is stale, or results are missing.
"""

import argparse
import collections
import contextlib
import pathlib
import re
import sys

DRIVERS = ("c", "rust")
BACKENDS = ("container", "iommufd")
RESULT = re.compile(r"(not ok|ok) (\d+) (.*?)(?: # SKIP ?(.*))?$")
REASON_WIDTH = 56

Result = collections.namedtuple("Result", "status reason")  # status: ok, fails, skipped
Row = collections.namedtuple("Row", "name patterns")


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


def read_results(directory):
    """The results of each driver and back end: {(driver, backend): {case: Result}}."""
    runs = {}
    for driver in DRIVERS:
        for backend in BACKENDS:
            path = directory / f"{driver}-{backend}.ktap"
            try:
                runs[driver, backend] = parse(path.read_text(encoding="utf-8", errors="replace"))
            except (OSError, Missing) as error:
                raise Missing(f"{path}: {error}") from error
    for path in sorted(directory.glob("again/*/c-*.ktap")):
        run = runs["c", path.stem.removeprefix("c-")]
        with contextlib.suppress(Missing):  # if the machine died again, the first result stands
            results = parse(path.read_text(encoding="utf-8", errors="replace"))
            run |= {case: result for case, result in results.items() if case in run}
    first = set(runs[DRIVERS[0], BACKENDS[0]])
    for backend in BACKENDS:
        c, ours = (set(runs[driver, backend]) for driver in DRIVERS)
        # What the back end has no part in is run through the first one only.
        if odd := sorted((c ^ ours) | (c - first)):
            raise Missing(f"the runs through {backend} have different cases: {odd[0]!r}")
    return runs


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


def shown(result):
    """A result in few words."""
    text = " ".join(filter(None, (result.status, result.reason)))
    return text if len(text) <= REASON_WIDTH else text[: REASON_WIDTH - 3] + "..."


def compare(runs, rows):
    """The lines of the table, and what each case is: {case: verdict}.

    A verdict is "same", "FAILS", "UNEXPLAINED" or names of rows.
    """
    lines, verdicts = [], {}
    for case in runs["rust", BACKENDS[0]]:
        backends = [backend for backend in BACKENDS if case in runs["rust", backend]]
        pairs = [(runs["c", backend][case], runs["rust", backend][case]) for backend in backends]
        if any(ours.status == "fails" for _, ours in pairs):
            verdict = "FAILS"
        elif all(c.status == ours.status for c, ours in pairs):
            verdict = "same"
        else:
            verdict = ", ".join(names(rows, case)) or "UNEXPLAINED"
        verdicts[case] = verdict
        cells = [(shown(c), shown(ours)) for c, ours in pairs]
        if len(set(cells)) == 1:
            lines.append((case, *cells[0], verdict))
        else:
            for backend, pair, cell in zip(backends, pairs, cells):
                is_same = verdict != "FAILS" and pair[0].status == pair[1].status
                lines.append((f"{case} [{backend}]", *cell, "same" if is_same else verdict))
    return lines, verdicts


def stale(rows, verdicts, cases):
    """What is wrong with rows."""
    errors = []
    for row in rows:
        for pattern in row.patterns:
            if not any(matches(pattern, case) for case in cases):
                errors.append(f"the row {row.name!r} names {pattern!r}, which matches no case")
        # A row with cases of both machines may have its differences in the other one.
        named = {case for case in cases for pattern in row.patterns if matches(pattern, case)}
        if named <= set(verdicts) and not any(row.name in verdict.split(", ") for verdict in verdicts.values()):
            errors.append(f"the row {row.name!r} is stale: none of its cases differs")
    return errors


def print_table(lines):
    """Print lines in columns that are as wide as they must be."""
    lines = [("case", "C", "ours", ""), *lines]
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def print_summary(verdicts):
    """Print how many cases are what."""
    counts = collections.Counter(verdicts.values())
    same, failed, unexplained = (counts.pop(verdict, 0) for verdict in ("same", "FAILS", "UNEXPLAINED"))
    print(f"{len(verdicts)} cases: {same} same, {counts.total()} different, {unexplained} unexplained, {failed} failed")
    for verdict, count in counts.most_common():
        print(f"{count:6} {verdict}")


def main():
    parser = argparse.ArgumentParser(description="Compare the results of the C driver and ours.")
    parser.add_argument("--results", required=True, type=pathlib.Path, help="folder of the four .ktap files, and `cases`")
    parser.add_argument("--differences", required=True, type=pathlib.Path, help="docs/differences.md")
    parser.add_argument("--summary", action="store_true", help="print the summary only")
    args = parser.parse_args()

    try:
        runs = read_results(args.results)
        rows = read_rows(args.differences.read_text(encoding="utf-8"))
        cases = (args.results / "cases").read_text(encoding="utf-8").splitlines()
    except (OSError, Missing) as error:
        sys.exit(f"error: {error}")
    lines, verdicts = compare(runs, rows)
    errors = [f"ours fails: {case}" for case, verdict in verdicts.items() if verdict == "FAILS"]
    errors += [
        f"no row of {args.differences} explains: {case}"
        for case, verdict in verdicts.items()
        if verdict == "UNEXPLAINED"
    ]
    errors += stale(rows, verdicts, cases)
    if not args.summary:
        print_table(lines)
        print()
    print_summary(verdicts)
    sys.stdout.flush()
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
