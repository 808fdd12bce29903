# SPDX-License-Identifier: GPL-2.0
"""Breaks ccwchain and the state of a subchannel with cargo-mutants, one operator or function at a time, and
sees that the tests notice; tests/mutants.toml says what is left out, and why."""

import datetime
import os
import re
import subprocess

from . import build, steps
from .paths import BUILD, TOP
from .steps import Failed

VERSION = "27.1.0"
# The packages by their folders, each with the packages whose tests must notice: the fast ones, and those that
# get what the fast ones have missed.
PACKAGES = {"ccwchain": ("ccwchain", [["ccwchain"], ["model"]]), "drivers/state": ("state", [["state"], ["explorer"]])}
# How much the slow tests do: less than usual, as they run so often.
LESS = {"AGREEMENT_PROGRAMS": "2000", "EXPLORER_DEPTH": "5", "EXPLORER_WALKS": "50"}
# Tests that are optimised less, and know no lines, compile sooner, which takes most of the time. Examples in
# comments are not run.
FASTER = (
    "--cargo-arg=--config=profile.test.package.ccwchain.opt-level=0",
    "--cargo-arg=--config=profile.test.debug=false",
    "--cargo-test-arg=--tests",
)
# A sample is one of so many parts, another each day.
SAMPLES = 40
# Exit statuses of cargo-mutants: all was noticed; something was not; something has become endless.
GOOD, MISSED, ENDLESS = 0, 2, 3


def survivors(program, package, tests, options):
    """Break a package; returns the names of the mutations that the tests of these packages miss."""
    out = build.fresh(BUILD / "mutants" / tests[0])
    command = [program, "mutants", "--config", TOP / "tests/mutants.toml", "--output", out, "--jobs=1"]
    # What is built here, the copy itself among it, is not copied.
    command += ["--gitignore=true", *FASTER, "--package", package]
    command += [f"--test-package={name}" for name in tests]
    # The copy that is broken needs more room than /tmp may have.
    settings = os.environ | LESS | {"TMPDIR": str(out)}
    status = subprocess.run([*command, *options], cwd=TOP, env=settings, check=False).returncode
    if status not in (GOOD, MISSED, ENDLESS):
        raise Failed(f"cargo-mutants ends with {status}")
    missed = out / "mutants.out/missed.txt"
    return missed.read_text(encoding="utf-8").splitlines() if missed.exists() else []


def run(file, sample):
    """Break all, one file, or a sample; returns whether the tests have noticed each time."""
    if file and not (file.startswith(tuple(f"{folder}/" for folder in PACKAGES)) and (TOP / file).is_file()):
        raise Failed(f"there is no file {file!r} in {' or '.join(PACKAGES)}")
    with steps.lock_cache() as cache:
        root = cache / "cargo-mutants"
        # Built unless this version is there.
        install = ["cargo", "install", "--root", root, "--locked", "--version", f"={VERSION}", "cargo-mutants"]
        steps.run("mutants-install", install)
    program = root / "bin/cargo-mutants"
    some = ["--file", file] if file else []
    if sample:
        number = datetime.date.today().toordinal() % SAMPLES
        some += ["--sharding", "round-robin", "--shard", f"{number}/{SAMPLES}"]
    left = []
    for folder, (package, (fast, slow)) in PACKAGES.items():
        if file and not file.startswith(f"{folder}/"):
            continue
        if missed := survivors(program, package, fast, some):
            again = "|".join(map(re.escape, missed))
            # It breaks more than these: it deletes fields, whatever is asked for.
            survived = survivors(program, package, slow, ["--re", f"^({again})$"])
            left += [mutation for mutation in survived if mutation in missed]
    print(f"{len(left)} mutations survive", *left, sep="\n")
    return not left
