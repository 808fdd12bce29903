# SPDX-License-Identifier: GPL-2.0
"""Boot L1 under QEMU, run a command in it, and judge the run.

The command runs in L1 in the shared folder.  A program there can ask for the
host's help with a line on the console:

    @host send FILE            type FILE (of the shared folder) on the 3270
    @host expect FILE [CMD]    the next record that the 3270 shows has FILE's
                               bytes, after the command byte CMD (hex)

Exit status: 0 if the command succeeded, all that was expected came and the
console is clean; 1 otherwise.
"""

import argparse
import hashlib
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time

from console import KERNEL_LINE, KUNIT_FAILURE, trouble
from terminal import Terminal
import data

HOST_LINE = re.compile(r"@host (.*)")
RECORD_SECONDS = 10


class Run:
    """One boot: the console as it comes, and what was wrong with it."""

    def __init__(self, args):
        self.share = args.share
        self.failures = []
        self.started = False
        self.terminal = None

    def fail(self, text):
        self.failures.append(text)

    def line(self, line):
        """Take one line of the console."""
        if what := trouble(line):
            self.fail(f"{what}: {line}")
        if KUNIT_FAILURE.match(line):
            self.fail(f"KUnit failure: {line}")
        if request := HOST_LINE.match(line):
            try:
                self.host(request[1].split())
            except (OSError, ValueError) as error:
                self.fail(f"{line}: {error}")
        elif self.started and not KERNEL_LINE.match(line):
            print(line, flush=True)

    def host(self, words):
        match words:
            case ["start"]:
                self.started = True
            case ["send", name]:
                content = (self.share / name).read_bytes()
                self.terminal.send(content)
                print(f"L0: sent {name}, {len(content)} bytes", flush=True)
            case ["expect", name]:
                self.expect(name, None)
            case ["expect", name, command]:
                self.expect(name, int(command, 16))
            case _:
                self.fail(f"L1 asks for something unknown: {' '.join(words)}")

    def expect(self, name, command):
        record = self.terminal.receive(RECORD_SECONDS)
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


def qemu(args, sockets):
    return [
        "qemu-system-s390x",
        # More memory than 31 bits can address, so that a page above that is pinned as a rule.
        *("-M", "s390-ccw-virtio", "-accel", "tcg", "-smp", "2", "-m", "3G"),
        *("-nodefaults", "-display", "none", "-no-reboot", "-action", "panic=exit-failure"),
        *("-kernel", args.kernel, "-initrd", args.initrd),
        # The kernel's own suites are not ours to judge.
        *("-append", "console=ttysclp0 panic=-1 kunit.filter_glob=vfio_ccw*"),
        *("-chardev", "stdio,id=console,signal=off", "-device", "sclpconsole,chardev=console"),
        *("-qmp", f"unix:{sockets}/qmp,server=on,wait=off"),
        *("-fsdev", f"local,id=share,path={args.share},security_model=none"),
        *("-device", "virtio-9p-ccw,fsdev=share,mount_tag=share,devno=fe.0.0001"),
        *("-device", "virtio-rng-ccw,devno=fe.0.0042"),
        *("-chardev", f"socket,id=t,path={sockets}/3270,server=on,wait=off,tn3270=on"),
        *("-device", "x-terminal3270,chardev=t,devno=fe.0.000a"),
    ]


def connect(path, machine):
    """The display, as soon as the machine listens."""
    while machine.poll() is None:
        try:
            return Terminal(path)
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.02)
    return None


def boot(args, run):
    """Boot, feed the console to `run` line by line until power-off."""
    timed_out = threading.Event()
    with tempfile.TemporaryDirectory() as sockets, open(args.log, "w", encoding="utf-8") as log:
        machine = subprocess.Popen(
            qemu(args, sockets), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

        def stop():
            timed_out.set()
            machine.kill()

        timer = threading.Timer(args.seconds, stop)
        timer.start()
        try:
            run.terminal = connect(f"{sockets}/3270", machine)
            for raw in machine.stdout:
                line = raw.decode(errors="backslashreplace").rstrip("\r\n")
                log.write(line + "\n")
                log.flush()
                run.line(line)
            status = machine.wait()
        finally:
            timer.cancel()
            machine.kill()
            machine.wait()
    if timed_out.is_set():
        run.fail(f"no power-off within {args.seconds} s")
    elif status != 0:
        run.fail(f"QEMU ended with status {status}")


def main():
    parser = argparse.ArgumentParser(description="Boot L1 and run a command in it.")
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--initrd", required=True)
    parser.add_argument("--share", required=True, type=pathlib.Path, help="folder that L1 mounts at /share")
    parser.add_argument("--log", required=True, help="where the console goes")
    parser.add_argument("--seconds", type=int, default=60, help="time limit")
    parser.add_argument("--seed", type=int, help="of the random data; default: by chance")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()

    data.make(args.share, args.seed)
    (args.share / "job.sh").write_text(shlex.join(args.command) + "\n", encoding="utf-8")
    status_file = args.share / "status"
    status_file.unlink(missing_ok=True)

    run = Run(args)
    try:
        boot(args, run)
    except KeyboardInterrupt:
        sys.exit(130)

    if not run.failures:
        status = status_file.read_text().strip() if status_file.exists() else "none"
        if status != "0":
            run.fail(f"exit status of `{shlex.join(args.command)}` in L1: {status}")
    if run.failures:
        print(f"\nerror: {run.failures[0]}", file=sys.stderr)
        for more in run.failures[1:]:
            print(f"       {more}", file=sys.stderr)
        print("\nthe end of the console:\n", file=sys.stderr)
        with open(args.log, encoding="utf-8") as log:
            sys.stderr.writelines(f"    {line}" for line in log.readlines()[-25:])
        print(f"\nthe whole console: {args.log}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
