# SPDX-License-Identifier: GPL-2.0
"""The table of the conformance suite: what is not explained must not pass."""

import contextlib
import io
import json
import pathlib
import shutil
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))

import records
import table

QUEUE = """\
[[difference]]
name = "queue"
group = "Status"
what = "a"
c = "b"
ours = "c"
cases = ["status: *"]
"""
FILES = """\
[[difference]]
name = "files"
group = "Status"
what = "a"
c = "b"
ours = "c"
tests = "`ccwchain/tests/{a,b}.rs`"
"""
DIFFERENCES = QUEUE + FILES
OTHER_MACHINE = QUEUE.replace("queue", "other").replace("status: *", "other: *")


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
ONE, TWO = ktap(("status: one", None)), ktap(("region: two", None))
CASES = "status: one\nregion: two\nother: machine\n"


class Parsing(unittest.TestCase):
    def test_results_have_their_first_reason(self):
        results = records.parse(ktap(("a: b", None), ("c: d", "one\ntwo"), ("e: f", "SKIP why")))
        self.assertEqual(results["a: b"], ("ok", ""))
        self.assertEqual(results["c: d"], ("fails", "one"))
        self.assertEqual(results["e: f"], ("skipped", "why"))

    def test_a_reason_belongs_to_its_own_case(self):
        text = ktap(("a: b", "why"), ("c: d", None)) + "# stopped: boot again\n"
        self.assertEqual(records.parse(text)["c: d"], ("ok", ""))

    def test_what_is_missing_is_seen(self):
        for text, what in (
            ("", "no plan"),
            ("1..1\n", "1 of 1"),
            (GOOD.replace("ok 1 status: one\n", ""), "number 1"),
            (GOOD + "# running: more: x\n", "no result of 'more: x'"),
        ):
            with self.subTest(what), self.assertRaisesRegex(records.Missing, what):
                records.parse(text)

    def test_a_case_may_have_any_characters(self):
        name = "fault: 0x1 (2) # 3 `4`"
        self.assertEqual(records.parse(ktap((name, None)))[name].status, "ok")


class InFolder(unittest.TestCase):
    """Tests that run the program on results in a folder."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name)
        self.record = self.path / "c-driver.json"

    def write_run(self, driver, container, iommufd=None):
        (self.path / f"{driver}-container.ktap").write_text(container)
        (self.path / f"{driver}-iommufd.ktap").write_text(iommufd or container)

    def write_again(self, number, text):
        folder = self.path / "again" / str(number)
        folder.mkdir(parents=True)
        (folder / "c-container.ktap").write_text(text)

    def run_main(self, *options):
        """What the program does: its exit status, output and errors."""
        argv = ["table.py", "--results", str(self.path), *map(str, options)]
        out, errors = io.StringIO(), io.StringIO()
        with (
            mock.patch.object(sys, "argv", argv),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(errors),
            self.assertRaises(SystemExit) as end,
        ):
            table.main()
        return end.exception.code, out.getvalue(), errors.getvalue()

    def compare(self, *options, differences=DIFFERENCES, cases=CASES):
        (self.path / "differences.toml").write_text(differences)
        (self.path / "cases").write_text(cases)
        return self.run_main("--differences", self.path / "differences.toml", *options)


class Verdicts(InFolder):
    def run_table(self, rust=GOOD, c=C, differences=DIFFERENCES, leave_out=None, c_iommufd=None, rust_iommufd=None, again=None, options=()):
        self.write_run("rust", rust, rust_iommufd)
        self.write_run("c", c, c_iommufd)
        if leave_out:
            (self.path / f"{leave_out}.ktap").unlink()
        shutil.rmtree(self.path / "again", ignore_errors=True)
        if again is not None:
            self.write_again(1, again)
        return self.compare(*options, differences=differences)

    def assert_missing(self, what, **run):
        self.assert_fails(what, code=table.NO_RESULTS, **run)

    def assert_fails(self, what, code=1, **run):
        is_code, _, errors = self.run_table(**run)
        self.assertEqual(is_code, code)
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
        self.assert_missing("different cases", c_iommufd=two)
        self.assert_missing("different cases", rust=two, c=two, c_iommufd=one, rust_iommufd=one)

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

    def test_a_stale_difference_fails(self):
        self.assert_fails("'queue' is stale", c=GOOD)

    def test_a_difference_of_another_machine_is_not_stale(self):
        self.assertEqual(self.run_table(differences=DIFFERENCES + OTHER_MACHINE)[0], 0)

    def test_a_difference_may_be_of_one_machine(self):
        other = DIFFERENCES.replace('cases =', 'machine = "hercules"\ncases =')
        qemu, hercules = ({"options": ["--machine", machine]} for machine in ("qemu", "hercules"))
        self.assert_fails("explains: status: one", differences=other, **qemu)
        self.assertEqual(self.run_table(differences=other, c=GOOD, **qemu)[0], 0)
        self.assertEqual(self.run_table(differences=other, **hercules)[0], 0)
        # It is stale although another case that it names was not run there.
        other = other.replace('"status: *"', '"status: *", "other: *"')
        self.assert_fails("'queue' is stale", differences=other, c=GOOD, **hercules)

    def test_a_pattern_without_a_case_fails(self):
        self.assert_fails("matches no case", differences=DIFFERENCES.replace('"status: *"', '"status: *", "nothing: x"'))

    def test_missing_results_fail(self):
        self.assert_missing("c-iommufd.ktap", leave_out="c-iommufd")
        self.assert_missing("rust-container.ktap: there is no plan", rust="")
        self.assert_missing("different cases", c=ktap(("status: one", "x")))

    def test_stale_differences_can_be_ignored(self):
        ignored = {"options": ["--ignore-stale"]}
        self.assertEqual(self.run_table(c=GOOD, **ignored)[0], 0)
        self.assert_fails("explains: region: two", c=C.replace("ok 2", "not ok 2"), **ignored)
        self.assert_fails("ours fails: region: two", rust=GOOD.replace("ok 2", "not ok 2"), **ignored)

    def test_a_pattern_without_a_case_fails_with_a_part_of_the_cases(self):
        more = DIFFERENCES.replace('"status: *"', '"status: *", "nothing: x"')
        self.assert_fails("'nothing: x', which matches no case", differences=more, options=["--ignore-stale"])

    def test_the_summary_is_written_as_data(self):
        file = self.path / "summary.json"

        def data(**run):
            code, _, errors = self.run_table(options=["--json", file], **run)
            summary = json.loads(file.read_text())
            status = 0 if not summary["errors"] else 1 if summary["cases"] else table.NO_RESULTS
            self.assertEqual(code, status)
            self.assertEqual(errors, "".join(f"error: {error}\n" for error in summary.pop("errors")))
            return summary

        good = {"cases": 2, "same": 1, "different": 1, "unexplained": [], "failed": []}
        self.assertEqual(data(), good)
        other = {"same": 0, "unexplained": ["region: two"]}
        self.assertEqual(data(c=C.replace("ok 2", "not ok 2")), good | other)
        both = {"differences": DIFFERENCES.replace('"status: *"', '"status: *", "region: *"')}
        self.assertEqual(data(c=C.replace("ok 2", "not ok 2"), **both), good | {"same": 0, "different": 2})
        other = {"same": 0, "failed": ["region: two"]}
        self.assertEqual(data(rust=GOOD.replace("ok 2", "not ok 2")), good | other)
        self.assertEqual(data(rust="")["cases"], 0)


class Records(InFolder):
    """What the C driver did, as a file."""

    def setUp(self):
        super().setUp()
        self.write_run("rust", GOOD)

    def record_run(self, c=C, c_iommufd=None, machine="qemu", kernel="7.3.4", add=False, again=()):
        """Record a run of the C driver, whose results are gone then."""
        self.write_run("c", c, c_iommufd)
        for number, text in enumerate(again):
            self.write_again(number, text)
        options = ["--record", self.record, "--machine", machine, "--kernel", kernel, "--date", "2026-11-26"]
        result = self.run_main(*options, *(["--add"] if add else []))
        for file in self.path.glob("**/c-*.ktap"):
            file.unlink()
        return result

    def judge(self, *options, machine="qemu", **files):
        return self.compare("--recorded", self.record, "--machine", machine, *options, **files)

    def assert_judged_bad(self, what, code=1, **files):
        is_code, _, errors = self.judge(**files)
        self.assertEqual(is_code, code)
        self.assertIn(what, errors)

    def test_what_is_recorded_can_be_read(self):
        c = ktap(("status: one", "no: signal"), ("region: \"two\"", "SKIP why"), ("x: \u00fc", None), ("y: z", ""))
        self.write_run("c", c, TWO)
        known = records.read_c(self.path)
        self.assertEqual(self.record_run(c, TWO), (0, "", ""))
        self.assertEqual(records.read_records(self.record), {"qemu": ("7.3.4", "2026-11-26", known)})
        self.assertEqual(list(known["container"]), list(records.read_records(self.record)["qemu"].results["container"]))

    def test_each_case_has_a_line(self):
        self.record_run(c_iommufd=TWO)
        lines = self.record.read_text().splitlines()
        self.assertIn('      "status: one": {"container": ["fails: no signal"]},', lines)
        self.assertIn('      "region: two": {"container": ["ok"], "iommufd": ["ok"]}', lines)

    def test_the_other_machine_stays(self):
        self.record_run(ONE, machine="hercules", kernel="7.2")
        before = records.read_records(self.record)["hercules"]
        self.record_run()
        self.record_run(C.replace("ok 2", "not ok 2"), kernel="7.4")
        written = records.read_records(self.record)
        self.assertEqual(list(written), ["qemu", "hercules"])
        self.assertEqual(written["hercules"], before)
        self.assertEqual(written["qemu"].kernel, "7.4")

    def test_an_incomplete_run_is_not_recorded(self):
        self.record_run()
        before = self.record.read_text()
        code, _, errors = self.record_run(C.replace("1..2", "1..3"))
        self.assertEqual(code, table.NO_RESULTS)
        self.assertIn("c-container.ktap: 1 of 3 results are missing", errors)
        self.assertEqual(self.record.read_text(), before)

    def test_a_record_is_replaced_or_added_to(self):
        def statuses():
            results = records.read_records(self.record)["qemu"].results["container"]
            return {case: [result.status for result in known] for case, known in results.items()}

        self.record_run(ktap(("status: one", "why"), ("gone: x", None)))
        self.record_run(GOOD, add=True)
        self.assertEqual(statuses(), {"status: one": ["fails", "ok"], "region: two": ["ok"]})
        self.record_run(GOOD, add=True)
        self.assertEqual(statuses(), {"status: one": ["fails", "ok"], "region: two": ["ok"]})
        self.record_run(GOOD)
        self.assertEqual(statuses(), {"status: one": ["ok"], "region: two": ["ok"]})

    def test_results_of_different_kernels_are_not_mixed(self):
        self.record_run()
        code, _, errors = self.record_run(add=True, kernel="7.4")
        self.assertEqual(code, table.NO_RESULTS)
        self.assertIn("is of kernel 7.3.4", errors)

    def test_what_came_once_more_is_recorded_too(self):
        self.record_run(again=[ktap(("status: one", None))])
        known = records.read_records(self.record)["qemu"].results["container"]["status: one"]
        self.assertEqual(known, [("fails", "no signal"), ("ok", "")])

    def test_ours_is_judged_by_the_record(self):
        self.record_run()
        code, out, errors = self.judge()
        self.assertEqual((code, errors), (0, ""))
        self.assertRegex(out, r"status: one +fails no signal +ok +queue\n")
        self.assertRegex(out, r"region: two +ok +ok +same\n")
        self.assert_judged_bad("explains: status: one", differences="")
        self.write_run("rust", GOOD.replace("ok 2", "not ok 2"))
        self.assert_judged_bad("ours fails: region: two")
        self.write_run("rust", GOOD.replace("1..2", "1..3"))
        self.assert_judged_bad("rust-container.ktap: 1 of 3 results are missing", table.NO_RESULTS)

    def test_each_machine_has_its_own_results(self):
        self.record_run()
        self.record_run(GOOD, machine="hercules")
        self.assertEqual(self.judge(machine="qemu")[0], 0)
        self.assert_judged_bad("'queue' is stale", machine="hercules")

    def test_only_what_ours_has_run_is_judged(self):
        self.record_run(ktap(("status: one", None), ("region: two", "why")))
        self.write_run("rust", ONE)
        code, out, errors = self.judge("--ignore-stale")
        self.assertEqual((code, errors), (0, ""))
        self.assertNotIn("region: two", out)
        self.assertIn("1 cases: 1 same", out)

    def test_ours_may_have_run_through_one_back_end(self):
        other = ktap(("status: one", "why"), ("region: two", "why"))
        self.record_run(C, other)
        self.assert_judged_bad("explains: region: two")
        self.write_run("rust", GOOD, ONE)
        self.assertEqual(self.judge()[0], 0)

    def test_what_has_no_part_in_a_back_end_is_known_through_the_first(self):
        self.record_run(C, ONE)
        self.assertEqual(self.judge()[0], 0)
        self.record_run(C.replace("ok 2", "not ok 2"), ONE)
        self.assert_judged_bad("explains: region: two")

    def test_a_case_that_is_not_recorded_is_an_error(self):
        self.record_run(ktap(("status: one", "why")))
        self.assert_judged_bad("no result of the C driver is recorded: region: two: run `RECORD=1 make conformance`")
        self.assertEqual(self.judge("--ignore-stale")[0], 1)

    def test_without_a_record_it_is_said_how_to_make_one(self):
        self.assert_judged_bad("no results of the C driver in qemu: run `RECORD=1 make conformance`", table.NO_RESULTS)
        self.record_run()
        self.assert_judged_bad("run `RECORD=1 make conformance EMULATOR=hercules`", table.NO_RESULTS, machine="hercules")
        for text in ("{", "[]", '{"qemu": {}}', '{"qemu": {"kernel": "", "date": "", "cases": []}}'):
            self.record.write_text(text)
            with self.subTest(text):
                self.assert_judged_bad("c-driver.json: ", table.NO_RESULTS)

    def test_one_of_several_known_results_is_enough(self):
        self.record_run(ktap(("status: one", "why"), ("region: two", "by chance")))
        self.assert_judged_bad("explains: region: two")
        self.record_run(C, add=True)
        code, out, _ = self.judge()
        self.assertEqual(code, 0)
        self.assertRegex(out, r"region: two +fails by chance or ok +ok +same\n")

    def test_a_difference_explains_what_differs_by_chance(self):
        self.record_run(ktap(("status: one", "why"), ("region: two", None)))
        self.record_run(GOOD, add=True)
        self.assertRegex(self.judge()[1], r"status: one +fails why or ok +ok +queue\n")
        self.assertEqual(self.judge()[0], 0)

    def test_several_known_results_may_all_differ(self):
        self.record_run(ktap(("status: one", "why"), ("region: two", "why")))
        self.record_run(ktap(("status: one", "why"), ("region: two", "SKIP why")), add=True)
        self.assert_judged_bad("explains: region: two")

    def changes(self, *options, c=C, c_iommufd=None):
        """What is said of a run of the C driver that is not as recorded."""
        self.write_run("rust", c.replace("not ok", "ok"), c_iommufd and c_iommufd.replace("not ok", "ok"))
        self.write_run("c", c, c_iommufd)
        code, out, errors = self.compare("--changed-since", self.record, "--machine", "qemu", *options)
        self.assertEqual((code, errors), (0, ""))
        said = "the C driver otherwise than recorded (kernel 7.3.4, 2026-11-26): "
        return [line.removeprefix(said) for line in out.splitlines() if line.startswith(said)]

    def test_changes_of_the_c_driver_are_told(self):
        self.assertEqual(self.changes(), [])  # without a record there are none
        self.record_run()
        self.assertEqual(self.changes(c=C.replace("no signal", "another reason")), [])
        changes = self.changes("--ignore-stale", c=C.replace("two\nok 2 region: two", "two\nok 2 region: two # SKIP x"), c_iommufd=C)
        self.assertEqual(changes, ["region: two [container]: was ok, is skipped x"])
        more = ktap(("status: one", "no signal"), ("other: machine", None))
        new = [f"other: machine [{backend}]: was not known, is ok" for backend in records.BACKENDS]
        gone = [f"region: two [{backend}]: is no more" for backend in records.BACKENDS]
        self.assertEqual(sorted(self.changes(c=more)), new + gone)
        self.assertEqual(self.changes("--ignore-stale", c=more), new)

    def test_options_that_do_not_go_together(self):
        judge = ["--differences", "x"]
        record = ["--record", self.record, "--machine", "qemu", "--kernel", "7.3.4", "--date", "2026-11-26"]
        for options in (record[:2], record[:6], [*record, "--ignore-stale"], [*judge, "--recorded", self.record]):
            with self.subTest(options):
                self.assertEqual(self.run_main(*options)[0], 2)
        self.assertFalse(self.record.exists())


if __name__ == "__main__":
    unittest.main()
