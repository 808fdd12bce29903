# SPDX-License-Identifier: GPL-2.0
"""The kernel that checks each access to memory (KASAN), and its module."""

import subprocess

from . import build, paths
from .steps import Failed

# Symbols that the compiler leaves where it has instrumented: each access to memory, and each block of code.
WANTED = ("__asan_", "__sanitizer_cov_trace_pc")
# The objects of all crates and of the C helpers.
OBJECTS = (
    "drivers/vfio_ccw.o", "drivers/state/state.o", "mdev/mdev.o", "mdev/c/helpers.o", "ccwchain/src/ccwchain.o"
)  # fmt: skip


def lacking(symbols):
    """The instrumentation that an object does not have, by what nm prints of it."""
    names = [line.split()[-1] for line in symbols.splitlines() if line.strip()]
    return [wanted for wanted in WANTED if not any(name.startswith(wanted) for name in names)]


def make(step):
    """Build what L1 is booted from, and check that all of the module is instrumented."""
    build.build(step, build.FOR_L1, "kasan")
    for name in OBJECTS:
        path = paths.kernel("kasan").module / name
        symbols = subprocess.run(["nm", path], stdout=subprocess.PIPE, check=True, text=True).stdout
        if missing := lacking(symbols):
            raise Failed(f"{path} is not instrumented: it has no {' and no '.join(missing)}")
