# SPDX-License-Identifier: GPL-2.0
"""The demo: what the scenarios check, for people to look at."""

import re

from .display import ENTER, made
from .lab import RNG, TERMINAL, check, wait_for
from .scenarios import DEVICES, SIZES, STRUCTURED, TUB, take_rng, wait_missed, with_terminal, write

ERASE_WRITE = 0x0D  # which QEMU's terminal makes of 05
KEYBOARD_RESTORE = 0xC2
COLUMNS = 80
EBCDIC = "cp037"
SCREEN = "Hello from L2. What you read here has come through vfio_ccw in Rust."
TYPED = "HELLO L2"
ROUND_TRIPS = 100


def demo(lab):
    """A guest of an unmodified QEMU uses a 3270 terminal and a virtio-rng of the host's."""

    def at(machine, command, *limit):
        """Show a command and what it prints."""
        output = machine.run(command, *limit)
        name = "L1" if machine is lab.l1 else "L2"
        lab.tell(f"{name}# {command}" + ("\n" + output if output else ""))
        return output

    lab.tell("L1 is an s390x Linux with our module; its devices are on subchannels of the emulated hardware.")
    at(lab.l1, "modinfo -n vfio_ccw; qemu-system-s390x --version | head -n 1")
    at(lab.l1, "ccw list")
    for device, _ in DEVICES.values():
        lab.bind(device)
    lab.tell("Bound to vfio_ccw, each with a mediated device.  Now Debian's QEMU, unmodified:")
    guest = with_terminal(lab)
    lab.tell("L1# " + re.sub(" -(kernel|append|chardev|object|device vfio-ccw)", r" \\\n      -\1", guest.qemu))

    lab.tell("L2, the guest, has sensed what was given to it:")
    at(guest, "uname -mr; cd /sys/bus/ccw/devices; grep . */cutype */online; cd /")
    terminal(lab, guest, at)
    virtio(lab, guest, at)
    host(lab, guest, at)


def terminal(lab, guest, at):
    """Screens, keys, numbers back and forth."""
    lab.tell("L2 writes to the 3270 with its own driver, and this is what the display outside of L1 shows:")
    lab.display.forget()
    at(guest, f"l2 show {TUB} '{SCREEN}'")
    record = bytes((ERASE_WRITE, KEYBOARD_RESTORE)) + SCREEN.encode(EBCDIC)
    check(lab.display.shows(record, 10), f"the display does not show it; it has {lab.display.lengths()}")
    text = record[2:].decode(EBCDIC).ljust(COLUMNS)
    lab.tell("\n".join(["L0: +" + "-" * COLUMNS + "+", f"L0: |{text}|", "L0: +" + "-" * COLUMNS + "+"]))

    lab.tell(f"Somebody types {TYPED!r} there, and L2 reads it after the attention interrupt:")
    lab.display.forget()
    number = guest.send(f"l2 read {TUB}")
    wait_for("L2 opens the terminal", lab.display.lengths)
    lab.display.type(TYPED.encode(EBCDIC))
    _, output = guest.wait_line(rf"@done {number} 0")
    read = bytes.fromhex(output[-1])
    check(read == ENTER + TYPED.encode(EBCDIC), f"L2 reads {read.hex()}")
    text = read[3:].decode(EBCDIC)
    lab.tell(f"L2# l2 read {TUB}\n{output[-1]}\nL0: which is ENTER, the cursor's address and {text!r}")

    size = SIZES[-1]
    write(lab, guest, STRUCTURED, size, 1)
    lab.tell(f"L2# l2 write {TUB} {STRUCTURED:x} {size} 1\nL0: {len(made(size, 1))} bytes received, each as L2 sent it")

    lab.tell("Numbers go out, and each is typed back as soon as it is shown:")
    lab.display.answer(lambda record: ENTER + record[1:] if len(record) == 7 else None)
    at(guest, f"l2 echo {TUB} {ROUND_TRIPS}", 240)
    lab.display.answer(None)


def virtio(lab, guest, at):
    """The rng, passed on once more."""
    lab.tell("The virtio-rng is passed on once more, in L2, and programs that carry no addresses are run on it:")
    subchannel = take_rng(guest)
    at(guest, f"ccw run {subchannel} /demo/sense-id-rng.ccw /demo/unit-check.ccw")
    guest.run(f"ccw release {subchannel}")


def host(lab, guest, at):
    """The host takes the terminal back, while L2 uses it."""
    lab.tell("The host wants the terminal back, while QEMU has it:")
    at(lab.l1, f"echo {lab.subchannels[TERMINAL]} >/sys/bus/css/drivers/vfio_ccw/unbind")
    guest.wait_unplugged("terminal")
    del lab.uuids[TERMINAL]
    wait_missed(guest, "terminal")
    at(guest, "ls /sys/bus/ccw/devices")
    at(lab.l1, "dmesg | grep 'device request' | tail -n 1 | cut -c16-")
    lab.drop_guest()
    at(lab.l1, f"ccw run {lab.uuids[RNG]} demo/sense-id-rng.ccw")
    check(lab.l1.pinned() == 0, "pages stay pinned")
    lab.tell("QEMU has ended; no page is pinned, and the devices are the host's.")
