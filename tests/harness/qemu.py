# SPDX-License-Identifier: GPL-2.0
"""L1 under QEMU: virtio-rng and 3270, and the shared folder as a file system."""

import subprocess
import threading

from .host import Host


class Qemu:
    """The emulator, from its start to its end."""

    def __init__(self, options, run, folder):
        self._run = run
        run.host = Host(options.share, folder, run)
        self.process = subprocess.Popen(
            command(options, folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def attend(self, ended):
        """Be there for L1 until `ended` is set."""
        self._run.host.connect(lambda: self.process.poll() is None)
        threading.Thread(target=self._run.host.serve, args=(ended,), daemon=True).start()

    def lines(self):
        """The lines of the console, as they come."""
        for raw in self.process.stdout:
            yield raw.decode(errors="backslashreplace").rstrip("\r\n")

    def finish(self):
        """Wait for the end, and judge it."""
        status = self.process.wait()
        if status != 0:
            self._run.fail(f"QEMU ended with status {status}")

    def close(self):
        """Let go of all connections."""
        self._run.host.close()


def command(options, sockets):
    """QEMU's command line."""
    return [
        "qemu-system-s390x",
        # More memory than 31 bits can address, so that a page above that is pinned as a rule.
        *("-M", "s390-ccw-virtio", "-accel", "tcg", "-m", "3G"),
        *("-smp", str(options.cpus)),
        *(("-icount", "shift=0,sleep=off") if options.icount else ()),
        *(("-plugin", options.plugin) if options.plugin else ()),
        *("-nodefaults", "-display", "none", "-no-reboot", "-action", "panic=exit-failure"),
        *("-kernel", options.kernel, "-initrd", options.initrd),
        # The kernel's own suites are not ours to judge.
        *("-append", f"console=ttysclp0 panic=-1 kunit.filter_glob=vfio_ccw* {options.parameters}"),
        *("-chardev", "stdio,id=console,signal=off", "-device", "sclpconsole,chardev=console"),
        *("-qmp", f"unix:{sockets}/qmp,server=on,wait=off"),
        *("-fsdev", f"local,id=share,path={options.share},security_model=none"),
        *("-device", "virtio-9p-ccw,fsdev=share,mount_tag=share,devno=fe.0.0001"),
        *("-object", "rng-builtin,id=rng-source"),
        *("-device", "virtio-rng-ccw,id=rng,rng=rng-source,devno=fe.0.0042"),
        # To be unplugged, and plugged again with the same source.
        *("-object", "rng-builtin,id=spare-source"),
        *("-device", "virtio-rng-ccw,id=spare,rng=spare-source,devno=fe.0.0043"),
        *further_rngs(options.rngs),
        *("-chardev", f"socket,id=t,path={sockets}/3270,server=on,wait=off,tn3270=on"),
        *("-device", "x-terminal3270,id=terminal,chardev=t,devno=fe.0.000a"),
    ]


def further_rngs(count):
    """More virtio-rng, from device number 0044 on."""
    for number in range(0x44, 0x44 + count):
        yield from ("-object", f"rng-builtin,id=source-{number:x}")
        yield from ("-device", f"virtio-rng-ccw,id=rng-{number:x},rng=source-{number:x},devno=fe.0.{number:04x}")
