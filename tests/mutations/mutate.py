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
SOURCES = ["Cargo.toml", "Cargo.lock", "ccwchain", "iommu_type1_stub", "tests", "tools"]

# The tests that must notice, from fast to slow.
SUITES = ["ccwchain", "fuzz_common", "agreement"]

# A mutation may make something endless.
TIMEOUT = 300


class Refused(Exception):
    """A mutation that cannot be tried; the text says why."""


def cargo_test(tree, target, *args):
    """Run cargo test, and return its exit status, or None if it takes too long."""
    environment = os.environ | {"CARGO_TARGET_DIR": str(target)}
    command = ["cargo", "test", "--quiet", "--locked", "--lib", "--tests", *args]
    with subprocess.Popen(
        command,
        cwd=tree,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
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


def catcher(tree, target):
    """Return the name of the suite that fails, or None if all pass."""
    for suite in SUITES:
        status = cargo_test(tree, target, "--package", suite)
        if status is None:
            return f"{suite}, by taking too long"
        if status != 0:
            return suite
    return None


def try_one(tree, target, mutation):
    """Return the suite that catches a mutation, or None if it survives."""
    path = tree / mutation["file"]
    original = path.read_text()
    path.write_text(mutated(original, mutation))
    try:
        if cargo_test(tree, target, "--no-run", "--package", SUITES[0]) != 0:
            raise Refused("it does not compile")
        return catcher(tree, target)
    finally:
        path.write_text(original)


def copy_sources(tree):
    """Make a fresh copy of what the suites are built of."""
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for name in SOURCES:
        source = TOP / name
        if source.is_dir():
            shutil.copytree(source, tree / name)
        else:
            shutil.copy2(source, tree / name)


def main():
    directory, words = Path(sys.argv[1]), sys.argv[2:]
    tree, target = directory / "tree", directory / "target"
    with open(Path(__file__).parent / "mutations.toml", "rb") as file:
        mutations = tomllib.load(file)["mutation"]
    if words:
        mutations = [m for m in mutations if any(word in m["promise"] for word in words)]

    copy_sources(tree)
    failing = catcher(tree, target)
    if failing:
        sys.exit(f"error: {failing} fails without any mutation")

    bad = 0
    for number, mutation in enumerate(mutations, 1):
        try:
            suite = try_one(tree, target, mutation)
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
