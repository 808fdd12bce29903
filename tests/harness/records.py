# SPDX-License-Identifier: GPL-2.0
"""Results of the conformance suite: KTAP of a run, and c-driver.json, the record of the C driver's.

The runner writes `# running: NAME` before a case, its result after it, and `# stopped` where the machine
must be booted again.  A machine that dies leaves the last case without a result.
"""

import collections
import contextlib
import json
import re

from .differences import MACHINES
from .steps import Failed

BACKENDS = ("container", "iommufd")
RESULT = re.compile(r"(not ok|ok) (\d+) (.*?)(?: # SKIP ?(.*))?$")

Result = collections.namedtuple("Result", "status reason")  # status: ok, fails, skipped
Record = collections.namedtuple("Record", "kernel date results")  # of the C driver in one machine


class Missing(Failed):
    """Results that are not there."""


class Run:
    """The results of a run by their cases, from KTAP that may be cut off."""

    def __init__(self, text):
        self.results, self.numbers, self.plan = {}, [], None
        self.begun, self.has_result = "", True  # the case that was begun last, and whether it has a result
        reason = []
        for line in text.splitlines():
            if match := re.fullmatch(r"1\.\.(\d+)", line):
                self.plan = int(match[1])
            elif line.startswith("# running: "):
                self.begun, self.has_result, reason = line.removeprefix("# running: "), False, []
            elif line.startswith("# "):
                reason.append(line.removeprefix("# "))
            elif match := RESULT.fullmatch(line):
                verdict, number, name, skip = match.groups()
                self.numbers.append(int(number))
                if verdict == "not ok":
                    self.results[name] = Result("fails", reason[0] if reason else "")
                else:
                    self.results[name] = Result("ok", "") if skip is None else Result("skipped", skip)
                self.has_result, reason = True, []

    def missing(self):
        """Returns what is missing, in words; None if the run has come to its end."""
        if self.plan is None:
            return "there is no plan"
        if not self.has_result:
            return f"there is no result of {self.begun!r}"
        if lacking := sorted(set(range(1, self.plan + 1)) - set(self.numbers)):
            return f"{len(lacking)} of {self.plan} results are missing, the first is number {lacking[0]}"
        return None


def parse(text):
    """Returns the results of a run by their cases, from KTAP that must be complete."""
    run = Run(text)
    if missing := run.missing():
        raise Missing(missing)
    return run.results


def read_text(path):
    """Returns the text of a file of results."""
    return path.read_text(encoding="utf-8", errors="replace")


def rest(because, paths):
    """Returns the first file that is not complete and the case that it has come to, which is empty if there
    is none; None if all are complete.

    A case that has no result is given one: the machine died, because of that.
    """
    for path in paths:
        text = read_text(path) if path.exists() else ""
        run = Run(text)
        if not run.has_result:
            number = run.numbers[-1] + 1 if run.numbers else 1
            line_end = "" if text.endswith("\n") else "\n"
            died = f"{line_end}# the machine died: {because}\nnot ok {number} {run.begun}\n"
            with path.open("a", encoding="utf-8") as file:
                file.write(died)
            run = Run(text + died)
        if run.missing():
            return path, run.begun
    return None


def read_run(directory, driver):
    """Returns the results of a driver: {backend: {case: Result}}."""
    run = {}
    for backend in BACKENDS:
        path = directory / f"{driver}-{backend}.ktap"
        try:
            run[backend] = parse(read_text(path))
        except (OSError, Missing) as error:
            raise Missing(f"{path}: {error}") from error
    return run


def read_c(directory):
    """Returns the C driver's results in a run, all that are known of a case: {backend: {case: [Result]}}."""
    c = {backend: {case: [result] for case, result in run.items()} for backend, run in read_run(directory, "c").items()}
    for path in sorted(directory.glob("again/*/c-*.ktap")):
        run = c[path.stem.removeprefix("c-")]
        with contextlib.suppress(Missing):  # if the machine died again, the first result stands
            for case, result in parse(read_text(path)).items():
                if case in run:
                    run[case] = joined(run[case], [result])
    return c


def joined(known, more):
    """Returns known results and more of them, one for each status."""
    statuses = {result.status for result in known}
    return known + [result for result in more if result.status not in statuses]


def known_of(c, backend, case):
    """Returns what is known of a case on the C driver.

    A case that does not depend on the back end has results of the first one only.
    """
    return c[backend].get(case) or c[BACKENDS[0]].get(case, [])


def read_records(path):
    """Returns the records of the C driver by their machines: {machine: Record}; none if there is no file."""
    try:
        machines = json.loads(path.read_text(encoding="utf-8"))
        return {machine: read_record(**entry) for machine, entry in machines.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise Missing(f"{path}: {error}") from error


def read_record(kernel, date, cases):
    """Returns a record, from the words that the file has for its results."""
    results = {backend: {} for backend in BACKENDS}
    for case, backends in cases.items():
        for backend in set(BACKENDS) & set(backends):
            results[backend][case] = [Result(*text.partition(": ")[::2]) for text in backends[backend]]
    return Record(kernel, date, results)


def write_records(path, records):
    """Writes records with one case in a line, so that a change is seen as that of its case."""
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
    """Returns JSON that people can read."""
    return json.dumps(value, ensure_ascii=False)


def cases_of(results):
    """Returns the cases of results, in the suite's order."""
    return list(dict.fromkeys(case for backend in BACKENDS for case in results[backend]))


def record(directory, path, machine, kernel, date, add=False):
    """Writes what the C driver did in a run into the record; the other machine's stays as it is.

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
