# SPDX-License-Identifier: GPL-2.0
"""Runs the conformance suite in L1, on our driver and on the kernel tree's own (C), and compares them."""

import datetime
import os
import subprocess
import sys
import time

from . import build, l1, paths, records, steps, table
from .paths import BUILD, LOGS
from .records import BACKENDS, Missing
from .results import Count, of_ktap, of_kunit
from .steps import Failed

SILENCE_SECONDS = 700  # longer than the longest case
LIMIT_SECONDS = {"plain": 3600, "debug": 7200}
# The C driver may bring the machine down: the suite then continues after that case in another boot.
MORE_BOOTS = 30
# Cases that no row explains are run once more, if they are no more than this: what the C driver does by
# chance is no difference.
MOST_AGAIN = 5
FAILURES_SHOWN = 30
LINES_SHOWN = 4


def parse_kunit(log, data, kernel="plain", stdout=None):
    """Have the kernel's own parser make data of the results of KUnit."""
    data.unlink(missing_ok=True)
    program = paths.kernel(kernel).kernel_source / "tools/testing/kunit/kunit.py"
    command = [sys.executable, "-B", program, "parse", "--failed", f"--json={data}", log]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.STDOUT, check=False).returncode == 0


class Tally:
    """Counts what passed and what failed, and tells it as it comes."""

    def __init__(self):
        self.passed = self.failed = 0
        self.failures = []  # are told once more at the end
        self._start = time.monotonic()

    def count(self, name, count, lines):
        """Add to the totals; a suite that ran nothing failed.  The lines say more of what failed."""
        bad = len(count.failures)
        result = f"{name}: {count.passed} passed, {bad} failed"
        if not count.passed and not bad:
            result, bad = f"{name}: no test was run", 1
        self.passed += count.passed
        self.failed += bad
        print(f"      {result}")
        if bad:
            print("".join(f"          {line}\n" for line in lines), end="")
            self.failures += [result, *(f"    {line}" for line in lines)]

    def read(self, name, results):
        """Count results that were left as data."""
        try:
            count = results(None)
        except Missing as error:
            count = Count(0, [str(error)])
        self.count(name, count, count.failures[:FAILURES_SHOWN])

    def check(self, name, work, log=None):
        """Count what passes or fails as a whole; the end of its log says why it failed."""
        try:
            good = work() is not False
        except Failed as failure:
            print(f"error: {failure}", file=sys.stderr)
            good = False
        lines = steps.last_lines(log, LINES_SHOWN) if log and not good else []
        self.count(name, Count(int(good), [] if good else [name]), lines)

    def total(self):
        """Tell the totals; whether nothing failed."""
        print(f"\n{time.monotonic() - self._start:.0f} s")
        if self.failures:
            print("what failed:", *(f"    {line}" for line in self.failures), sep="\n")
        print(f"{self.passed} passed, {self.failed} failed")
        return not self.failed


class Machine:
    """The suite in one emulator, on one kernel; its results are in a shared folder."""

    def __init__(self, emulator, kernel, selection, short, tally):
        self.emulator, self.kernel, self.selection, self.short, self.tally = emulator, kernel, selection, short, tally
        name = "share-hercules" if emulator == "hercules" else "share" + paths.kernel(kernel).variant
        self.share = BUILD / name

    def boot(self, name, *arguments, share=None):
        """Run l1/conformance with these arguments; what the machine says is in a log."""
        command = [*(["env", "SHORT=1"] if self.short else []), "sh", "l1/conformance", *arguments]
        options = l1.options(
            name, share or self.share, LIMIT_SECONDS[self.kernel], command, self.kernel,
            emulator=self.emulator, silence=SILENCE_SECONDS,
        )  # fmt: skip
        steps.run(f"{name}-output", lambda: l1.boot.run(options))

    def check_boot(self, title, name, drivers):
        """Make the shared folder anew and boot for these drivers."""
        self.share = l1.share(self.share.name)
        self.tally.check(title, lambda: self.boot(name, drivers, self.selection), LOGS / f"{name}-output.log")

    def run(self, drivers):
        """Run the suite, and count what came of ours."""
        if self.emulator == "qemu":
            self.check_boot("L1 boot", "conformance", " ".join(drivers))
            notes = self.share / "memory"
            for line in notes.read_text(encoding="utf-8").splitlines() if notes.exists() else ():
                print(f"      {line}")
        else:
            # The console of Hercules has no room for results, which come at the end: each driver has a boot
            # of its own.
            self.check_boot("L1 boot in Hercules", "conformance-hercules", "rust")
        suffix = "-hercules" if self.emulator == "hercules" else ""
        data = LOGS / f"kunit{suffix}.json"
        with open(LOGS / f"kunit{suffix}.parsed", "wb") as parsed:
            parse_kunit(self.share / "kunit.log", data, self.kernel, parsed)
        self.tally.read(f"kunit{suffix}", of_kunit(data))
        for backend in BACKENDS:
            self.tally.read(f"rust-{backend}{suffix}", of_ktap(self.share / f"rust-{backend}.ktap"))
        if "c" in drivers:
            if self.emulator == "qemu":
                self.tally.check("C driver to the end", self.finish_c)
            else:
                self.tally.check("C driver to the end in Hercules", self.c_in_hercules)

    def finish_c(self):
        """Boot again until the suite has come to its end on the C driver."""
        last = None
        for boot in range(1, MORE_BOOTS + 2):
            died = self.share / "died"
            because = died.read_text(encoding="utf-8").strip() if died.exists() else ""
            results = [self.share / f"c-{backend}.ktap" for backend in BACKENDS]
            rest = records.rest(because or "no reason is known", results)
            if rest is None:
                return
            if rest == last:
                console = LOGS / f"conformance-c-{boot}.log"
                raise Failed("the suite comes no further on the C driver", f"the console: {console}")
            last = path, case = rest
            backend = path.stem.removeprefix("c-")
            print(f"      C driver: {because or 'stopped'}; booting again, after: {backend}{case and ': '}{case}")
            self.boot(f"conformance-c-{boot + 1}", "c", self.selection, backend, case)
        raise Failed(f"the suite does not come to its end on the C driver, with {MORE_BOOTS} boots more")

    def c_in_hercules(self):
        """Run the suite on the C driver; a second time if it has brought the machine down."""
        for name in ("conformance-hercules-c", "conformance-hercules-c-2"):
            share = l1.share(self.share.name + "-c")
            try:
                self.boot(name, "c", self.selection, share=share)
            except Failed as failure:
                print(f"      C driver: {failure}")
            l1.keep(share, self.share, "c-*.ktap")
            if (share / "c-iommufd.ktap").exists():
                return True
        return False

    def run_again(self, cases):
        """Run these cases on the C driver once more, each in a boot of its own."""
        for number, case in enumerate(cases, 1):
            print(f"      C driver, once more: {case}")
            share = l1.share(self.share.name + "-again")
            try:
                self.boot(f"conformance-again-{number}", "c", case, share=share)
            except Failed as failure:
                print(f"      {failure}")
            l1.keep(share, self.share / f"again/{number}", "c-*.ktap")

    def compare(self):
        """Compare both drivers, and show the table."""
        # If not all cases were run, a difference that none shows is not stale.
        options = {"changed_since": table.C_RECORD, "in_part": bool(self.selection) or self.short}
        report = table.judge(self.share, self.emulator, **options)
        unexplained = report.having("UNEXPLAINED")
        if report.errors and 0 < len(unexplained) <= MOST_AGAIN:
            self.run_again(unexplained)
            report = table.judge(self.share, self.emulator, **options)
        return report.show()

    def record_c(self, add):
        """Write what the C driver did into the repository."""
        release = paths.kernel(self.kernel).kernel_build / "include/config/kernel.release"
        kernel = release.read_text(encoding="utf-8").strip()
        records.record(self.share, table.C_RECORD, self.emulator, kernel, f"{datetime.date.today()}", add)


def run(emulator="qemu", debug=False, c=False, filter="", short=False, record="0"):
    """Run the suite (make conformance); whether all that counts has passed."""
    if short and emulator == "qemu":
        raise Failed("SHORT=1 goes with EMULATOR=hercules")
    if debug and emulator == "hercules":
        raise Failed("there is no debug kernel for Hercules: DEBUG=1 goes with EMULATOR=qemu")
    if record != "0" and (filter or short or debug):
        raise Failed(f"RECORD={record} goes without FILTER, SHORT and DEBUG: the record is of all cases")
    kernel = "debug" if debug else "plain"
    drivers = ["rust"] if debug and not c else ["rust", "c"]

    step = steps.Steps(len(build.FOR_L1) + 1)
    build.build(step, build.FOR_L1, kernel)
    step(f"L1 in {emulator}: KUnit and conformance, drivers: {' '.join(drivers)}")
    tally = Tally()
    machine = Machine(emulator, kernel, filter, short, tally)
    machine.run(drivers)
    print(f"      results: {os.path.relpath(machine.share)}/*.ktap, consoles: {os.path.relpath(LOGS)}/conformance*.log")
    if "c" in drivers:
        print()
        tally.check("comparison with the C driver", machine.compare)
    if record != "0":
        tally.check("record of the C driver", lambda: machine.record_c(record == "add"))
    return tally.total()
