# SPDX-License-Identifier: GPL-2.0
"""Parts that are run and judged."""

import json
import os
import sys
import unittest

from . import results, suite
from .__main__ import parser
from .in_folder import InFolder
from .steps import Failed
from .suite import Part, Suite


def python(code):
    return [sys.executable, "-c", code]


class Parts(InFolder):
    def setUp(self):
        super().setUp()
        self.patch(suite, LOGS=self.folder, BUILD=self.folder, TOP=self.folder)

    def run_parts(self, *parts, processors=2):
        self.said = []
        run = Suite(list(parts), processors, self.said.append)
        run.run()
        self.is_good = run.summary()

    def test_a_part_passes_by_its_exit_status(self):
        self.run_parts(Part("good", python("pass")), Part("bad", python("print('ok'); raise SystemExit(3)")))
        self.assertEqual(self.said[-1], "1 passed, 1 failed")
        self.assertFalse(self.is_good)
        self.assertIn("exit status 3", "\n".join(self.said))

    def test_the_end_of_a_failed_parts_log_is_shown(self):
        self.run_parts(Part("bad", python("print('why'); raise SystemExit(1)")))
        self.assertIn("        | why", self.said)

    def test_what_needs_a_failed_part_is_not_run_and_fails(self):
        mark = self.folder / "mark"
        self.run_parts(
            Part("bad", python("raise SystemExit(1)")),
            Part("after", python(f"open({str(mark)!r}, 'w')"), needs=("bad",)),
        )
        self.assertFalse(mark.exists())
        self.assertEqual(self.said[-1], "0 passed, 2 failed")

    def test_what_is_needed_comes_first(self):
        mark = self.folder / "mark"
        self.run_parts(
            Part("after", python(f"open({str(mark)!r})"), needs=("before",)),
            Part("before", python(f"import time; time.sleep(0.2); open({str(mark)!r}, 'w')")),
        )
        self.assertTrue(self.is_good)

    def test_parts_run_side_by_side_where_there_are_processors(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        # Each end of a pipe waits for the other: with one processor in vain.
        for processors, seconds in ((2, "20"), (1, "0.3")):
            ends = (["cat", pipe], ["sh", "-c", f": >{pipe}"])
            self.run_parts(*(Part("end", ["timeout", seconds, *end]) for end in ends), processors=processors)
            self.assertEqual(self.is_good, processors == 2)

    def test_one_part_at_a_time_builds(self):
        room = self.folder / "room"
        check = ["sh", "-c", f"mkdir {room} && sleep 0.1 && rmdir {room}"]  # mkdir fails beside another
        self.run_parts(*(Part(name, check, builds=True) for name in "abc"), processors=3)
        self.assertTrue(self.is_good, self.said)

    def test_a_run_that_is_interrupted_kills_its_parts(self):
        def interrupt(_text):
            raise KeyboardInterrupt

        sleeper = Part("long", python("import time; time.sleep(600)"))
        with self.assertRaises(KeyboardInterrupt):
            Suite([sleeper, Part("short", python("pass"))], 2, interrupt).run()
        self.assertEqual(sleeper.process.returncode, -9)

    def test_tests_are_counted_by_their_data(self):
        libtest = [
            {"type": "suite", "event": "started", "test_count": 3},
            {"type": "test", "event": "timeout", "name": "one"},  # It only takes long.
            {"type": "test", "event": "ok", "name": "one"},
            {"type": "test", "event": "failed", "name": "two", "stdout": "ok"},
            {"type": "suite", "event": "failed", "passed": 2, "failed": 1, "ignored": 0},
        ]
        text = "   Compiling\n" + "\n".join(map(json.dumps, libtest))
        good = json.dumps({"type": "suite", "event": "ok", "passed": 5, "failed": 0})
        kunit = {"sub_groups": [{"test_cases": [{"name": "a", "status": "PASS"}, {"name": "b", "status": "FAIL"}]}]}
        (self.folder / "kunit.json").write_text(json.dumps(kunit))
        ktap = "KTAP version 1\n1..2\n# running: a: b\nok 1 a: b\n# running: c: d\n# why\nnot ok 2 c: d\n"
        (self.folder / "x.ktap").write_text(ktap)
        fails = "; raise SystemExit(101)"
        for code, read, result in (
            (f"print({text!r}){fails}", results.of_libtest, "2 passed, 1 failed"),
            (f"print({good!r}){fails}", results.of_libtest, "5 passed, 1 failed"),  # A crate does not compile.
            ("pass", results.of_libtest, "0 passed, 1 failed"),  # There is no test.
            ("pass", results.of_ktap(self.folder / "none.ktap"), "0 passed, 1 failed"),
            ("pass", results.of_kunit(self.folder / "kunit.json"), "1 passed, 1 failed"),
            ("pass", results.of_ktap(self.folder / "x.ktap"), "1 passed, 1 failed"),  # Its exit status is 0.
        ):
            with self.subTest(code, result=result):
                self.run_parts(Part("tests", python(code), results=read))
                self.assertEqual(self.said[-1], result)
        self.assertIn("        c: d: why", self.said)

    def test_named_parts_bring_what_they_need(self):
        parts = [Part("a", []), Part("b", [], needs=("a",)), Part("c", [])]
        self.assertEqual([part.name for part in suite.wanted(parts, ["b"])], ["a", "b"])
        with self.assertRaises(Failed):
            suite.wanted(parts, ["z"])


class All(unittest.TestCase):
    def test_each_part_needs_parts_that_there_are(self):
        parts = suite.parts(everything=True)
        names = [part.name for part in parts]
        self.assertEqual(len(names), len(set(names)))
        for part in parts:
            self.assertLessEqual(set(part.needs), set(names), part.name)

    def test_the_harness_knows_each_command_of_its_own(self):
        commands = [part.command for part in suite.parts(everything=True)]
        own = [command[len(suite.HARNESS) :] for command in commands if command[: len(suite.HARNESS)] == suite.HARNESS]
        self.assertGreater(len(own), 20)
        for words in own:
            parser().parse_args(words)
