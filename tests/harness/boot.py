# SPDX-License-Identifier: GPL-2.0
"""Boot L1 under QEMU or Hercules, run a command in it, and judge the run.

The command runs in L1 in the shared folder.  A program there can ask for the
host's help through files (host.py), or with a line on the console, after which
what the host says comes in the place where it belongs:

    @host send FILE            type FILE (of the shared folder) on the 3270
    @host expect FILE [CMD]    the next record that the 3270 shows has FILE's
                               bytes, after the command byte CMD (hex)
    @host ask NUMBER REQUEST   a request as in host.py, from L1 in Hercules
    @host heard NUMBER         its answer has come
    @host say TEXT             show that

Exit status: 0 if the command succeeded, all that was expected came and the
console is clean; 1 otherwise.  If L1 has asked to tolerate trouble and does not
come back from that, the exit status is 0 all the same, and the file `died` in the
shared folder says what the machine died of.
"""

import argparse
import hashlib
import pathlib
import re
import shlex
import sys
import tempfile
import threading
import time

from console import KERNEL_LINE, KUNIT_FAILURE, trouble
from hercules import Hercules
from qemu import Qemu
import data

EMULATORS = {"qemu": Qemu, "hercules": Hercules}

HOST_LINE = re.compile(r"@host (.*)")
RECORD_SECONDS = 10
MOST_FAILURES = 10


class Run:
    """One boot: the console as it comes, and what was wrong with it."""

    def __init__(self, args):
        self.args = args
        self.share = args.share
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
            case ["expect", name]:
                self.expect(name, None)
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
    if command is not None and record[:1] != bytes((command,)):
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
    args, start = run.args, time.monotonic()
    while not ended.wait(0.2):
        now = time.monotonic()
        if now - start > args.seconds:
            run.fail(f"no power-off within {args.seconds} s")
        elif args.silence and now - run.heard > args.silence:
            run.fail(f"nothing on the console for {args.silence} s")
        else:
            continue
        machine.kill()
        return


def boot(args, run):
    """Boot, feed the console to `run` line by line until power-off."""
    ended = threading.Event()
    with tempfile.TemporaryDirectory() as folder, open(args.log, "w", encoding="utf-8") as log:
        emulator = EMULATORS[args.emulator](args, run, folder)
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
    with open(log, encoding="utf-8") as console:
        sys.stderr.writelines(f"    {line}" for line in console.readlines()[-25:])
    print(f"\nthe whole console: {log}\n", file=sys.stderr)
    print(f"error: {failures[0]}", file=sys.stderr)
    for more in failures[1:MOST_FAILURES]:
        print(f"       {more}", file=sys.stderr)
    if len(failures) > MOST_FAILURES:
        print(f"       and {len(failures) - MOST_FAILURES} more", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description="Boot L1 and run a command in it.")
    parser.add_argument("--emulator", choices=EMULATORS, default="qemu")
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--initrd", required=True)
    parser.add_argument("--share", required=True, type=pathlib.Path, help="folder that L1 mounts at /share")
    parser.add_argument("--log", required=True, help="where the console goes")
    parser.add_argument("--seconds", type=int, default=60, help="time limit")
    parser.add_argument("--cpus", type=int, default=2, help="QEMU: how many processors there are")
    parser.add_argument("--rngs", type=int, default=0, help="QEMU: how many virtio-rng there are beyond the usual ones")
    parser.add_argument("--icount", action="store_true", help="QEMU: the clock goes by one nanosecond an instruction")
    parser.add_argument("--plugin", help="QEMU: a plugin and its arguments")
    parser.add_argument("--silence", type=int, help="time limit between two lines of the console")
    parser.add_argument("--seed", type=int, help="of the random data; default: by chance")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()

    if args.emulator == "qemu":
        data.make(args.share, args.seed)
    (args.share / "job.sh").write_text(shlex.join(args.command) + "\n", encoding="utf-8")
    status_file, died_file = args.share / "status", args.share / "died"
    status_file.unlink(missing_ok=True)
    died_file.unlink(missing_ok=True)

    run = Run(args)
    try:
        boot(args, run)
    except KeyboardInterrupt:
        sys.exit(130)

    if run.tolerant:
        run.fail("it has not come back from what is tolerated")
        died_file.write_text(run.tolerated[0] + "\n", encoding="utf-8")
    elif not run.failures:
        command = shlex.join(args.command)
        if not status_file.exists():
            run.fail(f"L1 was powered off before `{command}` had come to its end")
        elif (status := status_file.read_text().strip()) != "0":
            run.fail(f"exit status of `{command}` in L1: {status}")
    if run.failures:
        report(run.failures, args.log)
        sys.exit(1)


if __name__ == "__main__":
    main()
