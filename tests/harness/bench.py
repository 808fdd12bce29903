# SPDX-License-Identifier: GPL-2.0
"""Counts the instructions of the guest for an I/O, on the C driver and on ours in one boot."""

import json

from bench import chart, profile, table

from . import build, l1, steps
from .paths import BUILD, TOP

ROUNDS = 101
MANY_ROUNDS = 300
# Measurements of l1/bench-many, each in a file of its own.
MANY = ("no-device", *(f"{driver}-{backend}" for driver in ("c", "rust") for backend in ("container", "iommufd")))
FOLDER = TOP / "tests/bench"
PLUGIN = BUILD / "profile.so"


def measure(share, name, seconds, command, **options):
    """Boot L1 for one measurement, with the clock going by instructions."""
    options = l1.options(name, share, seconds, command, "bench", icount=True, **options)
    steps.run(f"{name}-output", lambda: l1.boot.run(options))


def run(where):
    """Print how both compare, or where the instructions go; build/bench.json has the numbers, and
    build/bench.svg draws them."""
    step = steps.Steps(len(build.FOR_L1) + 2)
    build.build(step, build.FOR_L1, "bench")
    share = l1.share("share-bench")
    rounds = str(ROUNDS)
    if where:
        step("Plugin for QEMU")
        flags = ["-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-fPIC", "-shared", "-o"]
        steps.run("bench-plugin", ["gcc", *flags, PLUGIN, FOLDER / "profile/profile.c"])
        step(f"L1: {rounds} times each program")
        measure(share, "bench", 1800, ["sh", "l1/bench", rounds], cpus=1, plugin=f"{PLUGIN},out={share}/blocks")
        profile.report(share, ROUNDS, BUILD / "profile")
        return
    step(f"L1: {rounds} times each program")
    measure(share, "bench", 900, ["sh", "l1/bench", rounds], cpus=1)
    step("L1: 1, 2 and 4 devices, each with a processor")
    measure(share, "bench-many", 300, ["sh", "l1/bench-many", str(MANY_ROUNDS)], cpus=4, rngs=4)
    times = table.compare(share)
    numbers = json.dumps({"shapes": table.SHAPES, "instructions": times}, indent=1)
    (BUILD / "bench.json").write_text(numbers + "\n", encoding="utf-8")
    (BUILD / "bench.svg").write_text(chart.draw(times), encoding="utf-8")
    print(f"\n{'16 CCWs of 4 KiB on as many devices at once':42}{1:11}{2:11}{4:11}")
    for name in MANY:
        _, *counts = (share / f"many-{name}").read_text(encoding="utf-8").split()
        print(f"{name:42}" + "".join(f"{int(count):11,}" for count in counts))
    print("\nin build: bench.json, bench.svg")
