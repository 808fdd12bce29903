# SPDX-License-Identifier: GPL-2.0
"""The scenarios: each is a promise about a guest whose devices are passed through.

A scenario takes the lab as it is and leaves it so that the next can go on; if it
fails, the next gets a new L2.
"""

import time

from .display import ENTER, made
from .lab import RNG, SPARE, TERMINAL, Failed, check, wait_for

WRITE, ERASE_WRITE, STRUCTURED = 0x01, 0x0D, 0x11
# By their names in QEMU: the device in L1, and its number in L2.
DEVICES = {"terminal": (TERMINAL, "0.0.1234"), "rng": (RNG, "0.0.1235"), "spare": (SPARE, "0.0.1236")}
SIZES = (1, 80, 1920, 2048, 4096, 4097, 16384, 61440)
TUB = "/dev/3270/tub1"
# Seconds for which L2 is stopped: longer than status is held off at a guest that was fast so far.
STOPPED_SECONDS = 1
# Seconds that L2 may take to look at its 262,144 subchannels, on a machine that has much else to do.
SCAN_SECONDS = 400


def path(name):
    """Return the path that a device has in L2, if L2 has it."""
    return f"/sys/bus/ccw/devices/{DEVICES[name][1]}"


def guest_with(lab, *names):
    """An L2 that has these devices."""
    guest = lab.guest(DEVICES, names)
    for name in names:
        here = f"[ -e {path(name)}/cutype ]"
        wait_for(f"L2 finds the {name}", lambda here=here: guest.attempt(here)[0] == 0, SCAN_SECONDS)
    return guest


def with_terminal(lab):
    """An L2 whose tn3270 driver has the terminal online."""
    guest = guest_with(lab, "terminal")
    online = f"{path('terminal')}/online"
    if guest.run(f"cat {online}") == "0":
        guest.run(f"echo 1 >{online}")
    # It is there before the driver has reset and measured the terminal, and busy meanwhile.
    wait_for("L2 can open the terminal", lambda: guest.attempt(f"true <{TUB}")[0] == 0)
    return guest


def wait_missed(guest, name):
    """Wait until L2 knows that a device is gone: it looks through all subchannels first."""
    gone = f"[ ! -e {path(name)} ]"
    wait_for(f"the {name} is gone in L2", lambda: guest.attempt(gone)[0] == 0, SCAN_SECONDS)


def check_unpinned(lab):
    """No page is pinned."""
    check(lab.l1.pinned() == 0, "pages stay pinned")


def write(lab, guest, command, size, seed):
    """Have L2 write to the terminal, and see that it shows just that."""
    lab.display.forget()
    guest.run(f"l2 write {TUB} {command:02x} {size} {seed}")
    if not lab.display.shows(bytes((command,)) + made(size, seed), 10):
        raise Failed(f"the display does not show {size} bytes that L2 wrote; it has records of {lab.display.lengths()}")


def read(lab, guest, text, typing=None):
    """Type, and see that L2 reads just that."""
    number = guest.send(f"l2 read {TUB}")
    lab.display.forget()
    # The driver clears the screen when its device is opened.
    wait_for("L2 opens the terminal", lab.display.lengths)
    (typing or lab.display.type)(text)
    _, output = guest.wait_line(rf"@done {number} 0")
    check(output[-1:] == [(ENTER + text).hex()], f"L2 reads {output} where {(ENTER + text).hex()} was typed")


def is_usable(lab, guest):
    """The terminal works both ways."""
    write(lab, guest, WRITE, 100, 7)
    read(lab, guest, b"\xc1\xc2\xc3")


def check_free(lab):
    """QEMU has ended, and has left the devices as they should be."""
    lab.drop_guest()
    check_unpinned(lab)
    for device in (TERMINAL, RNG):
        lab.use_in_l1(device)


def terminal(lab):
    """L2's own driver brings the terminal online; screens of all sizes and keys go through."""
    guest = with_terminal(lab)
    kind = guest.run(f"cat {path('terminal')}/cutype")
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
    lab.l1.host.close_terminal()
    lab.tell("the display has hung up")
    # The command waits in the driver until there is a display again.
    guest.run(f"l2 write {TUB} 01 100 1 &")
    lab.connect()
    waits = "pidof l2 >/dev/null"
    wait_for("what was written meanwhile ends", lambda: guest.attempt(waits)[0] != 0)
    is_usable(lab, guest)
    lab.tell("it is back, and usable")


def round_trips(lab):
    """Numbers go out and come back at once; none is lost, none comes twice."""
    guest = with_terminal(lab)
    count = 1000
    seen = []

    def answer(record):
        if record[:1] != bytes((WRITE,)) or len(record) != 7:
            return None
        seen.append(int(record[1:]))
        return ENTER + record[1:]

    lab.display.answer(answer)
    try:
        output = guest.run(f"l2 echo {TUB} {count}", 900)
    finally:
        lab.display.answer(None)
        lab.tell(f"the display has shown {len(seen)} of {count} numbers")
    check(seen == list(range(count)), f"the display has seen other numbers than were sent, {len(seen)} of {count}")
    lab.tell(output)


def take_rng(guest):
    """Have L2 pass the rng on once more, with the C driver; its subchannel there."""
    subchannel = guest.run(f"basename $(dirname $(readlink -f {path('rng')}))")
    guest.run(f"ccw bind {subchannel}")
    return subchannel


def virtio(lab):
    """A subchannel of virtio is sensed by L2, and does what needs no address of L2's memory."""
    guest = guest_with(lab, "rng")
    kind = guest.run(f"cat {path('rng')}/cutype")
    check(kind == "3832/04", f"L2 senses a {kind}")
    subchannel = take_rng(guest)
    lab.tell("passed on once more, in L2, with the C driver")
    output = guest.run(f"ccw run {subchannel} /demo/sense-id-rng.ccw /demo/chain.ccw /demo/unit-check.ccw")
    lab.tell(output.splitlines()[-1])
    guest.run(f"ccw release {subchannel}")


def suspend(lab):
    """An L2 that has started a program that stays in flight, on the rng."""
    guest = guest_with(lab, "rng")
    guest.run(f"l2 suspend {take_rng(guest)} >/suspended 2>&1 &")
    wait_for("l2 says something", lambda: guest.attempt("grep . /suspended")[0] == 0)
    says = guest.run("cat /suspended")
    check("in flight" in says, f"no program is in flight: {says}")
    check(lab.l1.pinned() > 0, "nothing is pinned while a program is in flight")
    lab.tell("a suspended program is in flight")
    return guest


def reboot(lab):
    """L2 boots again in the same QEMU."""
    guest = with_terminal(lab)
    guest.send("reboot -f")
    guest.wait_up()
    check_unpinned(lab)
    is_usable(lab, with_terminal(lab))


def stopped(lab):
    """L2 is stopped at the monitor while keys are typed; it reads them when it goes on."""
    guest = with_terminal(lab)

    def type_while_stopped(text):
        guest.command("stop")
        lab.display.type(text)
        # QEMU takes the status at once, though nobody tests it.
        time.sleep(STOPPED_SECONDS)
        guest.command("cont")

    for number in range(10):
        read(lab, guest, made(20, number).replace(b"\xff", b"\xfe"), type_while_stopped)
    is_usable(lab, guest)
    lab.tell("keys that were typed while it was stopped were read, ten times")


def hot_plug(lab):
    """L2's QEMU gives the terminal up and takes it again, while it is idle."""
    guest = with_terminal(lab)
    for _ in range(3):
        guest.unplug("terminal")
        wait_missed(guest, "terminal")
        check_unpinned(lab)
        lab.tell("unplugged")
        is_usable(lab, with_terminal(lab))
        lab.tell("plugged again, and usable")


def panic(lab):
    """L2's kernel panics with programs in flight; QEMU ends, and the devices are free."""
    guest = with_terminal(lab)
    suspend(lab)
    guest.run(f"l2 storm {TUB} &")
    guest.send("echo c >/proc/sysrq-trigger")
    guest.wait_gone()
    check_free(lab)


def unplug_in_flight(lab):
    """L2's QEMU gives a device up while a program is in flight."""
    guest = suspend(lab)
    guest.unplug("rng")
    wait_for("nothing is pinned", lambda: lab.l1.pinned() == 0)
    # Until its user lets go, L2's own driver keeps all of L2 from seeing devices come and go.
    guest.run("kill $(pidof l2)")
    wait_missed(guest, "rng")
    lab.use_in_l1(RNG)


def wanted_back(lab):
    """The host unbinds a device in use: QEMU is asked for it, lets go, and unbinding ends."""
    guest = with_terminal(lab)
    subchannel = lab.subchannels[TERMINAL]
    lab.l1.run(f"echo {subchannel} >/sys/bus/css/drivers/vfio_ccw/unbind")
    guest.wait_unplugged("terminal")
    wait_missed(guest, "terminal")
    del lab.uuids[TERMINAL]  # with its mediated device
    lab.tell("QEMU has let go, and the subchannel is unbound")
    lab.bind(TERMINAL)
    lab.use_in_l1(TERMINAL)


def vanished(lab):
    """The device vanishes under QEMU: L2 sees it go, and a new one can be bound."""
    guest = guest_with(lab, "spare")
    lab.qmp("device_del", id="spare")
    wait_missed(guest, "spare")
    guest.wait_unplugged("spare")
    lab.forget(SPARE)
    lab.tell("gone in L2, and out of QEMU")
    lab.qmp("device_add", driver="virtio-rng-ccw", id="spare", rng="spare-source", devno="fe.0.0043")
    lab.bind(SPARE)
    lab.use_in_l1(SPARE)


def killed(lab):
    """QEMU is killed while a program is in flight and another device is at work."""
    lab.drop_guest_unless_it_has(DEVICES)  # A new L2 is up sooner than one finds what it lost.
    guest = with_terminal(lab)
    suspend(lab)
    guest.run(f"l2 storm {TUB} &")
    guest.kill()
    check_free(lab)


def tools(lab):
    """driverctl, mdevctl and lscss, as README and docs/qemu.md have them."""
    lab.drop_guest()
    lab.release(TERMINAL)
    subchannel = lab.l1.subchannel(TERMINAL)
    uuid = "7e270a25-e163-4922-af60-757fc8ed48c6"
    run = lab.l1.run

    def lists(command, *words):
        return any(set(words) <= set(line.split()) for line in run(command).splitlines())

    check(lists(f"lscss -d {TERMINAL}", TERMINAL, subchannel), "lscss does not list the device")
    run(f"driverctl -b css set-override {subchannel} vfio_ccw")
    check(f"{subchannel} vfio_ccw" in run("driverctl -b css list-overrides"), "driverctl does not list the override")
    check(lists("lscss --vfio", "none", subchannel), "lscss --vfio does not list the subchannel")
    run(f"mdevctl define -u {uuid} -p {subchannel} -t vfio_ccw-io")
    run(f"mdevctl start -u {uuid}")
    check(uuid in run("mdevctl list"), "mdevctl does not list the device")
    check(lists("lscss --vfio", uuid, subchannel), "lscss --vfio does not list the mediated device")
    lab.tell(run("lscss --vfio"))
    run(f"ccw run {uuid} demo/sense-id-3270.ccw")
    run(f"mdevctl stop -u {uuid}")
    run(f"mdevctl undefine -u {uuid}")
    check(uuid not in run("mdevctl list"), "the mediated device is left")
    run(f"driverctl -b css unset-override {subchannel}")
    lab.l1.subchannel(TERMINAL)
    check(lists("lscss", TERMINAL, subchannel), "lscss does not list the device that was given back")


def unsafe_virtio(lab):
    """Without allow_unsafe_virtio a virtio subchannel is refused, and the log says why; a 3270 is not refused."""
    lab.drop_guest()
    lab.release_all()
    run = lab.l1.run
    rng = lab.l1.subchannel(RNG)

    def check_log():
        lines = run(f"dmesg | grep 'vfio_ccw {rng}: .*virtio'").splitlines()
        check(len(lines) == 1 and "allow_unsafe_virtio" in lines[0], f"the kernel's log has: {lines}")
        lab.tell(lines[0])

    lab.tell(run("grep . /sys/devices/css0/chp0.*/type"))
    try:
        run("rmmod vfio_ccw && modprobe vfio_ccw && dmesg -c >/dev/null")
        status, output = lab.l1.attempt(f"ccw bind {rng}")
        check(status != 0 and "No such device" in output, f"binding ends with {status}: {output}")
        check_log()
        run(f"ccw release {rng}")
        lab.bind(TERMINAL)
        lab.use_in_l1(TERMINAL)
        lab.release(TERMINAL)
        lab.tell("the terminal is bound and sensed all the same")
    finally:
        lab.release_all()
        lab.l1.attempt(f"ccw release {rng}")
        run("rmmod vfio_ccw; . l1/devices.sh; load_driver rust && dmesg -c >/dev/null")
    for device in (TERMINAL, RNG):
        lab.bind(device)
        lab.use_in_l1(device)
    check_log()
    of_the_terminal = f"dmesg | grep '{lab.subchannels[TERMINAL]}: .*virtio'"
    check(lab.l1.attempt(of_the_terminal)[0] != 0, "the log warns of the terminal")


# In an order that needs few new L2s, with time limits of seconds: for a machine that
# has much else to do, and an L2 that is to be booted or has to look for a device.
ALL = {
    "terminal": (terminal, 1500),
    "round-trips": (round_trips, 1000),
    "disconnect": (disconnect, 600),
    "virtio": (virtio, 600),
    "reboot": (reboot, 1000),
    "stopped": (stopped, 600),
    "hot-plug": (hot_plug, 1200),
    "panic": (panic, 600),
    "unplug-in-flight": (unplug_in_flight, 600),
    "wanted-back": (wanted_back, 600),
    "vanished": (vanished, 600),
    "killed": (killed, 1500),
    "tools": (tools, 300),
    "unsafe-virtio": (unsafe_virtio, 300),
}
# Scenarios that `make test` runs: L2 comes up once for all of them, and looks for devices once.
SHORT = ("terminal", "killed", "tools", "unsafe-virtio")
