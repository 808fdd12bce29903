# SPDX-License-Identifier: GPL-2.0
"""The table of the conformance suite: what is not explained must not pass."""

import contextlib
import io

from . import differences, records, table
from .in_folder import InFolder
from .records import Missing

QUEUE = """\
[[difference]]
name = "queue"
group = "Status"
what = "a"
c = "b"
ours = "c"
cases = ["status: *"]
"""
FILES = QUEUE.replace("queue", "files").replace('cases = ["status: *"]', 'tests = "`ccwchain/tests/{a,b}.rs`"')
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


def both(one, two):
    """Results of the two cases that there are in most tests."""
    return ktap(("status: one", one), ("region: two", two))


GOOD = both(None, None)
C = both("no signal\nmore", None)
C_BAD = both("no signal", "bad")
BAD = both(None, "bad")
SKIPS = both(None, "SKIP x")
ONE, TWO = ktap(("status: one", None)), ktap(("region: two", None))
CASES = "status: one\nregion: two\nother: machine\n"


class Ktap(InFolder):
    def test_results_have_their_first_reason(self):
        results = records.parse(ktap(("a: b", None), ("c: d", "one\ntwo"), ("e: f", "SKIP why")))
        self.assertEqual(results, {"a: b": ("ok", ""), "c: d": ("fails", "one"), "e: f": ("skipped", "why")})

    def test_a_reason_belongs_to_its_own_case(self):
        text = ktap(("a: b", "why"), ("c: d", None)) + "# stopped: boot again\n"
        self.assertEqual(records.parse(text)["c: d"], ("ok", ""))

    def test_what_is_missing_is_seen(self):
        for text, what in (
            ("", "no plan"),
            ("1..1\n", "1 of 1"),
            (GOOD.replace("1..2", "1..3") + "# stopped: boot again\n", "number 3"),
            (GOOD.replace("ok 1 status: one\n", ""), "number 1"),
            (GOOD.replace("1..2\n", ""), "no plan"),
            (GOOD + "# running: more: x\n", "no result of 'more: x'"),
        ):
            with self.subTest(what), self.assertRaisesRegex(Missing, what):
                records.parse(text)

    def test_a_case_may_have_any_characters(self):
        name = "fault: 0x1 (2) # 3 `4`"
        self.assertEqual(records.parse(ktap((name, None)))[name].status, "ok")

    def test_what_is_left_to_do_is_named_and_a_case_without_result_gets_one(self):
        head, more = "1..2\n# running: a: b\nok 1 a: b\n", "# running: c: d\n"
        died = "# the machine died: oops\nnot ok"
        for texts, left, last in (
            ((GOOD, GOOD), None, GOOD),
            ((GOOD, None), (1, ""), None),
            ((GOOD, "1..2\n"), (1, ""), "1..2\n"),
            ((head + "# stopped\n", None), (0, "a: b"), None),
            ((head + more,), None, f"{head}{more}{died} 2 c: d\n"),
            (("1..2\n# running: a: b",), (0, "a: b"), f"1..2\n# running: a: b\n{died} 1 a: b\n"),
        ):
            with self.subTest(texts):
                super().setUp()
                paths = [self.folder / str(number) for number in range(len(texts))]
                for path, text in zip(paths, texts):
                    if text is not None:
                        path.write_text(text)
                self.assertEqual(records.rest("oops", paths), left and (paths[left[0]], left[1]))
                self.assertEqual(paths[-1].read_text() if paths[-1].exists() else None, last)


class Case(InFolder):
    """Tests with the results of a run in a folder."""

    def setUp(self):
        super().setUp()
        self.record = self.folder / "c-driver.json"
        (self.folder / "cases").write_text(CASES)

    def write_run(self, driver, container, iommufd=None):
        (self.folder / f"{driver}-container.ktap").write_text(container)
        (self.folder / f"{driver}-iommufd.ktap").write_text(iommufd or container)

    def write_again(self, text):
        folder = self.folder / "again/1"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "c-container.ktap").write_text(text)

    def judge(self, machine="qemu", differences_=DIFFERENCES, **options):
        """What is wrong, and what is shown."""
        known = differences.parse(differences_)
        report = table.judge(self.folder, machine, known_differences=known, **options)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(report.show(), not report.errors)
        return "\n".join(report.errors), out.getvalue()


class Verdicts(Case):
    def run_table(self, rust=GOOD, c=C, *, c_iommufd=None, rust_iommufd=None, again="", **options):
        self.write_run("rust", rust, rust_iommufd)
        self.write_run("c", c, c_iommufd)
        self.write_again(again)
        return self.judge(**options)

    def test_explained_differences_pass(self):
        errors, out = self.run_table()
        self.assertEqual(errors, "")
        self.assertRegex(out, r"status: one +fails no signal +ok +queue\n")
        self.assertRegex(out, r"region: two +ok +ok +same\n")
        self.assertIn("2 cases: 1 same, 1 different, 0 unexplained, 0 failed\n     1 queue\n", out)

    def test_what_passes(self):
        by_chance = {"c": both("no signal", "by chance"), "c_iommufd": C}
        skipped = {"c_iommufd": TWO, "rust_iommufd": TWO, "c": C}
        qemu_only = QUEUE + 'machine = "hercules"\n'
        for why, run in (
            ("it came otherwise once more", by_chance | {"again": TWO}),
            ("that had a case more", by_chance | {"again": ktap(("region: two", None), ("x: y", None))}),
            ("a case without a back end is run once", skipped),
            ("the difference is of the other machine's cases", {"differences_": DIFFERENCES + OTHER_MACHINE}),
            ("the difference is of the other machine", {"differences_": qemu_only, "c": GOOD}),
            ("the difference is of this machine", {"differences_": qemu_only, "machine": "hercules"}),
            ("stale differences are ignored", {"c": GOOD, "in_part": True}),
        ):
            with self.subTest(why):
                self.assertEqual(self.run_table(**run)[0], "")

    def test_what_fails(self):
        by_chance = {"c": both("no signal", "by chance"), "c_iommufd": C}
        no_case = DIFFERENCES.replace('"status: *"', '"status: *", "nothing: x"')
        of_hercules = QUEUE + 'machine = "hercules"\n'
        two_cases = of_hercules.replace('"status: *"', '"status: *", "other: *"')
        for what, run in (
            ("explains: region: two", by_chance),
            ("explains: region: two", by_chance | {"again": ktap(("region: two", "again"))}),
            # The machine died in the second run.
            ("explains: region: two", by_chance | {"again": "1..1\n# running: region: two\n"}),
            ("explains: region: two", {"c": C_BAD}),
            ("explains: region: two", {"c": C_BAD, "in_part": True}),
            ("explains: region: two", {"c_iommufd": C_BAD}),
            ("explains: region: two", {"rust": SKIPS}),
            ("explains: status: one", {"differences_": of_hercules}),
            ("ours fails: region: two", {"rust": BAD}),
            ("ours fails: region: two", {"rust": BAD, "in_part": True}),
            ("ours fails: status: one", {"rust": both("bad", None)}),
            ("'queue' is stale", {"c": GOOD}),
            # Although another case that it names was not run there.
            ("'queue' is stale", {"c": GOOD, "differences_": two_cases, "machine": "hercules"}),
            ("'nothing: x', which matches no case", {"differences_": no_case}),
            ("'nothing: x', which matches no case", {"differences_": no_case, "in_part": True}),
        ):
            with self.subTest(what, **run):
                self.assertIn(what, self.run_table(**run)[0])

    def test_missing_results_are_no_verdict(self):
        one = ktap(("status: one", "x"))
        for what, run in (
            ("rust-container.ktap: there is no plan", {"rust": ""}),
            ("different cases", {"c": one}),
            ("different cases", {"c_iommufd": TWO}),
            ("different cases", {"rust": TWO, "c": TWO, "c_iommufd": one, "rust_iommufd": one}),
        ):
            with self.subTest(what), self.assertRaisesRegex(Missing, what):
                self.run_table(**run)
        (self.folder / "c-iommufd.ktap").unlink()
        with self.assertRaisesRegex(Missing, "c-iommufd.ktap"):
            self.judge()

    def test_back_ends_that_disagree_have_a_line_each(self):
        _, out = self.run_table(c_iommufd=GOOD)
        self.assertRegex(out, r"status: one \[container\] +fails no signal +ok +queue\n")
        self.assertRegex(out, r"status: one \[iommufd\] +ok +ok +same\n")

    def test_long_reasons_are_cut(self):
        _, out = self.run_table(c=C.replace("no signal", "no signal " * 20))
        self.assertIn("...", out)
        self.assertLess(max(map(len, out.splitlines())), 120)


class Records(Case):
    """What the C driver did, as a file."""

    def setUp(self):
        super().setUp()
        self.write_run("rust", GOOD)

    def record_run(self, c=C, c_iommufd=None, machine="qemu", kernel="7.3.4", add=False):
        """Record a run of the C driver, whose results are gone then."""
        self.write_run("c", c, c_iommufd)
        records.record(self.folder, self.record, machine, kernel, "2026-11-26", add)
        for file in self.folder.glob("**/c-*.ktap"):
            file.unlink()

    def known(self, machine="qemu"):
        return records.read_records(self.record)[machine]

    def judge_ours(self, rust=GOOD, rust_iommufd=None, **options):
        self.write_run("rust", rust, rust_iommufd)
        return self.judge(recorded=self.record, **options)

    def test_what_is_recorded_can_be_read(self):
        c = ktap(("status: one", "no: signal"), ('region: "two"', "SKIP why"), ("x: \u00fc", None), ("y: z", ""))
        self.write_run("c", c, TWO)
        known = records.read_c(self.folder)
        self.record_run(c, TWO)
        self.assertEqual(records.read_records(self.record), {"qemu": ("7.3.4", "2026-11-26", known)})
        self.assertEqual(list(known["container"]), list(self.known().results["container"]))

    def test_each_case_has_a_line(self):
        self.record_run(c_iommufd=TWO)
        lines = self.record.read_text().splitlines()
        self.assertIn('      "status: one": {"container": ["fails: no signal"]},', lines)
        self.assertIn('      "region: two": {"container": ["ok"], "iommufd": ["ok"]}', lines)

    def test_the_other_machine_stays(self):
        self.record_run(ONE, machine="hercules", kernel="7.2")
        before = self.known("hercules")
        self.record_run()
        self.record_run(C_BAD, kernel="7.4")
        self.assertEqual(list(records.read_records(self.record)), ["qemu", "hercules"])
        self.assertEqual((self.known("hercules"), self.known().kernel), (before, "7.4"))

    def test_what_does_not_fit_is_not_recorded(self):
        self.record_run()
        before = self.record.read_text()
        with self.assertRaisesRegex(Missing, "c-container.ktap: 1 of 3 results are missing"):
            self.record_run(C.replace("1..2", "1..3"))
        with self.assertRaisesRegex(Missing, "is of kernel 7.3.4"):
            self.record_run(add=True, kernel="7.4")
        self.assertEqual(self.record.read_text(), before)

    def test_a_record_is_replaced_or_added_to(self):
        self.record_run(ktap(("status: one", "why"), ("gone: x", None)))
        for add, one in ((True, ["fails", "ok"]), (True, ["fails", "ok"]), (False, ["ok"]), (False, ["ok"])):
            self.record_run(GOOD, add=add)
            results = self.known().results["container"]
            statuses = {case: [result.status for result in known] for case, known in results.items()}
            self.assertEqual(statuses, {"status: one": one, "region: two": ["ok"]})

    def test_what_came_once_more_is_recorded_too(self):
        self.write_again(ONE)
        self.record_run()
        self.assertEqual(self.known().results["container"]["status: one"], [("fails", "no signal"), ("ok", "")])

    def test_ours_is_judged_by_the_record(self):
        by_chance, why = {"c": both("why", "by chance")}, {"c": both("why", "why")}
        hercules = {"machine": "hercules"}
        two = "error: .*explains: region: two"
        unknown = "error: no result of the C driver is recorded: region: two: run `RECORD=1 make conformance`"
        for runs, ours, shown in (
            ([{}], {}, r"status: one +fails no signal +ok +queue\nregion: two +ok +ok +same\n"),
            ([{}], {"differences_": ""}, "error: .*explains: status: one"),
            ([{}], {"rust": BAD}, "error: ours fails: region: two"),
            # Each machine has its own results.
            ([{}, hercules | {"c": GOOD}], {}, "status: one +fails"),
            ([{}, hercules | {"c": GOOD}], hercules, "error: .*'queue' is stale"),
            # What ours has not run is not judged.
            ([{"c": both(None, "why")}], {"rust": ONE, "in_part": True}, r"\nstatus: one +ok.*\n\n1 cases: 1 same"),
            # Ours may have run through one back end, and what has no part in one is known through the first.
            ([{"c_iommufd": C_BAD}], {}, two),
            ([{"c_iommufd": C_BAD}], {"rust_iommufd": ONE}, "region: two +ok"),
            ([{"c_iommufd": ONE}], {}, "region: two +ok"),
            ([{"c": C_BAD, "c_iommufd": ONE}], {}, two),
            ([{"c": ktap(("status: one", "why"))}], {}, unknown),
            ([{"c": ktap(("status: one", "why"))}], {"in_part": True}, unknown),
            # One of several known results is enough, but they may all differ.
            ([by_chance], {}, two),
            ([by_chance, {"add": True}], {}, r"region: two +fails by chance or ok +ok +same\n"),
            ([why, {"c": both("why", "SKIP why"), "add": True}], {}, two),
            # A difference explains what differs by chance.
            ([{}, {"c": GOOD, "add": True}], {}, r"status: one +fails no signal or ok +ok +queue\n"),
        ):
            with self.subTest(runs=runs, ours=ours):
                self.record.unlink(missing_ok=True)
                for run in runs:
                    self.record_run(**run)
                _, out = self.judge_ours(**ours)
                self.assertRegex(out, shown)
                self.assertEqual("error: " in out, shown.startswith("error: "))

    def test_without_a_record_it_is_said_how_to_make_one(self):
        with self.assertRaisesRegex(Missing, "C driver in qemu: run `RECORD=1 make conformance`"):
            self.judge_ours()
        self.record_run()
        with self.assertRaisesRegex(Missing, "run `RECORD=1 make conformance EMULATOR=hercules`"):
            self.judge_ours(machine="hercules")
        with self.assertRaisesRegex(Missing, "rust-container.ktap: 1 of 3 results are missing"):
            self.judge_ours(GOOD.replace("1..2", "1..3"))
        for text in ("{", "[]", '{"qemu": {}}', '{"qemu": {"kernel": "", "date": "", "cases": []}}'):
            self.record.write_text(text)
            with self.subTest(text), self.assertRaisesRegex(Missing, "c-driver.json: "):
                self.judge_ours()

    def changes(self, c=C, c_iommufd=None, in_part=False):
        """What is said of a run of the C driver that is not as recorded."""
        self.write_run("rust", c.replace("not ok", "ok"), c_iommufd and c_iommufd.replace("not ok", "ok"))
        self.write_run("c", c, c_iommufd)
        errors, out = self.judge(changed_since=self.record, in_part=in_part)
        self.assertEqual(errors, "")
        said = "the C driver otherwise than recorded (kernel 7.3.4, 2026-11-26): "
        return [line.removeprefix(said) for line in out.splitlines() if line.startswith(said)]

    def test_changes_of_the_c_driver_are_told(self):
        self.assertEqual(self.changes(), [])  # without a record there are none
        self.record_run()
        self.assertEqual(self.changes(C.replace("no signal", "another reason")), [])
        changes = self.changes(both("no signal", "SKIP x"), C, in_part=True)
        self.assertEqual(changes, ["region: two [container]: was ok, is skipped x"])
        more = ktap(("status: one", "no signal"), ("other: machine", None))
        new = [f"other: machine [{backend}]: was not known, is ok" for backend in records.BACKENDS]
        gone = [f"region: two [{backend}]: is no more" for backend in records.BACKENDS]
        self.assertEqual(sorted(self.changes(more)), new + gone)
        self.assertEqual(self.changes(more, in_part=True), new)
