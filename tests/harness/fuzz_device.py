# SPDX-License-Identifier: GPL-2.0
"""Fuzzes the interface of devices in L1, on the KASAN kernel, with its coverage of the module
(tests/conformance/src/fuzz.rs)."""

import pathlib
import secrets
import shutil

from . import kasan, l1, steps
from .build import FOR_L1
from .paths import BUILD, TOP
from .steps import Failed

RESULTS = BUILD / "fuzz-device"
# What booting, loading the module with its tests, and looking for leaks may take.
AROUND_SECONDS = 600
REPLAY_SECONDS = 3600
# A sequence ends sooner, or is ended.
SILENCE = 300


def run(seconds, seed, replay):
    """Fuzz for so many seconds, or run the sequences of a file again; whether all was as it should be."""
    step = steps.Steps(len(FOR_L1) + 1)
    if replay and not pathlib.Path(replay).is_file():
        raise Failed(f"REPLAY={replay} is not a file")
    kasan.make(step)
    share = l1.share("share-fuzz-device")
    if replay:
        step(f"L1: the sequences of {replay}")
        shutil.copy(replay, share / "replay")
        words, limit = ["replay", "replay"], REPLAY_SECONDS
    else:
        seed = secrets.randbelow(2**32) if seed is None else seed
        step(f"L1: fuzz for {seconds} s, with SEED={seed}")
        words, limit = ["run", str(seed), str(seconds)], seconds + AROUND_SECONDS
    # With memory that is wrong the machine may hang: it ends at the report.
    options = l1.options(
        "fuzz-device", share, limit, ["sh", "l1/fuzz-device", *words], "kasan",
        parameters="kasan.fault=panic", silence=SILENCE,
    )  # fmt: skip
    good = l1.boot.run(options)
    l1.keep(share, RESULTS, "corpus")
    if (RESULTS / "corpus").exists() and not replay:
        print(f"what was kept: {(RESULTS / 'corpus').relative_to(TOP)}")
    if not good and (share / "sequence").exists():
        found = RESULTS / f"failed-{seed}" if not replay else RESULTS / "failed-replay"
        # The file is as long as the longest sequence.
        found.write_text((share / "sequence").read_text(encoding="utf-8").rstrip() + "\n", encoding="utf-8")
        print(f"the last sequence: make fuzz-device REPLAY={found.relative_to(TOP)}")
    return good
