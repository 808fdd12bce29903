# SPDX-License-Identifier: GPL-2.0
"""Counts tests that passed and names those that failed, by the data that they left."""

import collections
import json

from . import records
from .steps import Failed

Count = collections.namedtuple("Count", "passed failures")


class NoResults(Exception):
    """The data that a part should have left are not there, or make no sense."""


def as_a_whole(_log):
    """A part that is one test."""
    return Count(1, [])


def read(parse, paths):
    """Count the results in files; `parse` makes a Count of the text of one."""
    passed, failures = 0, []
    for path in paths:
        try:
            count = parse(records.read_text(path))
        except (Failed, OSError, ValueError, KeyError) as error:
            raise NoResults(f"{path.name}: {error}") from error
        passed += count.passed
        failures += count.failures
    return Count(passed, failures)


def of_libtest(log):
    """The tests of cargo, from libtest's JSON lines in the log of the part."""
    return read(parse_libtest, [log])


def of_json(path):
    """Results as {"passed": number or names, "failed": names}."""
    return lambda _log: read(parse_json, [path])


def of_ktap(*paths):
    """The cases of the conformance suite."""
    return lambda _log: read(parse_ktap, paths)


def of_kunit(path):
    """The results of KUnit, from the JSON of the kernel's own parser."""
    return lambda _log: read(parse_kunit, [path])


def parse_libtest(text):
    passed, failures = 0, []
    for line in text.splitlines():
        if not line.startswith("{"):
            continue  # cargo's own
        event = json.loads(line)
        if event["type"] == "suite" and event["event"] in ("ok", "failed"):
            passed += event["passed"]
        elif event["type"] == "test" and event["event"] == "failed":
            failures.append(event["name"])
    return Count(passed, failures)


def parse_json(text):
    results = json.loads(text)
    passed = results["passed"]
    return Count(passed if isinstance(passed, int) else len(passed), results["failed"])


def parse_ktap(text):
    results = records.parse(text).items()
    failures = [f"{case}: {result.reason}" for case, result in results if result.status == "fails"]
    return Count(len(results) - len(failures), failures)


def parse_kunit(text):
    def cases(group):
        yield from group.get("test_cases", [])
        for inner in group.get("sub_groups", []):
            yield from cases(inner)

    results = list(cases(json.loads(text)))
    failures = [case["name"] for case in results if case["status"] not in ("PASS", "SKIP")]
    return Count(len(results) - len(failures), failures)
