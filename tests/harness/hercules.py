# SPDX-License-Identifier: GPL-2.0
"""L1 under Hercules: disks, tapes, a printer and a card reader.

Hercules has no file system to share.  The shared folder goes in with the initial file
system, and what L1 leaves in it comes back on a tape; the console is for a few short lines.
"""

import contextlib
import io
import os
import pathlib
import queue
import re
import shutil
import struct
import subprocess
import tarfile
import threading
import time

from . import aws, shared_disk
from .build import archive
from .host import Answers, Refused

QUIT_SECONDS = 10
INITRD_AT = 0x0200_0000
# Addresses at which the kernel finds the initial file system and its options (asm/setup.h).
INITRD_START, INITRD_SIZE, COMMAND_LINE = 0x1_0408, 0x1_0410, 0x1_0480
# The kernel's own suites are not ours to judge.
OPTIONS = "conmode=3215 condev=0x0009 console=ttyS0 panic=-1 quiet kunit.filter_glob=vfio_ccw*"

RESULTS = "results.aws"
DISKS = ("disk.ckd", "linux.ckd")
CYLINDERS = 50
CONFIGURATION = """\
ARCHMODE z/Arch
MAINSIZE 1024
NUMCPU 2
CPUSERIAL 002623
CPUMODEL 2097
OSTAILOR QUIET
PANRATE SLOW
# Without these its processors have niceness 15, and hardly run beside other work.
CPUPRIO 0
DEVPRIO 0
# With a delay, in microseconds, no device executes a program within START SUBCHANNEL, where one
# without an end would stop the machine.  Tapes have no option for that.
IODELAY 1
# 1403 and 3505 answer SENSE ID, too.
LEGACYSENSEID ENABLE
0009 3215-C {prefix} noprompt
000C 3505 {images}/cards.txt ascii eof
000E 1403 {images}/printer.txt
0120 3390 {images}/disk.ckd
0121 3390 {images}/linux.ckd
0580 3490 {folder}/results.aws
0581 3490 {images}/tape.aws
"""
# A line that begins with it is typed on the console of L1.
PREFIX = "/"
# Answers of Hercules to the command that has a device give an attention: done, or busy.
RAISED, BUSY = "HHCPN045I", "HHCPN046E"
ATTENTION = re.compile(r"HHCPN04[5-8]")
ATTENTION_SECONDS = 30
BUSY_SECONDS = 0.001
# An answer is typed until L1 has heard it, so often and with so much time between.
ANSWERS, ANSWER_SECONDS = 100, 0.3
# Hercules has done its run-commands file; or its processors had not stopped yet.
READY = ("HHCPN013I", "HHCPN053E")
# The kernel's lines lose their brackets on the way.
KERNEL_LINE = re.compile(r"^\W( *\d+\.\d{6})\W ")

# Reports of the machine's state have no line of their own in Hercules' output; they come even behind a line of
# the console: `@host ask 1.1 attention 0120 1SYS=1`.
MACHINE_STATE = re.compile(r"(?:(?:SYS|WAIT|MAN|LOAD|TEST|CHKSTOP)=[01])+$")


class Hercules:
    """The emulator, from its start to its end."""

    def __init__(self, options, run, folder):
        self._options = options
        self._run = run
        self._folder = folder
        images = options.share.with_name(options.share.name + "-images")
        make_images(images, options.disks)
        make_ipl(options, folder)
        with open(f"{folder}/x.cnf", "w", encoding="ascii") as configuration:
            port = shared_disk.free_port() if options.disks else None
            if port:
                configuration.write(f"SHRDPORT {port}\n")
            configuration.write(CONFIGURATION.format(images=images, folder=folder, prefix=PREFIX))
            for number in options.disks:
                configuration.write(f"{number} 3390 {images}/{number}.ckd\n")
        self._own = open(f"{options.log}.hercules", "w", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen(
            ["hercules", "-f", f"{folder}/x.cnf", "EXTERNALGUI"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, HERCULES_RC="/dev/null"),
        )
        self._end = threading.Timer(QUIT_SECONDS, self.process.kill)
        run.host = self._operator = Operator(self.type, run, port)

    def type(self, command):
        """Type a command."""
        try:
            self.process.stdin.write(command.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # Hercules has ended.

    def attend(self, _ended):
        """Do nothing: `lines` does all there is."""

    def lines(self):
        """The lines of the console, as they come."""
        for raw in self.process.stdout:
            line = raw.decode("latin-1").rstrip("\r\n")
            line = KERNEL_LINE.sub(r"[\1] ", MACHINE_STATE.sub("", line))
            if not line.startswith(("@host ", "[")):
                self._own.write(line + "\n")
                if ATTENTION.match(line):
                    self._operator.told.put(line)
                if line.startswith(READY):
                    self.type(f"ipl {self._folder}/x.ins")
                continue
            if line == "@host end":
                self.type("quit")
                # Hercules does not end by itself when a suspended program was cleared.
                self._end.start()
            yield line

    def finish(self):
        """Take the results."""
        with open(f"{self._folder}/{RESULTS}", "rb") as tape:
            blocks = [block for file in aws.files(tape.read()) for block in file]
        if not blocks:
            self._run.fail("L1 has left no results")
            return
        with tarfile.open(fileobj=io.BytesIO(b"".join(blocks))) as results:
            results.extractall(self._options.share, filter="data")
        for line in (self._options.share / "dmesg").read_text(errors="replace").splitlines():
            self._run.line(line)

    def close(self):
        """Let go of all that is left."""
        self._end.cancel()
        self._own.close()


class Operator(Answers):
    """The operator at the console of Hercules, who answers what L1 asks there."""

    def __init__(self, command, run, port=None):
        super().__init__(run)
        self._type = command
        self._port = port
        # By the device number.
        self._uses = {}
        self._heard = {}
        self.told = queue.Queue()

    def ask(self, number, request):
        """Answer when it is done; L1 goes on meanwhile."""
        heard = self._heard[number] = threading.Event()

        def answer():
            text = f"{PREFIX}{number} {self.answer(request).strip()}"
            # L1 may miss what is typed while its console is busy with what it prints.
            for _ in range(ANSWERS):
                self._type(text)
                if heard.wait(ANSWER_SECONDS):
                    return

        threading.Thread(target=answer, daemon=True).start()

    def heard(self, number):
        """L1 has the answer."""
        self._heard.pop(number).set()

    def _do(self, line):
        match line.split():
            case ["attention", device, count]:
                for _ in range(int(count)):
                    self._attention(device)
            case ["use", device] if self._port:
                use = contextlib.ExitStack()
                use.enter_context(shared_disk.used(self._port, int(device, 16)))
                self._uses[device] = use
            case ["leave", device] if device in self._uses:
                self._uses.pop(device).close()
            case _:
                return super()._do(line)
        return None

    def _attention(self, device):
        until = time.monotonic() + ATTENTION_SECONDS
        while True:
            self._type(f"i {device}")
            try:
                said = self.told.get(timeout=ATTENTION_SECONDS)
            except queue.Empty:
                raise Refused(f"Hercules says nothing to `i {device}`") from None
            if said.startswith(RAISED):
                return
            if not said.startswith(BUSY) or time.monotonic() > until:
                raise Refused(said)
            time.sleep(BUSY_SECONDS)


def make_images(folder, disks):
    """Disks that are formatted and empty, those of a guest as well, an empty tape, cards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    labels = {name: (f"LNX12{number}", CYLINDERS) for number, name in enumerate(DISKS)}
    labels |= {f"{number}.ckd": (f"LN{number}", cylinders) for number, cylinders in disks.items()}
    for name, (label, cylinders) in labels.items():
        subprocess.run(
            ["dasdinit", "-linux", folder / name, "3390", label, str(cylinders)],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    (folder / "tape.aws").touch()
    (folder / "cards.txt").write_text("".join(f"CARD {number:03}\n" for number in range(1, 11)), encoding="ascii")


def make_ipl(options, folder):
    """Write what is loaded: the kernel, the initial file system with the shared folder behind it, and
    where they are."""
    shutil.copytree(options.share, f"{folder}/root/job")
    with open(options.initrd, "rb") as initrd:
        packed = initrd.read()
    packed += bytes(-len(packed) % 4) + archive(pathlib.Path(folder, "root"))

    parts = {
        "kernel": (0, None),
        "initrd": (INITRD_AT, packed),
        "start": (INITRD_START, struct.pack(">Q", INITRD_AT)),
        "size": (INITRD_SIZE, struct.pack(">Q", len(packed))),
        "options": (COMMAND_LINE, OPTIONS.encode("ascii") + b"\0"),
    }
    shutil.copy(options.kernel, f"{folder}/kernel")
    with open(f"{folder}/x.ins", "w", encoding="ascii") as script:
        for name, (address, content) in parts.items():
            script.write(f"{name} {address:#010x}\n")
            if content is not None:
                with open(f"{folder}/{name}", "wb") as file:
                    file.write(content)
    open(f"{folder}/{RESULTS}", "wb").close()
