# SPDX-License-Identifier: GPL-2.0
"""The scenarios: each is a promise about a guest whose devices are passed through.

A scenario takes the lab as it is and leaves it so that the next can go on; if it
fails, the next gets a new L2.
"""

from display import ENTER, made
from lab import RNG, SPARE, TERMINAL, Failed, check, wait_for

WRITE, ERASE_WRITE, STRUCTURED = 0x01, 0x0D, 0x11
NUMBER = "0.0.1234"  # of the terminal, in L2
RNG_NUMBER = "0.0.1235"
SIZES = (1, 80, 1920, 2048, 4096, 4097, 16384, 61440)
TUB = "/dev/3270/tub1"


def with_terminal(lab):
    """An L2 whose tn3270 driver has the terminal online."""
    guest = lab.guest(terminal=(TERMINAL, NUMBER))
    online = f"/sys/bus/ccw/devices/{NUMBER}/online"
    wait_for("L2 finds the terminal", lambda: guest.attempt(f"[ -e {online} ]")[0] == 0, 60)
    if guest.run(f"cat {online}") == "0":
        guest.run(f"echo 1 >{online}", 60)
    wait_for("L2 makes a device of the terminal", lambda: guest.attempt(f"[ -e {TUB} ]")[0] == 0, 60)
    return guest


def write(lab, guest, command, size, seed):
    """Have L2 write to the terminal, and see that it shows just that."""
    lab.display.forget()
    guest.run(f"l2 write {TUB} {command:02x} {size} {seed}", 60)
    if not lab.display.shows(bytes((command,)) + made(size, seed), 10):
        raise Failed(f"the display does not show {size} bytes that L2 wrote; it has records of {lab.display.lengths()}")


def read(lab, guest, text):
    """Type, and see that L2 reads just that."""
    number = guest.send(f"l2 read {TUB}")
    lab.display.forget()
    # The driver clears the screen when its device is opened.
    wait_for("L2 opens the terminal", lab.display.lengths, 20)
    lab.display.type(text)
    _, output = guest.wait_line(rf"@done {number} 0", 30)
    check(output[-1:] == [(ENTER + text).hex()], f"L2 reads {output} where {(ENTER + text).hex()} was typed")


def is_usable(lab, guest):
    """The terminal works both ways."""
    write(lab, guest, WRITE, 100, 7)
    read(lab, guest, b"\xc1\xc2\xc3")


def terminal(lab):
    """L2's own driver brings the terminal online; screens of all sizes and keys go through."""
    guest = with_terminal(lab)
    kind = guest.run(f"cat /sys/bus/ccw/devices/{NUMBER}/cutype")
    check(kind == "3270/00", f"L2 senses a {kind}")
    for seed, size in enumerate(SIZES):
        write(lab, guest, ERASE_WRITE if size % 2 else STRUCTURED, size, seed)
        lab.tell(f"{size} bytes written, the same on the display")
    for text in (b"", b"\xff", b"\xc8\xc5\xd3\xd3\xd6", made(900, 3).replace(b"\xff", b"\xfe")):
        read(lab, guest, text)
    lab.tell("keys read, the same in L2")


def disconnect(lab):
    """The display hangs up and comes back; L2's driver goes on with it."""
    guest = with_terminal(lab)
    is_usable(lab, guest)
    lab.disconnect()
    lab.tell("the display has hung up")
    # It waits in the driver until there is a display again.
    guest.run(f"l2 write {TUB} 01 100 1 &")
    lab.connect()
    waits = "pidof l2 >/dev/null"
    wait_for("what was written meanwhile ends", lambda: guest.attempt(waits)[0] != 0, 60)
    is_usable(lab, guest)
    lab.tell("it is back, and usable")


def round_trips(lab):
    """Numbers go out and come back at once; none is lost, none comes twice."""
    guest = with_terminal(lab)
    count = 200 if lab.is_short else 1000
    seen = []

    def answer(record):
        if record[:1] != bytes((WRITE,)) or len(record) != 7:
            return None
        seen.append(int(record[1:]))
        return ENTER + record[1:]

    lab.display.answer(answer)
    try:
        output = guest.run(f"l2 echo {TUB} {count}", 240)
    finally:
        lab.display.answer(None)
    check(seen == list(range(count)), f"the display has seen other numbers than were sent, {len(seen)} of {count}")
    lab.tell(output)


def virtio(lab):
    """A subchannel of virtio is sensed by L2, and does what needs no address of L2's memory."""
    guest = lab.guest(rng=(RNG, RNG_NUMBER))
    kind = wait_for(
        "L2 senses the device", lambda: guest.attempt(f"cat /sys/bus/ccw/devices/{RNG_NUMBER}/cutype")[1], 60
    )
    check(kind == "3832/04", f"L2 senses a {kind}")
    subchannel = guest.run(f"basename $(dirname $(readlink -f /sys/bus/ccw/devices/{RNG_NUMBER}))")
    guest.run(f"ccw bind {subchannel}", 60)
    lab.tell("passed on once more, in L2, with the C driver")
    output = guest.run(f"ccw run {subchannel} /demo/sense-id-rng.ccw /demo/chain.ccw /demo/unit-check.ccw", 60)
    lab.tell(output.splitlines()[-1])
    guest.run(f"ccw release {subchannel}", 60)


def hot_plug(lab):
    """L2's QEMU gives the terminal up and takes it again, while it is idle."""
    guest = with_terminal(lab)
    for _ in range(1 if lab.is_short else 3):
        guest.unplug("terminal")
        gone = f"[ ! -e /sys/bus/ccw/devices/{NUMBER} ]"
        wait_for("the terminal is gone in L2", lambda: guest.attempt(gone)[0] == 0, 30)
        check(lab.l1.pinned() == 0, "pages stay pinned behind device_del")
        is_usable(lab, with_terminal(lab))
    lab.tell("unplugged and plugged again")


def suspended(lab, guest):
    """Start a program in L2 that stays in flight, on the virtio subchannel."""
    lab.guest(rng=(RNG, RNG_NUMBER))
    wait_for("L2 finds the device", lambda: guest.attempt(f"[ -e /sys/bus/ccw/devices/{RNG_NUMBER} ]")[0] == 0, 60)
    subchannel = guest.run(f"basename $(dirname $(readlink -f /sys/bus/ccw/devices/{RNG_NUMBER}))")
    guest.run(f"ccw bind {subchannel}", 60)
    guest.run(f"l2 suspend {subchannel} >/suspended 2>&1 &")
    wait_for("a program is in flight", lambda: guest.attempt("grep 'in flight' /suspended")[0] == 0, 30)
    check(lab.l1.pinned() > 0, "nothing is pinned while a program is in flight")
    lab.tell("a suspended program is in flight")


def unplug_in_flight(lab):
    """L2's QEMU gives a device up while a program is in flight."""
    guest = lab.guest(rng=(RNG, RNG_NUMBER))
    suspended(lab, guest)
    guest.unplug("rng")
    wait_for("nothing is pinned", lambda: lab.l1.pinned() == 0, 30)
    lab.usable_in_l1(RNG)


def reboot(lab):
    """L2 boots again in the same QEMU."""
    guest = with_terminal(lab)
    guest.send("reboot -f")
    guest.wait_up()
    is_usable(lab, with_terminal(lab))


def panic(lab):
    """L2's kernel panics; QEMU ends, and the device is free."""
    guest = with_terminal(lab)
    guest.run(f"l2 storm {TUB} &")
    guest.send("echo c >/proc/sysrq-trigger")
    guest.wait_gone()
    lab.drop_guest()
    check(lab.l1.pinned() == 0, "pages stay pinned")
    lab.usable_in_l1(TERMINAL)


def killed(lab):
    """QEMU is killed while a program is in flight and another device is at work."""
    guest = with_terminal(lab)
    suspended(lab, guest)
    guest.run(f"l2 storm {TUB} &")
    guest.kill()
    lab.drop_guest()
    check(lab.l1.pinned() == 0, "pages stay pinned behind a killed QEMU")
    for device in (TERMINAL, RNG):
        lab.usable_in_l1(device)


def wanted_back(lab):
    """The host unbinds a device in use: QEMU is asked for it, lets go, and unbinding ends."""
    guest = with_terminal(lab)
    subchannel = lab.subchannels[TERMINAL]
    lab.l1.run(f"echo {subchannel} >/sys/bus/css/drivers/vfio_ccw/unbind", 60)
    guest.wait_unplugged("terminal")
    gone = f"[ ! -e /sys/bus/ccw/devices/{NUMBER} ]"
    wait_for("the terminal is gone in L2", lambda: guest.attempt(gone)[0] == 0, 30)
    lab.forget(TERMINAL)
    lab.tell("QEMU has let go, and the subchannel is unbound")
    is_usable(lab, with_terminal(lab))


def vanished(lab):
    """The device vanishes under QEMU: L2 sees it go, and a new one can be used."""
    guest = lab.guest(spare=(SPARE, "0.0.1236"))
    here = "[ -e /sys/bus/ccw/devices/0.0.1236 ]"
    wait_for("L2 finds the device", lambda: guest.attempt(here)[0] == 0, 60)
    lab.qmp("device_del", id="spare")
    wait_for("it is gone in L2", lambda: guest.attempt(here)[0] != 0, 60)
    guest.wait_unplugged("spare")
    lab.forget(SPARE)
    lab.tell("gone in L2, and out of QEMU")
    lab.qmp("device_add", driver="virtio-rng-ccw", id="spare", rng="spare-source", devno="fe.0.0043")
    guest = lab.guest(spare=(SPARE, "0.0.1236"))
    wait_for("L2 finds a new one", lambda: guest.attempt(here)[0] == 0, 60)


def tools(lab):
    """driverctl and mdevctl, as README has it."""
    lab.drop_guest()
    lab.release(TERMINAL)
    subchannel = lab.l1.subchannel(TERMINAL)
    uuid = "7e270a25-e163-4922-af60-757fc8ed48c6"
    run = lab.l1.run
    run(f"driverctl -b css set-override {subchannel} vfio_ccw")
    check(f"{subchannel} vfio_ccw" in run("driverctl -b css list-overrides"), "driverctl does not list the override")
    run(f"mdevctl define -u {uuid} -p {subchannel} -t vfio_ccw-io")
    run(f"mdevctl start -u {uuid}")
    check(uuid in run("mdevctl list"), "mdevctl does not list the device")
    run(f"ccw run {uuid} demo/sense-id-3270.ccw")
    run(f"mdevctl stop -u {uuid}")
    run(f"mdevctl undefine -u {uuid}")
    check(run("mdevctl list") == "", "a mediated device is left")
    run(f"driverctl -b css unset-override {subchannel}")
    lab.l1.subchannel(TERMINAL)


# In the order in which they are run: those that need what the one before leaves come behind it.
ALL = {
    "terminal": (terminal, 180),
    "round-trips": (round_trips, 300),
    "disconnect": (disconnect, 120),
    "virtio": (virtio, 180),
    "hot-plug": (hot_plug, 240),
    "unplug-in-flight": (unplug_in_flight, 180),
    "wanted-back": (wanted_back, 180),
    "vanished": (vanished, 180),
    "reboot": (reboot, 300),
    "killed": (killed, 240),
    "panic": (panic, 180),
    "tools": (tools, 60),
}
SHORT = ("terminal", "round-trips", "wanted-back", "killed", "tools")
