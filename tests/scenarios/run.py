# SPDX-License-Identifier: GPL-2.0
"""Run scenarios: boot L1 with our module, and in it an unmodified QEMU with L2."""

import json
import threading
import time

from harness.boot import boot, report
from harness.steps import last_lines

from .demo import demo
from .lab import L1, Failed, Lab, Limit, check, wait_for
from .scenarios import ALL

DEMO = {"demo": (demo, 900)}
START_SECONDS = 400
END_SECONDS = 120
LINES_SHOWN = 15


class Cast:
    """A recording that asciinema plays: asciicast, version 2."""

    def __init__(self, path):
        header = {"version": 2, "width": 160, "height": 40, "idle_time_limit": 2, "title": path.stem}
        self._file = path.open("w", encoding="utf-8", buffering=1)
        self._start = time.monotonic()
        print(json.dumps(header), file=self._file)

    def add(self, text):
        print(json.dumps([round(time.monotonic() - self._start, 3), "o", text + "\r\n"]), file=self._file)


class Results:
    """Results of the scenarios, told as they come."""

    def __init__(self, cast):
        self.start = time.monotonic()
        self.passed, self.failed = [], []
        self._cast = cast and Cast(cast)

    def tell(self, text):
        before = f"{time.monotonic() - self.start:6.0f} s  "
        for line in text.splitlines():
            print(before + line, flush=True)
            if self._cast:
                self._cast.add(before + line)
            before = " " * len(before)


def serve(l1, backend, names, results):
    """Run the scenarios one after the other, then power L1 off."""
    try:
        wait_for("L1 comes up", lambda: l1.is_up or l1.failures, START_SECONDS)
        check(l1.is_up, "L1 does not come up")
        l1.run(". l1/devices.sh; load_driver rust")
        lab = Lab(l1, backend, results.tell)
        for number, name in enumerate(names):
            one(lab, name, f"[{number + 1}/{len(names)}] {name}", results)
            if l1.failures:
                break
        Limit.set(END_SECONDS)
        lab.drop_guest()
        lab.release_all()
        l1.run("rmmod vfio_ccw")
    except Failed as failure:
        results.tell(f"FAILED: {failure}")
        l1.fail(str(failure))
    l1.end()


def one(lab, name, title, results):
    function, seconds = (ALL | DEMO)[name]
    results.tell(f"{title}: {function.__doc__}")
    start = time.monotonic()
    Limit.set(seconds)
    try:
        function(lab)
    except Failed as failure:
        results.failed.append(name)
        results.tell(f"FAILED {name}: {failure}")
        for log in lab.logs()[-1:]:
            lines = [f"          the last lines of {log}:", *last_lines(log, LINES_SHOWN)]
            print("\n            ".join(lines), flush=True)
        Limit.set(END_SECONDS)
        lab.recover()
    else:
        results.passed.append(name)
        results.tell(f"ok {name}, {time.monotonic() - start:.0f} s")


def run(options, backend, names=(), cast=None, results_file=None):
    """Boot L1 and run scenarios, as a rule all; whether all is as promised and the consoles are clean.

    The results go to a file as JSON, names of what passed and failed; what is shown is recorded in a cast.
    """
    if results_file:
        results_file.unlink(missing_ok=True)
    results = Results(cast)
    l1 = L1(options, results.tell)
    threading.Thread(target=serve, args=(l1, backend, names or list(ALL), results), daemon=True).start()
    boot(l1)
    results.tell(f"{len(results.passed)} passed, {len(results.failed)} failed")
    if results_file:
        results_file.write_text(json.dumps({"passed": results.passed, "failed": results.failed}), encoding="utf-8")
    if l1.failures:
        report(l1.failures, options.log)
    return not l1.failures and not results.failed
