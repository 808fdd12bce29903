# SPDX-License-Identifier: GPL-2.0
"""Runs scenarios in QEMU and in Hercules."""

import json
import shutil

from scenarios import run as scenarios
from scenarios.scenarios import ALL, SHORT

from . import build, conformance, l1, linux_on_dasd, paths, steps
from .paths import BUILD, TOP
from .steps import Failed

SECONDS = 3600
LINUX_DISK = "linux-disk"

__all__ = ["SHORT", "boot", "in_hercules", "in_qemu", "linux_disk"]


def boot(name, backend, names=(), **more):
    """Run scenarios through a back end; the consoles stay in build/NAME and build/logs/NAME.log."""
    share = l1.share(name)
    shutil.copy(BUILD / "l2.cpio", share / "l2-initrd")
    shutil.copy(paths.kernel("l2").kernel_image, share / "l2-kernel")
    options = l1.options(name, share, SECONDS, ["sh", "l1/agent"], initrd=BUILD / "l1-scenarios.cpio")
    return scenarios.run(options, backend, names, **more)


def in_qemu(name, backend):
    """Run a scenario or all, through one back end or both."""
    if name and name not in ALL:
        raise Failed(f"there is no scenario {name!r}", f"there are: {', '.join(ALL)}")
    backends = [backend] if backend else conformance.BACKENDS
    step = steps.Steps(len(build.FOR_L2) + len(backends))
    build.build(step, build.FOR_L2)
    good = True
    for one in backends:
        step(f"Scenarios: {name or 'all'}, through {one}")
        good = boot(f"scenarios-{one}", one, [name] if name else []) and good
    return good


def linux_disk():
    """Pass a disk of Linux's own driver through in Hercules, and give it back."""
    share = l1.share(LINUX_DISK)
    good = l1.run(LINUX_DISK, share, 180, ["sh", "l1/linux-disk"], emulator="hercules")
    output = share / "output"
    if output.exists():
        print(output.read_text(encoding="utf-8", errors="replace"))
    return good


def groups():
    """The groups of cases that the suite has in Hercules, by the record of the C driver."""
    record = json.loads((TOP / "tests/conformance/c-driver.json").read_text(encoding="utf-8"))
    return list(dict.fromkeys(case.split(":")[0] for case in record["hercules"]["cases"]))


def in_hercules(name):
    """Run `linux-disk`, `linux-on-dasd`, or a group of cases of the conformance suite on both drivers; as a
    rule all."""
    if name and name not in (known := [LINUX_DISK, linux_on_dasd.NAME, *groups()]):
        raise Failed(f"there is no scenario {name!r} in Hercules", f"there are: {', '.join(known)}")
    good = True
    if name in (None, LINUX_DISK):
        step = steps.Steps(len(build.FOR_L1) + 1)
        build.build(step, build.FOR_L1)
        step("L1 in Hercules: a disk of Linux's own driver is passed through and given back")
        good = linux_disk()
    if name in (None, linux_on_dasd.NAME):
        good = linux_on_dasd.through_all(conformance.BACKENDS) and good
    if name not in (LINUX_DISK, linux_on_dasd.NAME):
        good = conformance.run("hercules", filter=f"{name}: " if name else "") and good
    return good
