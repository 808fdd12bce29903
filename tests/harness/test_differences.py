# SPDX-License-Identifier: GPL-2.0
"""The differences between the drivers, and the document that is written from them."""

import pathlib
import unittest

from . import differences
from .paths import TOP

ONE = """\
[[difference]]
name = "one"
group = "Status"
what = "a"
c = "b"
ours = "c"
why = "d"
note = "More."
cases = ["status: *"]
"""
TWO = ONE.replace('"one"', '"two"').replace('why = "d"\nnote = "More."\n', "")


class Differences(unittest.TestCase):
    def test_the_document_is_up_to_date(self):
        known = differences.read(differences.DIFFERENCES)
        is_there = (TOP / "docs/differences.md").read_text(encoding="utf-8")
        how = "run `scripts/harness differences`"
        self.assertEqual(is_there, differences.document(known), how)

    def test_fields_are_read(self):
        one, two = differences.parse(ONE + TWO)
        self.assertEqual((one.name, one.why, one.note, one.cases), ("one", "d", "More.", ["status: *"]))
        self.assertEqual((two.why, two.note, two.machine, two.tests), ("", "", None, ""))

    def test_a_group_is_a_section_with_a_table(self):
        other = TWO.replace("Status", "Limits")
        text = differences.document(differences.parse(ONE + other)).removeprefix(differences.HEAD)
        head = "| what | C driver | this driver | why | name |\n|---|---|---|---|---|\n"
        status = f"\n## Status\n\n{head}| a | b | c | d | `one` |\n\n`one`: More.\n"
        limits = f"\n## Limits\n\n{head}| a | b | c | | `two` |\n"
        self.assertEqual(text, status + limits)

    def test_what_is_wrong_is_refused(self):
        for what, text in (
            ("one: it is there twice", ONE + ONE),
            ("'Status' is not in one place", ONE + TWO.replace("Status", "x") + TWO.replace("two", "three")),
            ("not a short cell", ONE.replace('what = "a"', f'what = "{"a" * 121}"')),
            ("not a short cell", ONE.replace('what = "a"', 'what = "a | b"')),
            ("a cell is empty", ONE.replace('ours = "c"', 'ours = ""')),
            ("no machine 'vax'", ONE + 'machine = "vax"\n'),
            ("'status' is no name of a case", ONE.replace("status: *", "status")),
            ("unexpected keyword argument 'color'", ONE + 'color = "red"\n'),
            ("missing 1 required", ONE.replace('c = "b"\n', "")),
            ("Invalid", "difference ="),
        ):
            with self.subTest(what, text=text), self.assertRaises(differences.Invalid) as raised:
                differences.parse(text)
            self.assertIn(what, str(raised.exception))
        with self.assertRaises(differences.Invalid):
            differences.read(pathlib.Path("/nonexistent"))

    def test_a_star_is_the_only_wildcard(self):
        for pattern, case in (("a: *c", "a: b.c"), ("a: b", "a: b")):
            self.assertTrue(differences.matches(pattern, case))
        for pattern, case in (("a: b", "a: bc"), ("a: ?", "a: b"), ("a: .", "a: b")):
            self.assertFalse(differences.matches(pattern, case))

    def test_a_difference_has_cases_of_its_machine(self):
        both, hercules = differences.parse(ONE + TWO + 'machine = "hercules"\n')
        self.assertTrue(both.has("status: x", "qemu"))
        self.assertTrue(hercules.has("status: x", "hercules"))
        self.assertFalse(hercules.has("status: x", "qemu"))
        self.assertFalse(both.has("region: x", "qemu"))
