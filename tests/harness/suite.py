# SPDX-License-Identifier: GPL-2.0
"""Run the parts of `make test` or `make test-all`, side by side where there are processors.

A part is a process (parts.py has most).  It passes or fails by its exit status, and has results as
data where it runs many tests: KTAP, or JSON.  The output of each part is in build/logs.  While
they run there is a line for each part that ends, and the last line tells how many tests passed.
"""

import concurrent.futures
import os
import signal
import subprocess
import sys
import time

from .paths import BUILD, LOGS, TOP
from .records import BACKENDS, Missing
from .results import Count, as_a_whole, of_json, of_ktap, of_kunit, of_libtest
from .steps import Failed, last_lines

SIGN_OF_LIFE = 30
HARNESS = [sys.executable, "-B", "-m", "harness"]
LINES_SHOWN = 12


class Part:
    """One part: its command, and the parts that it needs.  One at a time builds in the cache."""

    def __init__(self, name, command, *, needs=(), results=as_a_whole, builds=False):
        self.name, self.command, self.needs = name, command, needs
        self.results, self.builds = results, builds
        self.log = LOGS / f"part-{name}.log"
        self.process = self.begun = self.seconds = None
        self.is_killed = False
        self.count = None  # once it has ended
        self.error = None  # why it failed as a whole

    def is_good(self):
        return self.count is not None and not self.count.failures and not self.error

    def run(self):
        """Run it to its end, and count."""
        self.begun = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
            if self.is_killed:
                self.kill()
            status = self.process.wait()
        self.seconds = time.monotonic() - self.begun
        try:
            count = self.results(self.log)
        except Missing as error:
            self.error, count = str(error), Count(0, [])
        if self.results is as_a_whole and status:
            count = Count(0, [])
        if status and not count.failures:
            self.error = self.error or f"exit status {status}"
        elif not self.error and not count.passed and not count.failures:
            self.error = "no test was run"
        self.count = count

    def fail(self, why):
        """Count it as failed without its results."""
        self.count, self.error, self.seconds = Count(0, []), why, 0

    def kill(self):
        """End it, also if its process has not begun yet."""
        self.is_killed = True
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def failed(self):
        """Count the tests that failed; a failure of the whole is one."""
        return len(self.count.failures) or (1 if self.error else 0)


def script(*words):
    return [*HARNESS, "part", *words]


def parts(everything=False):
    """The parts of `make test`, or of `make test-all`, in the order in which they are begun if
    nothing hinders."""
    misuse = [sys.executable, "-B", str(TOP / "tests/misuse/misuse.py"), str(BUILD / "misuse.json")]
    unittests = [sys.executable, "-B", "-m", "harness.unittests", str(BUILD / "harness.json")]
    # First what others wait for, then what takes long.
    tests = [
        Part("kernel", script("kernel"), builds=True),
        Part("tools", script("tools"), builds=True),
        Part("module", script("module"), needs=("kernel",), builds=True),
        Part("image", script("image"), needs=("module", "tools"), builds=True),
        Part("conformance", script("conformance", "qemu", "container"), needs=("image",),
             results=of_ktap(BUILD / "results-qemu/rust-container.ktap")),
        Part("kernel-l2", script("kernel-l2"), builds=True),
        Part("l1-debian", script("l1-debian"), builds=True),
        Part("images", script("images"), needs=("image", "l1-debian", "kernel-l2"), builds=True),
        Part("scenarios", script("scenarios", "container"), needs=("images",),
             results=of_json(BUILD / "scenarios-container.json")),
        Part("hercules", script("conformance", "hercules"), needs=("image",),
             results=of_ktap(*(BUILD / f"results-hercules/rust-{backend}.ktap" for backend in BACKENDS))),
        Part("conformance-iommufd", script("conformance", "qemu", "iommufd"), needs=("image",),
             results=of_ktap(BUILD / "results-qemu/rust-iommufd.ktap")),
        Part("cargo-test", script("cargo-test"), results=of_libtest),
        Part("hercules-devices", script("hercules-devices"), needs=("image",)),
        Part("linux-disk", script("linux-disk"), needs=("image",)),
        Part("shutdown", script("shutdown"), needs=("image",)),
        Part("clippy", script("clippy")),
        Part("doc", script("doc")),
        Part("misuse", misuse, needs=("module",), results=of_json(BUILD / "misuse.json")),
        Part("doctor", script("doctor"), needs=("kernel",)),
        Part("install", script("install"), needs=("kernel",)),
        Part("domain-xml", script("domain-xml")),
        Part("harness", unittests, results=of_json(BUILD / "harness.json")),
        Part("rustfmt", script("rustfmt")),
        *(Part(name, script(name)) for name in ("shell-scripts", "python-sources", "spelling", "links")),
        Part("kunit", script("kunit", "qemu"), needs=("conformance",),
             results=of_kunit(BUILD / "results-qemu/kunit.json")),
        Part("kunit-hercules", script("kunit", "hercules"), needs=("hercules",),
             results=of_kunit(BUILD / "results-hercules/kunit.json")),
        Part("differences", script("differences", "qemu"), needs=("conformance", "conformance-iommufd")),
        Part("differences-hercules", script("differences", "hercules"), needs=("hercules",)),
    ]  # fmt: skip
    return tests + long_parts() if everything else tests


def long_parts():
    """Further parts of `make test-all`.  Each builds what it needs by itself, or finds it built."""

    def whole(name, *words):
        return Part(name, [*HARNESS, *(words or [name])], needs=("images",))

    storms = [
        Part(f"storms-{backend}", script("storms", backend), needs=("image",),
             results=of_ktap(BUILD / f"results-storms/rust-{backend}.ktap"))
        for backend in BACKENDS
    ]  # fmt: skip
    dasd = [
        Part(f"linux-on-dasd-{backend}", script("linux-on-dasd", backend), needs=("kernel-l2", "tools"))
        for backend in BACKENDS
    ]
    packaging = [
        Part(name, ["scripts/packaging-root", "scripts/harness", "part", name], needs=("kernel",), builds=True)
        for name in ("packages", "headers-package", "in-tree")
    ]
    return packaging + storms + dasd + [
        whole("conformance-both", "conformance"),
        whole("conformance-both-hercules", "conformance", "--emulator", "hercules"),
        whole("conformance-debug", "conformance", "--debug", "1"),
        Part("attentions", script("attentions"), needs=("image",),
             results=of_ktap(BUILD / "results-attentions/rust-container.ktap")),
        whole("many-devices", "part", "many-devices"),
        whole("kexec", "part", "kexec"),
        whole("torture", "torture", "--processors", "4", "--seconds", "60"),
        whole("torture-kasan", "torture", "--kasan", "1", "--processors", "2", "--seconds", "60"),
        whole("fuzz-device", "fuzz-device", "--seconds", "60"),
        whole("scenarios-all", "scenario"),
        whole("demo"),
        whole("demo-qemu"),
        whole("demo-hercules"),
        whole("bench"),
        Part("mutations", [*HARNESS, "mutations", "--sample"]),
    ]  # fmt: skip


class Suite:
    """The parts of one run."""

    def __init__(self, parts, processors, tell=print):
        self.parts, self.processors, self.tell = parts, processors, tell
        self.running, self.ended = {}, []  # futures, each with its part; parts
        self.start = time.monotonic()

    def has_room(self, part):
        """Return whether a part can run beside those that run."""
        builds = part.builds and any(other.builds for other in self.running.values())
        return len(self.running) < self.processors and not builds

    def missing(self, part):
        """Names of parts that this one needs and that are not good (None: not ended yet)."""
        needed = [other for other in self.parts if other.name in part.needs]
        if any(other.count is None for other in needed):
            return None
        return [other.name for other in needed if not other.is_good()]

    def run(self):
        """Run all; returns when all have ended."""
        waiting, shown = list(self.parts), self.start
        with concurrent.futures.ThreadPoolExecutor(self.processors) as pool:
            try:
                while waiting or self.running:
                    for part in list(waiting):
                        missing = self.missing(part)
                        if missing:
                            part.fail(f"not run: {missing[0]} has failed")
                            self.end(part)
                        elif missing is not None and self.has_room(part):
                            self.running[pool.submit(part.run)] = part
                        else:
                            continue
                        waiting.remove(part)
                    ended, _ = concurrent.futures.wait(self.running, 1, concurrent.futures.FIRST_COMPLETED)
                    for future in ended:
                        part = self.running.pop(future)
                        if error := future.exception():  # A fault of this program must not look like a pass.
                            part.fail(repr(error))
                        self.end(part)
                    if time.monotonic() - shown > SIGN_OF_LIFE:
                        shown = time.monotonic()
                        times = (
                            f"{part.name}: {shown - part.begun:.0f} s" for part in self.running.values() if part.begun
                        )
                        self.tell("         " + "; ".join(times))
            except BaseException:
                for part in self.running.values():
                    part.kill()
                raise

    def end(self, part):
        """Tell what came of a part."""
        self.ended.append(part)
        now = time.monotonic() - self.start
        result = f"{part.count.passed} passed" + (f", {part.failed()} FAILED" if part.failed() else "")
        place = f"[{len(self.ended):2}/{len(self.parts)}]"
        self.tell(f"{place} {part.name:24}{result:26}{part.seconds:5.0f} s   (at {now:.0f} s)")
        if part.error:
            self.tell(f"        {part.error}")
        for failure in part.count.failures[:LINES_SHOWN]:
            self.tell(f"        {failure}")
        if part.failed() and part.seconds:
            if part.error:
                for line in last_lines(part.log, LINES_SHOWN):
                    self.tell(f"        | {line}")
            self.tell(f"        the whole log: {part.log.relative_to(TOP)}")

    def summary(self):
        """Tell the slowest parts and the sum; returns whether all passed."""
        slowest = sorted(self.parts, key=lambda part: -part.seconds)[:5]
        passed = sum(part.count.passed for part in self.parts)
        failed = sum(part.failed() for part in self.parts)
        self.tell("")
        self.tell("slowest: " + ", ".join(f"{part.name} {part.seconds:.0f} s" for part in slowest))
        for part in self.parts:
            if part.failed():
                self.tell(f"failed: {part.name}: {part.error or ''}")
                for failure in part.count.failures[:LINES_SHOWN]:
                    self.tell(f"    {failure}")
        self.tell(f"{time.monotonic() - self.start:.0f} s on {self.processors} processors")
        self.tell(f"{passed} passed, {failed} failed")
        return failed == 0


def run(names, everything):
    """Run these parts, as a rule all; whether all passed."""
    suite = Suite(wanted(parts(everything), names), int(os.environ.get("JOBS") or os.cpu_count()))
    suite.run()
    return suite.summary()


def wanted(all_parts, names):
    """The named parts with all that they need; all if none is named."""
    known = {part.name: part for part in all_parts}
    if unknown := [name for name in names if name not in known]:
        raise Failed(f"there is no part {unknown[0]!r}", f"there are: {' '.join(known)}")
    chosen = set(names or known)
    while more := {need for name in chosen for need in known[name].needs} - chosen:
        chosen |= more
    return [part for part in all_parts if part.name in chosen]
