# SPDX-License-Identifier: GPL-2.0
"""The host goes down with devices bound, open and busy (scripts/l1/shutdown)."""

import shutil

from . import build, l1, paths
from .steps import Steps


def goes_down(how, share, seconds, kernel="plain", **more):
    """Boot L1 and have it go down; whether all was as it should be.  A device more than usual is busy."""
    command = ["sh", "l1/shutdown", "rust", how]
    return l1.run(f"shutdown-{how}", share, seconds, command, kernel, silence=seconds / 5, rngs=1, **more)


def shutdown():
    """Power off, and reboot."""
    return all([goes_down(how, l1.share(f"share-shutdown-{how}"), 300) for how in ("poweroff", "reboot")])


def kexec():
    """Boot another kernel from the debug kernel, the only one that has kexec; it finds the devices as they were."""
    step = Steps(len(build.FOR_L1) + 1)
    build.build(step, build.FOR_L1, "debug")
    step("L1: boot it, and the same kernel from it")
    share, at = l1.share("share-shutdown-kexec"), paths.kernel("debug")
    shutil.copy(at.kernel_image, share / "image")
    shutil.copy(at.image, share / "initrd")
    return goes_down("kexec", share, 600, "debug", parameters="kunit.enable=0")
