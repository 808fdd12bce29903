# SPDX-License-Identifier: GPL-2.0
"""What an I/O costs on the C driver and on ours, as a table."""

SHAPES = {
    "1": "one no-operation",
    "2": "SENSE ID of 256 bytes",
    "3": "16 CCWs of 4 KiB",
    "4": "64 CCWs of 4 KiB, lists of two IDAWs",
    "5": "200 of those",
    "6": "one CCW of 60 KiB, neighbouring pages",
    "7": "the same, scattered pages",
    "8": "8 format-0 CCWs of 256 bytes",
    "N": "200 no-operations",
}
BACKENDS = ("container", "iommufd")

# Measured drivers, in this order: the C driver, ours, and ours with cached pins.
NAMES = {"c": "C", "rust": "ours", "kept": "kept"}


def read(path):
    """The medians of a run by shape."""
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {shape: int(median) for shape, median, _, _ in lines}


def compare(folder):
    """Print a table of {c,rust,kept}-{container,iommufd}.times, which have a line for each shape with its
    median, least and greatest number of instructions.  Returns the medians."""
    times = {f"{name}-{backend}": read(folder / f"{name}-{backend}.times") for name in NAMES for backend in BACKENDS}
    for backend in BACKENDS:
        print(f"\n{f'instructions per I/O, {backend}':42}{'C':>11}{'ours':>11}{'ratio':>7}{'kept':>11}{'ratio':>7}")
        for shape, what in SHAPES.items():
            c, ours, kept = (times[f"{name}-{backend}"][shape] for name in NAMES)
            print(f"{shape}  {what:39}{c:11,}{ours:11,}{ours / c:7.2f}{kept:11,}{kept / c:7.2f}")
    return times
