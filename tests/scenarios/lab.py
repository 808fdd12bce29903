# SPDX-License-Identifier: GPL-2.0
"""L1 and L2 as a scenario sees them: two machines that take commands."""

import json
import re
import shlex
import time

from harness.boot import Run
from harness.build import fresh, write
from harness.console import trouble

from .display import Display

POLL_SECONDS = 0.02
# Long, as L2 is emulated twice, on a machine that may have much else to do.
WAIT_SECONDS = 120
BOOT_SECONDS = 1000

TERMINAL = "0.0.000a"
RNG = "0.0.0042"
SPARE = "0.0.0043"


class Failed(Exception):
    """Something is not as a scenario demands."""


def check(is_so, what):
    """Fail unless it is so."""
    if not is_so:
        raise Failed(what)


class Limit:
    """The time that a scenario may take."""

    end = float("inf")

    @classmethod
    def set(cls, seconds):
        """From now on no wait is longer than that."""
        cls.end = time.monotonic() + seconds


def wait_for(what, condition, seconds=WAIT_SECONDS):
    """Return what `condition` gives once that is true; fail if it is not in time."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        now = time.monotonic()
        if now > end:
            raise Failed(f"{what}: not within {seconds} s")
        if now > Limit.end:
            raise Failed(f"{what}: the time for this scenario is over")
        time.sleep(POLL_SECONDS)
    return result


class Tail:
    """A file of the shared folder that grows."""

    def __init__(self, path):
        self.path = path
        self._read = 0
        self._begun = ""

    def lines(self):
        """The lines that are new since the last call."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._read)
                new = file.read()
        except FileNotFoundError:
            return []
        self._read += len(new)
        *lines, self._begun = (self._begun + new.decode(errors="backslashreplace")).split("\n")
        return [line.rstrip("\r") for line in lines]


class Commanded:
    """A machine, with a name, that takes commands: `attempt` runs one and returns its exit status and what it
    prints."""

    def run(self, command, seconds=WAIT_SECONDS):
        """Run a command; return what it prints; fail if it fails."""
        status, output = self.attempt(command, seconds)
        if status != 0:
            raise Failed(f"{self.name}: `{command}` ends with {status}: {output}")
        return output


class L1(Commanded, Run):
    """The machine that loads the module; `scripts/l1/agent` runs in it."""

    name = "L1"

    def __init__(self, options, tell):
        super().__init__(options)
        self.tell = tell
        self._folder = fresh(options.share / "agent")
        self.is_up = False

    def asked(self, words):
        if words == ["agent"]:
            self.is_up = True
        else:
            super().asked(words)

    def _order(self, text):
        write(self._folder / "command", f"{text}\n".encode())

    def attempt(self, command, seconds=WAIT_SECONDS):
        reply = self._folder / "reply"
        reply.unlink(missing_ok=True)
        self._order(command)
        wait_for(f"L1: `{command}`", lambda: reply.exists() or self.failures, seconds)
        if not reply.exists():
            raise Failed(f"L1: {self.failures[0]}")
        output = (self._folder / "output").read_text(encoding="utf-8", errors="replace").strip()
        return int(reply.read_text()), output

    def end(self):
        """Power L1 off."""
        self._order("@end")

    def subchannel(self, device):
        """The subchannel of a device number, once the kernel has found it and done with it."""
        link = f"/sys/bus/ccw/devices/{device}"
        settled = f". l1/devices.sh; is_settled {device}"
        wait_for(f"L1: device {device}", lambda: self.attempt(settled)[0] == 0)
        return self.run(f"basename $(dirname $(readlink -f {link}))")

    def pinned(self):
        """Return the number of pages that the driver has pinned, by its own statistics."""
        statistics = self.run("cat /sys/kernel/debug/vfio_ccw/*/statistics")
        return sum(int(pages) for pages in re.findall(r"^pages_pinned (\d+)$", statistics, re.MULTILINE))


class Guest(Commanded):
    """L2, and the QEMU in L1 that it runs in."""

    name = "L2"

    def __init__(self, l1, number, backend):
        self.l1 = l1
        self.backend = backend
        self.devices = {}  # by their names in QEMU: the device number in L2
        self._folder = f"/run/l2-{number}"
        self._console = Tail(l1.share / f"l2-{number}.console")
        self._qmp = Tail(l1.share / f"l2-{number}.qmp")
        self._log = f"/share/l2-{number}.qemu"
        self._lines = []
        self._answers = []
        self.events = []
        self.qemu = ""  # its command line
        self._number = 0

    def start(self, devices):
        """Start QEMU with devices (NAME: (UUID, NUMBER)) and wait until L2 is up."""
        folder = self._folder
        options = [
            *("-M", "s390-ccw-virtio", "-accel", "tcg", "-m", "128", "-nodefaults", "-display", "none"),
            # The clock of L2 goes with its instructions. By the clock of a slow L1 it would have little to do but
            # handle its own timer.
            *("-icount", "shift=6,sleep=on"),
            *("-kernel", "/run/l2-kernel", "-initrd", "/run/l2-initrd"),
            *("-append", "console=ttysclp0 quiet"),
            *("-chardev", f"pipe,id=console,path={folder}/console", "-device", "sclpconsole,chardev=console"),
            *("-chardev", f"pipe,id=qmp,path={folder}/qmp", "-mon", "chardev=qmp,mode=control"),
        ]
        if self.backend == "iommufd":
            options += ["-object", "iommufd,id=iommufd0"]
        for name, (uuid, number) in devices.items():
            options += ["-device", self._device(name, uuid, number)]
            self.devices[name] = number
        self.qemu = shlex.join(["qemu-system-s390x", *options])
        self.l1.run(
            f"mkdir {folder} && cd {folder} && mkfifo console.in console.out qmp.in qmp.out\n"
            "[ -e /run/l2-kernel ] || cp /share/l2-kernel /share/l2-initrd /run/\n"
            f"cat console.out >/share/{self._console.path.name} &\n"
            f"cat qmp.out >/share/{self._qmp.path.name} &\n"
            f"{self.qemu} >{self._log} 2>&1 & echo $! >pid"
        )
        self.command("qmp_capabilities")
        self.wait_up()

    def _device(self, name, uuid, number):
        device = f"vfio-ccw,id={name},sysfsdev=/sys/bus/mdev/devices/{uuid},devno=fe.{number[2:]}"
        return device + (",iommufd=iommufd0" if self.backend == "iommufd" else "")

    def is_running(self):
        """Return whether QEMU runs."""
        return self.l1.attempt(f"kill -0 $(cat {self._folder}/pid)")[0] == 0

    def kill(self):
        """Kill QEMU, and wait until it is gone."""
        self.l1.attempt(f"kill -KILL $(cat {self._folder}/pid)")
        self.wait_gone()

    def wait_gone(self):
        """Wait until QEMU has ended."""
        wait_for("QEMU ends", lambda: not self.is_running())
        self.devices.clear()

    def _listen(self):
        for line in self._console.lines():
            if what := trouble(line):
                raise Failed(f"L2: {what}: {line}")
            self._lines.append(line)

    def wait_line(self, pattern, seconds=WAIT_SECONDS):
        """Wait for a line of the console; return its match and the lines before it."""

        def found():
            self._listen()
            for at, line in enumerate(self._lines):
                if match := re.match(pattern, line):
                    before, self._lines = self._lines[:at], self._lines[at + 1 :]
                    return match, before
            return None

        return wait_for(f"L2: a line {pattern!r} on its console", found, seconds)

    def wait_up(self):
        """Wait until L2 takes commands."""
        self.wait_line("@up", BOOT_SECONDS)

    def send(self, command):
        """Have L2 begin a command; return its number."""
        self._number += 1
        line = shlex.quote(f"{self._number} {command}")
        self.l1.run(f"printf '%s\\n' {line} >{self._folder}/console.in")
        return self._number

    def attempt(self, command, seconds=WAIT_SECONDS):
        number = self.send(command)
        match, output = self.wait_line(rf"@done {number} (\d+)", seconds)
        return int(match[1]), "\n".join(output).strip()

    def _hear(self):
        for line in self._qmp.lines():
            message = json.loads(line)
            if "event" in message:
                self.events.append(message)
            elif "QMP" not in message:
                self._answers.append(message)

    def command(self, name, **arguments):
        """Execute a QMP command of L2's QEMU."""
        line = shlex.quote(json.dumps({"execute": name, "arguments": arguments}))
        self.l1.run(f"printf '%s\\n' {line} >{self._folder}/qmp.in")

        wait_for(f"QEMU answers {name}", lambda: self._hear() or self._answers)
        answer = self._answers.pop(0)
        if "error" in answer:
            raise Failed(f"QEMU: {name}: {answer['error']['desc']}")
        return answer["return"]

    def plug(self, name, uuid, number):
        """device_add."""
        options = dict(pair.split("=", 1) for pair in self._device(name, uuid, number).split(",")[1:])
        self.command("device_add", driver="vfio-ccw", **options)
        self.devices[name] = number

    def unplug(self, name):
        """device_del, until QEMU says that it is done."""
        self.command("device_del", id=name)
        self.wait_unplugged(name)

    def wait_unplugged(self, name):
        """Wait until QEMU has let go of a device."""

        def is_deleted():
            self._hear()
            deleted = [event["data"].get("device") for event in self.events if event["event"] == "DEVICE_DELETED"]
            return name in deleted

        wait_for(f"QEMU lets go of {name}", is_deleted)
        self.events.clear()
        del self.devices[name]


class Lab:
    """The machines and devices that the scenarios of one boot of L1 share."""

    def __init__(self, l1, backend, tell):
        self.l1 = l1
        self.backend = backend
        self.tell = tell
        self.display = Display(l1.host.terminal)
        self._guest = None
        self._guests = 0
        self.uuids = {}  # of the mediated devices, by device numbers in L1
        self.subchannels = {}

    def bind(self, device):
        """Take a device for vfio-ccw; its UUID."""
        if device not in self.uuids:
            if device not in self.subchannels:
                self.subchannels[device] = self.l1.subchannel(device)
            output = self.l1.run(f"ccw bind {self.subchannels[device]}")
            self.uuids[device] = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", output)[0]
        return self.uuids[device]

    def guest(self, devices, names):
        """An L2 with those of the devices (NAME: the device in L1, its number in L2) that are
        named: the one that runs, or a new one, which gets all."""
        if self._guest and self._guest.is_running():
            for name in names:
                if name not in self._guest.devices:
                    device, number = devices[name]
                    self._guest.plug(name, self.bind(device), number)
            return self._guest
        bound = {name: (self.bind(device), number) for name, (device, number) in devices.items()}
        self._guests += 1
        start = time.monotonic()
        self._guest = Guest(self.l1, self._guests, self.backend)
        self._guest.start(bound)
        self.tell(f"L2 is up after {time.monotonic() - start:.0f} s")
        return self._guest

    def drop_guest(self):
        """End the QEMU that runs, if any."""
        if self._guest and self._guest.is_running():
            self._guest.kill()
        self._guest = None

    def drop_guest_unless_it_has(self, devices):
        """End the QEMU that runs if it has let go of a device."""
        if self._guest and not set(devices) <= set(self._guest.devices):
            self.drop_guest()

    def qmp(self, name, **arguments):
        """Execute a QMP command of L1's machine."""
        return self.l1.host.qmp({"execute": name, "arguments": arguments})

    def connect(self):
        """The display comes back."""
        self.l1.host.connect_terminal()
        self.display = Display(self.l1.host.terminal)

    def logs(self):
        """Return the logs of the consoles of all L2s, the newest last."""
        return [self.l1.share / f"l2-{number + 1}.console" for number in range(self._guests)]

    def recover(self):
        """Set up again after a scenario has failed: no L2, and a display."""
        self.drop_guest()
        if not self.l1.host.terminal:
            self.connect()

    def forget(self, device):
        """A device is gone, and all that was made for it."""
        del self.uuids[device], self.subchannels[device]

    def use_in_l1(self, device):
        """Run a program without QEMU."""
        self.l1.run(f"ccw run {self.uuids[device]} demo/sense-id.ccw")

    def release(self, device):
        """Give a device back to its own driver."""
        if device in self.uuids:
            self.l1.run(f"ccw release {self.subchannels[device]}")
            self.forget(device)

    def release_all(self):
        """Give all devices back."""
        for device in list(self.uuids):
            self.release(device)
