# SPDX-License-Identifier: GPL-2.0
"""Boots L1 with a job in its shared folder."""

import os
import shutil

from . import boot, build, paths
from .paths import BUILD, LOGS, SCRIPTS, TOP


def share(name):
    """Make a shared folder anew, with scripts/l1, demo and the inputs of the fuzz targets in it."""
    folder = build.fresh(BUILD / name)
    shutil.copytree(SCRIPTS / "l1", folder / "l1")
    shutil.copytree(TOP / "demo", folder / "demo")
    shutil.copytree(TOP / "tests/fuzz/corpus", folder / "inputs")
    return folder


def options(name, folder, seconds, command, kernel="plain", **more):
    """Make the options of a boot for a command in a shared folder; the console goes to a log of that name."""
    at = paths.kernel(kernel)
    LOGS.mkdir(parents=True, exist_ok=True)
    seed = os.environ.get("SEED")
    return boot.Options(
        at.kernel_image, more.pop("initrd", at.image), folder, LOGS / f"{name}.log", seconds, command,
        seed=int(seed) if seed else None, **more,
    )  # fmt: skip


def run(*arguments, **more):
    """Boot L1 for a command, whose output is shown; whether all was as it should be."""
    return boot.run(options(*arguments, **more))


def keep(folder, results, *patterns):
    """Keep the results in a shared folder: what there is of them is judged in any case."""
    results.mkdir(parents=True, exist_ok=True)
    for pattern in patterns:
        for path in folder.glob(pattern):
            shutil.copy(path, results)


def summary(share):
    """Read what a program in L1 leaves there: a line for each thing done with an exit status and a title."""
    path = share / "summary"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [(title, status == "0") for status, title in (line.split(" ", 1) for line in lines)]
