# SPDX-License-Identifier: GPL-2.0
"""Line coverage of ccwchain by the tests that cargo runs, with the lines that no test comes to."""

import json
import os
import pathlib
import subprocess

from . import build, debian, steps
from .paths import BUILD, TOP
from .steps import Failed

LEAST = 98  # percent
LLVM = "llvm-22"  # the LLVM of the rustc in the build root
OUT = BUILD / "coverage"
PROFILES = OUT / "profiles"
# Tests that run code of ccwchain.  Lines of functions that are inlined would not count as run.
TESTS = ["cargo", "--config", "profile.test.package.ccwchain.opt-level=0", "test", "--locked"]
TESTS += ["--package=ccwchain", "--package=model", "--lib", "--tests"]
SETTINGS = {
    "RUSTFLAGS": "-Cinstrument-coverage",
    "CARGO_TARGET_DIR": str(OUT / "target"),
    "LLVM_PROFILE_FILE": f"{PROFILES}/%m-%p.profraw",
}


def measure(tools):
    """Count how often each line was run by the tests: {file: {line: count}}."""
    build_tests, settings = [*TESTS, "--no-run", "--message-format=json"], os.environ | SETTINGS
    messages = subprocess.check_output(build_tests, env=settings, stderr=subprocess.DEVNULL)
    programs = [json.loads(line).get("executable") for line in messages.splitlines()]
    objects = [f"--object={program}" for program in programs if program]
    merged = OUT / "merged.profdata"
    subprocess.run([tools / "llvm-profdata", "merge", "--sparse", "-o", merged, PROFILES], check=True)
    options = ["export", "--format=lcov", f"--instr-profile={merged}", *objects, "--sources", TOP / "ccwchain/src"]
    lcov = subprocess.run([tools / "llvm-cov", *options], stdout=subprocess.PIPE, check=True, text=True).stdout
    return parse(lcov)


def parse(lcov):
    """Parse lcov: {file: {line: count}}."""
    files = {}
    for record in lcov.splitlines():
        kind, _, value = record.partition(":")
        if kind == "SF":
            lines = files.setdefault(value, {})
        elif kind == "DA":
            line, count = value.split(",")[:2]
            lines[int(line)] = int(count)
    return files


def report(files):
    """Print the lines that were not run and the share of those that were; whether that is enough."""
    total = run = 0
    for file, lines in files.items():
        source = pathlib.Path(file).read_text(encoding="utf-8").splitlines()
        for line, count in lines.items():
            total += 1
            run += count > 0
            if not count:
                print(f"{os.path.relpath(file, TOP)}:{line}:{source[line - 1]}")
    if not total:
        raise Failed("no line of ccwchain was measured")
    print(f"{run} of {total} lines of ccwchain are run: {100 * run / total:.2f} %")
    return 100 * run >= LEAST * total


def run():
    """Measure; fails below the least share.  The tools are downloaded once, 19 MB."""
    with steps.lock_cache() as cache:
        tools = debian.fetch(LLVM, cache) / "lib" / LLVM / "bin"
        build.fresh(PROFILES)
        steps.run("coverage-tests", TESTS, **SETTINGS)
        if not report(measure(tools)):
            raise Failed(f"that is less than {LEAST} %")
