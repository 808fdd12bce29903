# SPDX-License-Identifier: GPL-2.0
"""Break the translator one line at a time, and see that the tests notice.

usage: mutate.py DIRECTORY [WORD...]

The directory is for the copy of the sources and for what cargo builds. With words, only mutations
whose promise holds one of them are tried.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SOURCES = ["Cargo.toml", "Cargo.lock", "ccwchain", "drivers", "iommu_type1_stub", "tests", "tools"]

# The tests that must notice, from fast to slow.
SUITES = ["ccwchain", "fuzz_common", "agreement"]

# A mutation may make something endless.
TIMEOUT = 300


class Refused(Exception):
    """A mutation that cannot be tried; the text says why."""


def cargo_test(directory, *args):
    """Run cargo test, and return its exit status, or None if it takes too long.

    What it says is in the log until it runs again.
    """
    environment = os.environ | {"CARGO_TARGET_DIR": str(directory / "target")}
    command = ["cargo", "test", "--quiet", "--locked", "--lib", "--tests", *args]
    with open(directory / "log", "wb") as log, subprocess.Popen(
        command,
        cwd=directory / "tree",
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as child:
        try:
            return child.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            return None


def mutated(text, mutation):
    """Return the text of a file with the mutation in it."""
    lines = text.splitlines(keepends=True)
    found = [index for index, line in enumerate(lines) if line.strip() == mutation["old"]]
    if len(found) != 1:
        raise Refused(f"{mutation['file']} has the line {len(found)} times: {mutation['old']}")
    line = lines[found[0]]
    lines[found[0]] = line.replace(mutation["old"], mutation["new"])
    return "".join(lines)


def catcher(directory):
    """Return the name of the suite that fails, or None if all pass."""
    for suite in SUITES:
        status = cargo_test(directory, "--package", suite)
        if status is None:
            return f"{suite}, by taking too long"
        if status != 0:
            return suite
    return None


def try_one(directory, mutation):
    """Return the suite that catches a mutation, or None if it survives."""
    path = directory / "tree" / mutation["file"]
    original = path.read_text()
    path.write_text(mutated(original, mutation))
    try:
        if cargo_test(directory, "--no-run", "--package", SUITES[0]) != 0:
            raise Refused("it does not compile")
        return catcher(directory)
    finally:
        path.write_text(original)


def copy_sources(tree):
    """Make a fresh copy of what the suites are built of.

    The files are as old as the copy: cargo may have built the last mutation from them before.
    """
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for name in SOURCES:
        source = TOP / name
        if source.is_dir():
            shutil.copytree(source, tree / name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source, tree / name)


def main():
    directory, words = Path(sys.argv[1]), sys.argv[2:]
    with open(Path(__file__).parent / "mutations.toml", "rb") as file:
        mutations = tomllib.load(file)["mutation"]
    if words:
        mutations = [m for m in mutations if any(word in m["promise"] for word in words)]

    copy_sources(directory / "tree")
    failing = catcher(directory)
    if failing:
        log = directory / "log"
        end = "".join(log.read_text().splitlines(keepends=True)[-25:])
        sys.exit(f"{end}\nerror: {failing} fails without any mutation; the whole log: {log}")

    bad = 0
    for number, mutation in enumerate(mutations, 1):
        try:
            suite = try_one(directory, mutation)
            verdict = f"caught by {suite}" if suite else "SURVIVED"
        except Refused as reason:
            suite, verdict = None, f"NOT TRIED: {reason}"
        bad += suite is None
        print(f"[{number}/{len(mutations)}] {mutation['promise']}: {verdict}", flush=True)
        if suite is None:
            print(f"      {mutation['file']}\n      - {mutation['old']}\n      + {mutation['new']}")
    print(f"{len(mutations) - bad} caught, {bad} not")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
