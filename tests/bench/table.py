# SPDX-License-Identifier: GPL-2.0
"""Compare what an I/O costs on the C driver and on ours.

usage: table.py TIMES JSON

TIMES is a folder with {c,rust}-{container,iommufd}.times: a line for each shape with
its median, least and greatest number of instructions.  Prints a table, and writes the
same to JSON.
"""

import json
import pathlib
import sys

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


def read(path):
    """The medians of a run by shape."""
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {shape: int(median) for shape, median, _, _ in lines}


def main():
    folder, out = map(pathlib.Path, sys.argv[1:])
    times = {
        f"{driver}-{backend}": read(folder / f"{driver}-{backend}.times")
        for driver in ("c", "rust")
        for backend in BACKENDS
    }
    head = "instructions per I/O"
    print(f"{head:42}" + "".join(f"{'C ' + backend:>14}{'ours':>10}{'ratio':>7}" for backend in BACKENDS))
    for shape, what in SHAPES.items():
        line = f"{shape}  {what:39}"
        for backend in BACKENDS:
            c, ours = times[f"c-{backend}"][shape], times[f"rust-{backend}"][shape]
            line += f"{c:14,}{ours:10,}{ours / c:7.2f}"
        print(line)
    out.write_text(json.dumps({"shapes": SHAPES, "instructions": times}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
