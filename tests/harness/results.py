# SPDX-License-Identifier: GPL-2.0
"""Counts tests that passed and names those that failed, by the data that they left."""

import collections
import functools
import json

from . import records
from .steps import Failed

Count = collections.namedtuple("Count", "passed failures")


def as_a_whole(_log):
    """A part that is one test."""
    return Count(1, [])


def counter(parse, *paths):
    """Make a function that counts the results in files, or without files in the log that it is given; it raises
    Missing if they are not there, or make no sense.

    `parse` makes a Count of the text of one.
    """

    def count(log):
        passed, failures = 0, []
        for path in paths or (log,):
            try:
                more = parse(records.read_text(path))
            except (Failed, OSError, ValueError, KeyError) as error:
                raise records.Missing(f"{path.name}: {error}") from error
            passed += more.passed
            failures += more.failures
        return Count(passed, failures)

    return count


def parse_libtest(text):
    """The tests of cargo, from libtest's JSON lines."""
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
    """Results as {"passed": number or names, "failed": names}."""
    results = json.loads(text)
    passed = results["passed"]
    return Count(passed if isinstance(passed, int) else len(passed), results["failed"])


def parse_ktap(text):
    """The cases of the conformance suite."""
    results = records.parse(text).items()
    failures = [f"{case}: {result.reason}" for case, result in results if result.status == "fails"]
    return Count(len(results) - len(failures), failures)


def parse_kunit(text):
    """The results of KUnit, from the JSON of the kernel's own parser."""

    def cases(group):
        yield from group.get("test_cases", [])
        for inner in group.get("sub_groups", []):
            yield from cases(inner)

    results = list(cases(json.loads(text)))
    failures = [case["name"] for case in results if case["status"] not in ("PASS", "SKIP")]
    return Count(len(results) - len(failures), failures)


of_libtest = counter(parse_libtest)
of_json, of_ktap, of_kunit = (functools.partial(counter, parse) for parse in (parse_json, parse_ktap, parse_kunit))
