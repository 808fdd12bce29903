# SPDX-License-Identifier: GPL-2.0
"""The table of the conformance suite: what is not explained must not pass."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))

import table

ROWS = """\
| name | what | C driver | this driver | why | test |
|---|---|---|---|---|---|
| `queue` | a \\| b | c | d | e | `status: *`, `ccwchain/tests/x.rs` |
| `files` | a | b | c | d | `ccwchain/tests/{a,b}.rs` |
"""


def ktap(*results):
    """Results of cases: pairs of a name and why it fails, or None."""
    lines = ["KTAP version 1", f"1..{len(results)}"]
    for number, (name, reason) in enumerate(results, 1):
        lines.append(f"# running: {name}")
        if reason is None:
            lines.append(f"ok {number} {name}")
        elif reason.startswith("SKIP"):
            lines.append(f"ok {number} {name} # {reason}")
        else:
            lines += [f"# {line}" for line in reason.splitlines()] + [f"not ok {number} {name}"]
    return "\n".join(lines) + "\n"


GOOD = ktap(("status: one", None), ("region: two", None))
C = ktap(("status: one", "no signal\nmore"), ("region: two", None))


class Parsing(unittest.TestCase):
    def test_results_have_their_first_reason(self):
        results = table.parse(ktap(("a: b", None), ("c: d", "one\ntwo"), ("e: f", "SKIP why")))
        self.assertEqual(results["a: b"], ("ok", ""))
        self.assertEqual(results["c: d"], ("fails", "one"))
        self.assertEqual(results["e: f"], ("skipped", "why"))

    def test_a_reason_belongs_to_its_own_case(self):
        text = ktap(("a: b", "why"), ("c: d", None)) + "# stopped: boot again\n"
        self.assertEqual(table.parse(text)["c: d"], ("ok", ""))

    def test_what_is_missing_is_seen(self):
        for text, what in (
            ("", "no plan"),
            ("1..1\n", "1 of 1"),
            (GOOD.replace("ok 1 status: one\n", ""), "number 1"),
            (GOOD + "# running: more: x\n", "no result of 'more: x'"),
        ):
            with self.subTest(what), self.assertRaisesRegex(table.Missing, what):
                table.parse(text)

    def test_a_case_may_have_any_characters(self):
        name = "fault: 0x1 (2) # 3 `4`"
        self.assertEqual(table.parse(ktap((name, None)))[name].status, "ok")


class Rows(unittest.TestCase):
    def test_rows_with_cases_are_found(self):
        self.assertEqual(table.read_rows(ROWS), [("queue", ["status: *"])])

    def test_a_star_is_the_only_wildcard(self):
        self.assertTrue(table.matches("a: *c", "a: b.c"))
        self.assertTrue(table.matches("a: b", "a: b"))
        self.assertFalse(table.matches("a: b", "a: bc"))
        self.assertFalse(table.matches("a: ?", "a: b"))
        self.assertFalse(table.matches("a: .", "a: b"))


class Verdicts(unittest.TestCase):
    def run_table(self, rust=GOOD, c=C, rows=ROWS, leave_out=None, c_iommufd=None, rust_iommufd=None, again=None, cases="status: one\nregion: two\nother: machine\n", options=()):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory)
            texts = {"rust-container": rust, "rust-iommufd": rust_iommufd or rust}
            texts |= {"c-container": c, "c-iommufd": c_iommufd or c}
            for name, text in texts.items():
                if name != leave_out:
                    (path / f"{name}.ktap").write_text(text)
            if again is not None:
                (path / "again" / "1").mkdir(parents=True)
                (path / "again" / "1" / "c-container.ktap").write_text(again)
            (path / "rows.md").write_text(rows)
            (path / "cases").write_text(cases)
            argv = ["table.py", "--results", directory, "--differences", str(path / "rows.md"), *options]
            out, errors = io.StringIO(), io.StringIO()
            with (
                mock.patch.object(sys, "argv", argv),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(errors),
                self.assertRaises(SystemExit) as end,
            ):
                table.main()
        code = end.exception.code
        if isinstance(code, str):
            return 1, out.getvalue(), code
        return code, out.getvalue(), errors.getvalue()

    def assert_fails(self, what, **run):
        code, _, errors = self.run_table(**run)
        self.assertEqual(code, 1)
        self.assertIn(what, errors)

    def test_what_the_c_driver_does_by_chance_is_no_difference(self):
        by_chance = ktap(("status: one", "no signal"), ("region: two", "by chance"))
        second = {"c": by_chance, "c_iommufd": C}
        self.assert_fails("explains: region: two", **second)
        self.assertEqual(self.run_table(**second, again=ktap(("region: two", None)))[0], 0)
        self.assert_fails("explains: region: two", **second, again=ktap(("region: two", "again")))
        # The machine died in the second run; or that had a case more.
        self.assert_fails("explains: region: two", **second, again="1..1\n# running: region: two\n")
        self.assertEqual(self.run_table(**second, again=ktap(("region: two", None), ("x: y", None)))[0], 0)

    def test_explained_differences_pass(self):
        code, out, errors = self.run_table()
        self.assertEqual((code, errors), (0, ""))
        self.assertRegex(out, r"status: one +fails no signal +ok +queue\n")
        self.assertRegex(out, r"region: two +ok +ok +same\n")
        self.assertIn("2 cases: 1 same, 1 different, 0 unexplained, 0 failed\n     1 queue\n", out)

    def test_the_summary_can_stand_alone(self):
        _, out, _ = self.run_table(options=["--summary"])
        self.assertTrue(out.startswith("2 cases:"))

    def test_back_ends_that_disagree_have_a_line_each(self):
        _, out, _ = self.run_table(c_iommufd=GOOD)
        self.assertRegex(out, r"status: one \[container\] +fails no signal +ok +queue\n")
        self.assertRegex(out, r"status: one \[iommufd\] +ok +ok +same\n")

    def test_a_case_without_a_back_end_is_run_once(self):
        one, two = ktap(("status: one", "no signal")), ktap(("region: two", None))
        code, out, _ = self.run_table(c_iommufd=two, rust_iommufd=two)
        self.assertEqual(code, 0)
        self.assertRegex(out, r"status: one +fails no signal +ok +queue\n")
        self.assert_fails("different cases", c_iommufd=two)
        self.assert_fails("different cases", rust=two, c=two, c_iommufd=one, rust_iommufd=one)

    def test_long_reasons_are_cut(self):
        _, out, _ = self.run_table(c=C.replace("no signal", "no signal " * 20))
        self.assertIn("...", out)
        self.assertLess(max(map(len, out.splitlines())), 120)

    def test_a_failure_of_ours_fails(self):
        self.assert_fails("ours fails: region: two", rust=GOOD.replace("ok 2", "not ok 2"))
        self.assert_fails("ours fails: status: one", rust=GOOD.replace("ok 1", "not ok 1"))

    def test_an_unexplained_difference_fails(self):
        self.assert_fails("explains: region: two", c=C.replace("ok 2", "not ok 2"))
        self.assert_fails("explains: region: two", c_iommufd=C.replace("ok 2", "not ok 2"))

    def test_a_case_that_one_driver_skips_differs(self):
        self.assert_fails("explains: region: two", rust=GOOD.replace("two\nok 2 region: two", "two\nok 2 region: two # SKIP x"))

    def test_a_stale_row_fails(self):
        self.assert_fails("'queue' is stale", c=GOOD)

    def test_a_row_of_another_machine_is_not_stale(self):
        self.assertEqual(self.run_table(rows=ROWS + "| `other` | a | b | c | d | `other: *` |\n")[0], 0)

    def test_a_row_without_a_case_fails(self):
        self.assert_fails("matches no case", rows=ROWS.replace("`status: *`", "`status: *`, `nothing: x`"))

    def test_missing_results_fail(self):
        self.assert_fails("c-iommufd.ktap", leave_out="c-iommufd")
        self.assert_fails("rust-container.ktap: there is no plan", rust="")
        self.assert_fails("different cases", c=ktap(("status: one", "x")))


if __name__ == "__main__":
    unittest.main()
