# SPDX-License-Identifier: GPL-2.0
"""Mutations with a program in place of cargo-mutants."""

import contextlib
import io
import re
from unittest import mock

from . import mutations
from .in_folder import InFolder
from .steps import Failed

NAME = "ccwchain/src/sort.rs:21:15: replace | with & in sort_by_key<T>"


class Mutations(InFolder):
    def survivors(self, status, missed=""):
        """What is made of an exit status and of the names that were missed."""
        self.patch(mutations, BUILD=self.folder)
        program = self.folder / "cargo-mutants"
        program.write_text(
            "#!/bin/sh\n"
            f"mkdir '{self.folder}/mutants/ccwchain/mutants.out' && cd '{self.folder}/mutants/ccwchain/mutants.out'\n"
            f"printf '%s' '{missed}' >missed.txt\nexit {status}\n"
        )
        program.chmod(0o755)
        return mutations.survivors(program, "ccwchain", ["ccwchain"], [])

    def test_what_was_missed_is_told_and_other_ends_are_failures(self):
        self.assertEqual(self.survivors(mutations.GOOD), [])
        self.assertEqual(self.survivors(mutations.MISSED, f"{NAME}\n"), [NAME])
        self.assertEqual(self.survivors(mutations.ENDLESS), [])
        for status in (1, 4, 70):
            with self.assertRaises(Failed):
                self.survivors(status)

    @contextlib.contextmanager
    def cargo_mutants(self, *survivors):
        """In place of cargo-mutants: what survives each time that it is called."""
        self.patch(mutations, steps=mock.MagicMock())
        with (
            mock.patch.object(mutations, "survivors", side_effect=survivors) as called,
            contextlib.redirect_stdout(io.StringIO()),
        ):
            yield called

    def test_what_the_fast_tests_miss_is_given_to_the_slow_ones(self):
        for left, good in (([], True), (["a field that nobody asked for"], True), ([NAME], False)):
            with self.cargo_mutants([NAME], left) as called:
                self.assertEqual(mutations.run("ccwchain/src/sort.rs", False), good)
            fast, slow = called.call_args_list
            self.assertEqual(fast.args[1:], ("ccwchain", ["ccwchain"], ["--file", "ccwchain/src/sort.rs"]))
            option, expression = slow.args[3]
            self.assertEqual((slow.args[2], option), (["model"], "--re"))
            self.assertRegex(NAME, expression)
            self.assertIsNone(re.search(expression, NAME + "x"))

    def test_a_file_that_is_not_there_is_an_error(self):
        for file in ("ccwchain/src/none.rs", "tools/src/lib.rs", "sort.rs"):
            with self.cargo_mutants(), self.assertRaises(Failed):
                mutations.run(file, False)

    def test_without_a_file_all_packages_are_broken(self):
        with self.cargo_mutants([], []) as called:
            self.assertTrue(mutations.run(None, True))
        self.assertEqual([call.args[1] for call in called.call_args_list], ["ccwchain", "state"])
