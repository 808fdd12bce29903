# SPDX-License-Identifier: GPL-2.0
"""Boot L1 under QEMU or Hercules, run a command in it, and judge the run.

The command runs in L1 in the shared folder.  A program there can ask for the
host's help through files (host.py), or with a line on the console, after which
what the host says comes in the place where it belongs:

    @host send FILE            type FILE (of the shared folder) on the 3270
    @host expect FILE CMD      the next record that the 3270 shows has FILE's
                               bytes, after the command byte CMD (hex)
    @host ask NUMBER REQUEST   a request as in host.py, from L1 in Hercules
    @host heard NUMBER         its answer has come
    @host say TEXT             show that

A run is good if the command succeeded, all that was expected came and the
console is clean.  If L1 has asked to tolerate trouble and does not come back from
that, the run is good all the same, and the file `died` in the shared folder says
what the machine died of.
"""

import dataclasses
import hashlib
import pathlib
import re
import shlex
import sys
import tempfile
import threading
import time

from . import data
from .console import KERNEL_LINE, KUNIT_FAILURE, trouble
from .hercules import Hercules
from .qemu import Qemu
from .steps import last_lines

EMULATORS = {"qemu": Qemu, "hercules": Hercules}

HOST_LINE = re.compile(r"@host (.*)")
RECORD_SECONDS = 10
MOST_FAILURES = 10
LINES_SHOWN = 25


@dataclasses.dataclass
class Options:
    """The machine to boot, and the command for it."""

    kernel: pathlib.Path
    initrd: pathlib.Path
    share: pathlib.Path  # the folder that L1 mounts at /share
    log: pathlib.Path  # where the console goes
    seconds: float  # the time limit
    command: list  # what runs in L1
    emulator: str = "qemu"
    silence: float | None = None  # the time limit between two lines of the console
    seed: int | None = None  # of the random data; without it by chance
    # Of QEMU: processors, further parameters of the kernel, virtio-rng beyond the usual ones, whether
    # the clock goes by one nanosecond an instruction, a plugin and its arguments.
    cpus: int = 2
    parameters: str = ""
    rngs: int = 0
    icount: bool = False
    plugin: str | None = None
    # Of Hercules: disks for a guest, the cylinders by device number.
    disks: dict = dataclasses.field(default_factory=dict)


class Run:
    """One boot: the console as it comes, and what was wrong with it."""

    def __init__(self, options):
        self.options = options
        self.share = options.share
        self.failures = []
        self.started = False
        self.host = None
        self.heard = time.monotonic()
        self.tolerant = False
        self.tolerated = []  # since a program has last printed something

    def fail(self, text):
        if self.tolerant:
            self.tolerated.append(text)
            print(f"tolerated: {text}", flush=True)
        else:
            self.failures.append(text)

    def line(self, line):
        """Take one line of the console."""
        self.heard = time.monotonic()
        if not KERNEL_LINE.match(line):
            self.tolerated.clear()
        if what := trouble(line):
            self.fail(f"{what}: {line}")
        if KUNIT_FAILURE.match(line):
            self.fail(f"KUnit failure: {line}")
        if request := HOST_LINE.match(line):
            try:
                self.asked(request[1].split())
            except (OSError, KeyError, ValueError) as error:
                self.fail(f"{line}: {error}")
        elif self.started and not KERNEL_LINE.match(line):
            print(line, flush=True)

    def asked(self, words):
        match words:
            case ["start"]:
                self.started = True
            case ["end"]:
                pass  # The emulator's.
            case ["send", name]:
                content = (self.share / name).read_bytes()
                self.host.terminal.send(content)
                print(f"L0: sent {name}, {len(content)} bytes", flush=True)
            case ["expect", name, command]:
                self.expect(name, int(command, 16))
            case ["ask", number, *request]:
                self.host.ask(number, " ".join(request))
            case ["heard", number]:
                self.host.heard(number)
            case ["say", *text]:
                print(*text, flush=True)
            case _:
                self.fail(f"L1 asks for something unknown: {' '.join(words)}")

    def expect(self, name, command):
        record = self.host.terminal.receive(RECORD_SECONDS)
        error = difference(record, (self.share / name).read_bytes(), command)
        if error:
            self.fail(f"the 3270 does not show {name}: {error}")
            print(f"L0: not the same as {name}: {error}", flush=True)
        else:
            digest = hashlib.sha256(record[1:]).hexdigest()[:16]
            print(f"L0: {len(record) - 1} bytes received, same as {name} (sha256 {digest}...)", flush=True)


def difference(record, expected, command):
    """Say how a record differs from the expected data, or return None."""
    if record is None:
        return "no record came"
    if record[:1] != bytes((command,)):
        return f"command byte {record[:1].hex()} in place of {command:02x}"
    got = record[1:]
    for offset, (a, b) in enumerate(zip(got, expected)):
        if a != b:
            return f"byte {offset} is {a:02x} in place of {b:02x}"
    if len(got) != len(expected):
        return f"{len(got)} bytes in place of {len(expected)}"
    return None


def watch(machine, run, ended):
    """Kill the machine when its time is over, or when it is silent for too long."""
    options, start = run.options, time.monotonic()
    while not ended.wait(0.2):
        now = time.monotonic()
        if now - start > options.seconds:
            run.fail(f"no power-off within {options.seconds} s")
        elif options.silence and now - run.heard > options.silence:
            run.fail(f"nothing on the console for {options.silence} s")
        else:
            continue
        machine.kill()
        return


def boot(run):
    """Boot, feed the console to `run` line by line until power-off."""
    options, ended = run.options, threading.Event()
    (options.share / "job.sh").write_text(shlex.join(options.command) + "\n", encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, open(options.log, "w", encoding="utf-8") as log:
        emulator = EMULATORS[options.emulator](options, run, folder)
        watchdog = threading.Thread(target=watch, args=(emulator.process, run, ended), daemon=True)
        watchdog.start()
        try:
            emulator.attend(ended)
            for line in emulator.lines():
                log.write(line + "\n")
                log.flush()
                run.line(line)
            emulator.finish()
        finally:
            ended.set()
            emulator.process.kill()
            emulator.process.wait()
            watchdog.join()
            emulator.close()


def report(failures, log):
    """Print the end of the console, and then, where it is not overlooked, what was wrong."""
    print("\nthe end of the console:\n", file=sys.stderr)
    print(*(f"    {line}" for line in last_lines(log, LINES_SHOWN)), sep="\n", file=sys.stderr)
    print(f"\nthe whole console: {log}\n", file=sys.stderr)
    more = [f"and {len(failures) - MOST_FAILURES} more"] if len(failures) > MOST_FAILURES else []
    print(f"error: {failures[0]}", *failures[1:MOST_FAILURES], *more, sep="\n       ", file=sys.stderr)


def run(options, kind=Run):
    """Boot L1 and run the command in it; whether all was as it should be."""
    if options.emulator == "qemu":
        data.make(options.share, options.seed)
    status_file, died_file = options.share / "status", options.share / "died"
    status_file.unlink(missing_ok=True)
    died_file.unlink(missing_ok=True)

    this = kind(options)
    boot(this)
    if this.tolerant:
        this.fail("it has not come back from what is tolerated")
        died_file.write_text(this.tolerated[0] + "\n", encoding="utf-8")
    elif not this.failures:
        command = shlex.join(options.command)
        if not status_file.exists():
            this.fail(f"L1 was powered off before `{command}` had come to its end")
        elif (status := status_file.read_text().strip()) != "0":
            this.fail(f"exit status of `{command}` in L1: {status}")
    if this.failures:
        report(this.failures, options.log)
    return not this.failures
