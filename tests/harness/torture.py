# SPDX-License-Identifier: GPL-2.0
"""Tortures our driver on the debug kernel, or on the KASAN kernel: several devices at once, with users that
are killed and a host that takes the devices away (tests/conformance/src/torture.rs)."""

import os
import secrets

from . import build, l1, steps
from .kasan import make as make_kasan
from .steps import Failed

# Those that are in each L1 of QEMU, and those that are only in this one.
USUAL = ("0.0.000a", "0.0.0042", "0.0.0043")
FURTHER = tuple(f"0.0.{number:04x}" for number in range(0x44, 0x49))
DEVICES = USUAL + FURTHER
# More processors of L1 than the machine has only wait for each other, with locks held.
PROCESSORS = min(4, os.cpu_count())
# What booting, loading the module with its tests, and looking for leaks may take; and a device that is just
# unplugged as the time is over.
AROUND_SECONDS = 900


def run(seconds, seed, devices, processors, kasan):
    """Torture so many devices for so long; whether all was as it should be."""
    if not 1 <= devices <= len(DEVICES):
        raise Failed(f"DEVICES={devices}: there are 1 to {len(DEVICES)}")
    if not 1 <= processors <= 8:
        raise Failed(f"CPUS={processors}: there are 1 to 8")
    seed = secrets.randbelow(2**32) if seed is None else seed
    kernel = "kasan" if kasan else "debug"
    step = steps.Steps(len(build.FOR_L1) + (1 if kasan else 2))
    if kasan:
        make_kasan(step)
    else:
        build.build(step, build.FOR_L1, kernel)
    step(f"L1: {devices} devices for {seconds} s, with SEED={seed}")
    job = ["sh", "l1/torture", str(seed), str(seconds), *DEVICES[:devices]]
    name = "torture-kasan" if kasan else "torture"
    options = l1.options(
        name, l1.share(f"share-{name}"), seconds + AROUND_SECONDS, job, kernel,
        cpus=processors, rngs=len(FURTHER),
    )  # fmt: skip
    storms = l1.boot.run(options)
    if kasan:
        return storms  # Only the debug kernel has failing allocations.
    step("L1: each allocation fails once")
    return fail_nth() and storms


def fail_nth():
    """Have each allocation of each call fail once; whether all was as it should be."""
    # The module is loaded once for each allocation: without its tests.
    options = l1.options(
        "fail-nth", l1.share("share-fail-nth"), 3600, ["sh", "l1/fail-nth", DEVICES[1]], "debug",
        parameters="kunit.enable=0", silence=1200,
    )  # fmt: skip
    return l1.boot.run(options)
