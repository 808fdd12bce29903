# SPDX-License-Identifier: GPL-2.0
"""Counts tests that passed and names those that failed, by the data that they left."""

import collections
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "conformance"))
import records

Count = collections.namedtuple("Count", "passed failures")


class NoResults(Exception):
    """The data that a part should have left are not there, or make no sense."""


def as_a_whole(_log):
    """A part that is one test."""
    return Count(1, [])


def of_libtest(log):
    """The tests of cargo, from libtest's JSON lines."""
    passed, failures = 0, []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.startswith("{"):
            continue  # cargo's own
        event = json.loads(line)
        if event["type"] == "suite" and event["event"] in ("ok", "failed"):
            passed += event["passed"]
        elif event["type"] == "test" and event["event"] == "failed":
            failures.append(event["name"])
    return Count(passed, failures)


def of_json(path):
    """Results as {"passed": number or names, "failed": names}."""

    def read(_log):
        try:
            results = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise NoResults(f"{path.name}: {error}") from error
        passed = results["passed"]
        return Count(passed if isinstance(passed, int) else len(passed), results["failed"])

    return read


def of_ktap(*paths):
    """The cases of the conformance suite."""

    def read(_log):
        passed, failures = 0, []
        for path in paths:
            try:
                results = records.parse(path.read_text(encoding="utf-8", errors="replace"))
            except (OSError, records.Missing) as error:
                raise NoResults(f"{path.name}: {error}") from error
            for case, result in results.items():
                if result.status == "fails":
                    failures.append(f"{case}: {result.reason}")
                else:
                    passed += 1
        return Count(passed, failures)

    return read


def of_kunit(path):
    """The results of KUnit, from the JSON of the kernel's own parser."""

    def cases(group):
        yield from group.get("test_cases", [])
        for inner in group.get("sub_groups", []):
            yield from cases(inner)

    def read(_log):
        try:
            results = list(cases(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError) as error:
            raise NoResults(f"{path.name}: {error}") from error
        failures = [case["name"] for case in results if case["status"] not in ("PASS", "SKIP")]
        return Count(len(results) - len(failures), failures)

    return read
