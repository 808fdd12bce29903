# SPDX-License-Identifier: GPL-2.0
"""Paths in the clone, in the cache, and of each kernel of the tests."""

import dataclasses
import functools
import os
import pathlib
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
# Logs are in the clone: another one may use the cache, too.
LOGS = BUILD / "logs"
SCRIPTS = TOP / "scripts"

# The kernels, each with the setting by which scripts/kernel-paths.sh knows it.
KERNELS = {
    "plain": {}, "debug": {"DEBUG": "1"}, "bench": {"BENCH": "1"}, "dasd": {"DASD": "1"}, "kasan": {"KASAN": "1"},
    "l2": {"L2": "1"},
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Kernel:
    """Paths of a kernel, and of what is built for it."""

    cache: pathlib.Path
    variant: str  # in the names of what is built for this kernel
    kernel_source: pathlib.Path
    kernel_build: pathlib.Path
    kernel_image: pathlib.Path
    module: pathlib.Path
    image: pathlib.Path  # the initial file system of L1
    l1_packages: pathlib.Path
    dasd_packages: pathlib.Path


@functools.cache
def kernel(name="plain"):
    """The paths of a kernel, as scripts/paths has them."""
    lines = subprocess.run(
        [SCRIPTS / "paths"], env=environment(name), stdout=subprocess.PIPE, check=True, text=True
    ).stdout.splitlines()
    values = dict(line.split("=", 1) for line in lines)
    return Kernel(**{key: value if key == "variant" else pathlib.Path(value) for key, value in values.items()})


def environment(name="plain"):
    """The environment of a script that builds something for a kernel."""
    return os.environ | KERNELS[name]
