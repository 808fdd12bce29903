# SPDX-License-Identifier: GPL-2.0
"""Results of suites that did not come to their end."""

import pathlib
import tempfile
import unittest

from .ktap import Progress, death, rest

HEAD = "KTAP version 1\n1..3\n"
FIRST = "# running: a: b\n# why\nnot ok 1 a: b\n"
SECOND = "# running: c: d\nok 2 c: d # SKIP not here\n"
THIRD = "# running: e: f\nok 3 e: f\n"


class Results(unittest.TestCase):
    def test_only_all_results_are_complete(self):
        self.assertTrue(Progress(HEAD + FIRST + SECOND + THIRD).is_complete())
        for text in (
            "",
            HEAD,
            HEAD + FIRST,
            HEAD + FIRST + SECOND,
            HEAD + FIRST + SECOND + "# running: e: f\n",
            HEAD + FIRST + SECOND + "# stopped: boot again\n",
            FIRST + SECOND + THIRD,
        ):
            with self.subTest(text):
                self.assertFalse(Progress(text).is_complete())

    def test_a_case_without_result_gets_one(self):
        self.assertEqual(
            death(HEAD + FIRST + "# running: c: d\n", "oops"), "# the machine died: oops\nnot ok 2 c: d\n"
        )
        self.assertEqual(death(HEAD + "# running: a: b", "oops"), "\n# the machine died: oops\nnot ok 1 a: b\n")
        self.assertEqual(death(HEAD + FIRST, "oops"), "")

    def rest(self, *texts):
        """What is left of files with these texts (None: there is no file), and what they are then."""
        with tempfile.TemporaryDirectory() as name:
            paths = [pathlib.Path(name, str(number)) for number in range(1, len(texts) + 1)]
            for path, text in zip(paths, texts):
                if text is not None:
                    path.write_text(text)
            left = rest("oops", paths)
            left = left and (left[0].name, left[1])
            return left, [path.read_text() if path.exists() else None for path in paths]

    def test_what_is_left_to_do_is_named(self):
        whole = HEAD + FIRST + SECOND + THIRD
        self.assertIsNone(self.rest(whole, whole)[0])
        self.assertEqual(self.rest(whole, None)[0], ("2", ""))
        self.assertEqual(self.rest(whole, HEAD)[0], ("2", ""))
        self.assertEqual(self.rest(HEAD + FIRST + "# stopped\n", None)[0], ("1", "a: b"))

    def test_the_last_case_may_be_the_deadly_one(self):
        left, (text,) = self.rest(HEAD + FIRST + SECOND + "# running: e: f\n")
        self.assertIsNone(left)
        self.assertTrue(text.endswith("# the machine died: oops\nnot ok 3 e: f\n"))
