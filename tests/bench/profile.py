# SPDX-License-Identifier: GPL-2.0
"""Tells where the instructions of an I/O go, by what a plugin of QEMU has counted (profile/profile.c)."""

import bisect
import collections
import itertools
import subprocess

from .table import BACKENDS, NAMES, SHAPES

# Parts that an instruction can be of, by the module of its function; all others are the kernel's.
PARTS = {"client": "client", "vfio_ccw": "driver"}
PARTS |= dict.fromkeys(("mdev", "vfio", "vfio_iommu_type1", "iommufd"), "VFIO")
PART_NAMES = ("driver", "VFIO", "kernel", "client")

# Things that are counted, and the functions that do them.
COUNTS = {
    "allocations": (
        *("__kmalloc_noprof", "__kmalloc_large_noprof", "__kmalloc_node_noprof"),
        *("__kvmalloc_node_noprof", "__kmalloc_cache_noprof", "kmem_cache_alloc_noprof"),
    ),
    "pin calls": ("vfio_pin_pages",),
    "unpin calls": ("vfio_unpin_pages",),
    "reads": ("vfio_dma_rw",),
    "work items": ("__queue_work",),
}


def read_symbols(path):
    """The functions of a running kernel, by their addresses: (address, name, module)."""
    symbols = []
    for line in path.read_text(encoding="utf-8").splitlines():
        address, _, name, *module = line.split()
        symbols.append((int(address, 16), name, module[0].strip("[]") if module else "kernel"))
    return [(0, "(user)", "client"), *sorted(symbols)]


def profile(blocks, symbols):
    """Instructions and calls by (module, function)."""
    instructions, calls = collections.Counter(), collections.Counter()
    for line in blocks.read_text(encoding="utf-8").splitlines():
        address, length, runs = line.split()
        address, runs = int(address, 16), int(runs)
        start, name, module = symbols[bisect.bisect_right(symbols, address, key=lambda symbol: symbol[0]) - 1]
        instructions[module, name] += int(length) * runs
        if address == start:
            calls[module, name] += runs
    return instructions, calls


def readable(names):
    """Names as they are in the sources."""
    filtered = subprocess.check_output(["c++filt"], input="\n".join(names), encoding="utf-8")
    return dict(zip(names, filtered.splitlines()))


def write(path, instructions, calls, rounds):
    """The list of all functions of one measurement."""
    names = readable([name for _, name in instructions])
    with open(path, "w", encoding="utf-8") as file:
        print(f"{'instructions':>12}{'calls':>9}  an I/O", file=file)
        for (module, name), count in instructions.most_common():
            if count >= rounds:
                per_call = calls[module, name] / rounds
                print(f"{count / rounds:12,.1f}{per_call:9,.2f}  [{module}] {names[name]}", file=file)


def summary(instructions, calls, rounds):
    """The numbers of one measurement."""
    parts, called = collections.Counter(), collections.Counter()
    for (module, _), count in instructions.items():
        parts[PARTS.get(module, "kernel")] += count
    for (_, name), count in calls.items():
        called[name] += count
    numbers = [parts[part] / rounds for part in PART_NAMES]
    return numbers, [sum(called[name] for name in names) / rounds for names in COUNTS.values()]


def report(share, rounds, out):
    """Print for each program what an I/O took by module, and how often what is dear was called; a folder gets
    a list of all functions for each measurement.

    The folder that L1 had has a file blocks.N of the plugin for each measurement, and DRIVER.kallsyms.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    symbols = {driver: read_symbols(share / f"{driver}.kallsyms") for driver in NAMES}
    for number, (driver, backend, shape) in enumerate(itertools.product(NAMES, BACKENDS, SHAPES)):
        counted = profile(share / f"blocks.{number}", symbols[driver])
        write(out / f"{driver}-{backend}-{shape}.txt", *counted, rounds)
        rows.append((shape, backend, driver, summary(*counted, rounds)))
    heads = "".join(f"{head:>12}" for head in (*PART_NAMES, *COUNTS))
    print(f"{'an I/O':22}{heads}")
    for shape, backend, driver, (instructions, counts) in sorted(rows):
        line = f"{shape} {backend:10}{NAMES[driver]:9}"
        line += "".join(f"{value:12,.0f}" for value in instructions)
        line += "".join(f"{value:12,.1f}" for value in counts)
        print(line)
    print(f"\nall functions: {out}")
