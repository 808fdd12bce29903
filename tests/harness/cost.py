# SPDX-License-Identifier: GPL-2.0
"""Counts the instructions of a translation with callgrind: the table of docs/performance.md."""

import os
import re
import subprocess

from . import debian, steps
from .paths import BUILD
from .steps import Failed

SIZES = (1, 16, 64, 256, 1024, 4096)
TIMES = 10
# Rows: a title, the kind of the program (tests/cost), the number of things in a CCW, and the kind without them.
ROWS = (
    ("instructions per CCW without data", "no-data", 1, None),
    ("per CCW of one IDAW", "writes", 1, None),
    ("per data-chained CCW of one IDAW", "data-chain", 1, None),
    ("per CCW with a list of 16 IDAWs", "lists", 1, None),
    ("per IDAW of it beyond the first", "lists", 15, "writes"),
    ("per CCW of one IDAW, scattered by TICs", "scattered", 1, None),
    ("per CCW at which 4 commands can be in effect", "shared", 1, None),
)
OUT = BUILD / "cost"
TRIPLE = "x86_64-unknown-linux-gnu"


def instructions(valgrind, *arguments):
    """Count the instructions of the program."""
    command = [valgrind / "bin/valgrind.bin", "--tool=callgrind", f"--callgrind-out-file={OUT}/callgrind"]
    settings = os.environ | {"VALGRIND_LIB": str(valgrind / "libexec/valgrind")}
    log = OUT / "valgrind.log"
    with open(log, "wb") as file:
        program = [OUT / "target" / TRIPLE / "release/cost", *map(str, arguments)]
        done = subprocess.run([*command, *program], env=settings, stdout=subprocess.DEVNULL, stderr=file, check=False)
    if done.returncode:
        raise Failed(f"valgrind failed; its output: {log}", *steps.last_lines(log, 1))
    return int(re.search(r"^totals: (\d+)", (OUT / "callgrind").read_text(), re.MULTILINE)[1])


def row(title, cells):
    print(f"| {title:44} | " + " | ".join(f"{cell:5}" for cell in cells) + " |", flush=True)


def run():
    """Print the table: of one translation, when others came before."""
    # Static, so that no loader counts.
    static = {"RUSTFLAGS": "-Ctarget-feature=+crt-static", "CARGO_TARGET_DIR": f"{OUT}/target"}
    build = ["cargo", "build", "--release", "--locked", "--package=cost", f"--target={TRIPLE}"]
    with steps.lock_cache() as cache:
        valgrind = debian.fetch("valgrind", cache)
        steps.run("cost-build", build, **static)
    subprocess.run(["rustc", "--version"], check=True)
    row("CCWs in the program", SIZES)
    print("|" + "-" * 46 + "|" + "------:|" * len(SIZES))
    costs = {None: [0] * len(SIZES)}
    for title, kind, things, without in ROWS:
        if kind not in costs:
            counts = [[instructions(valgrind, kind, ccws, times) for times in (1, 1 + TIMES)] for ccws in SIZES]
            costs[kind] = [(more - once) // TIMES for once, more in counts]
        each = zip(costs[kind], costs[without], SIZES)
        row(title, [(cost - other) // ccws // things for cost, other, ccws in each])
