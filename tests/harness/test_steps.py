# SPDX-License-Identifier: GPL-2.0
"""Work that is watched: its status and its log."""

import contextlib
import io
import os
import sys
import threading
import time
import unittest
from unittest import mock

from . import build, coverage, steps
from .in_folder import InFolder


def fail():
    raise steps.Failed("this", "that")


class Watched(InFolder):
    def setUp(self):
        super().setUp()
        self.patch(steps, LOGS=self.folder)

    def watch(self, work, **settings):
        with contextlib.redirect_stdout(io.StringIO()):
            return steps.watch("it", work, **settings), steps.last_lines(self.folder / "it.log", 9)

    def test_functions_and_commands_have_a_status_and_a_log(self):
        self.assertEqual(self.watch(lambda: print("x")), (0, ["x"]))
        self.assertEqual(self.watch(lambda: print("x") or False), (1, ["x"]))
        self.assertEqual(self.watch(fail), (1, ["error: this", "       that"]))
        self.assertEqual(self.watch(lambda: 1 / 0)[0], 1)
        self.assertEqual(self.watch([sys.executable, "-c", "print(3); raise SystemExit(3)"]), (3, ["3"]))
        self.assertEqual(self.watch(["sh", "-c", "echo $SETTING"], SETTING="x"), (0, ["x"]))

    def test_what_must_succeed_shows_the_end_of_its_log(self):
        with contextlib.redirect_stderr(io.StringIO()) as said, self.assertRaises(steps.Failed):
            steps.run("it", fail)
        self.assertIn("    error: this\n", said.getvalue())


class Built(InFolder):
    def test_parts_of_one_run_do_not_build_at_the_same_time(self):
        self.enterContext(mock.patch.dict(os.environ, cache_is_locked="1"))
        self.enterContext(contextlib.redirect_stdout(io.StringIO()))
        done = []

        def one(name, _):
            done.append(name)
            time.sleep(0.05)
            done.append(name)

        self.patch(build, BUILD=self.folder, one=one)
        parts = [threading.Thread(target=build.build, args=(print, build.FOR_L1)) for _ in range(2)]
        for part in parts:
            part.start()
        for part in parts:
            part.join()
        self.assertEqual(done, [name for name in build.FOR_L1 for _ in range(2)] * 2)


class Lcov(unittest.TestCase):
    def test_lines_are_counted_by_their_files(self):
        lcov = "SF:/a\nDA:1,0\nDA:2,5\nend_of_record\nSF:/b\nDA:7,1\nend_of_record\n"
        self.assertEqual(coverage.parse(lcov), {"/a": {1: 0, 2: 5}, "/b": {7: 1}})
