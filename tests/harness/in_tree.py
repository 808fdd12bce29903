# SPDX-License-Identifier: GPL-2.0
"""Puts the driver into the source tree of the kernel of the tests, checks the patches, builds it both ways and runs
its KUnit suites with the kernel's own tool.

All of it is done on layers over the source and over the build of that kernel, at the same paths: what both have in
common is not built again, and nothing of the cache changes.  Runs in scripts/packaging-root.
"""

import contextlib
import os
import pathlib
import re
import subprocess

from . import paths
from .build import fresh
from .install import CROSS, expect
from .paths import BUILD, SCRIPTS, TOP
from .steps import Failed

HOME = "drivers/s390/cio/vfio_ccw_rust"
MODULE = {"VFIO_CCW": "n", "VFIO_CCW_RUST": "m", "VFIO_CCW_RUST_KUNIT_TEST": "y"}
BUILT_IN = {"VFIO_CCW_RUST": "y", "VFIO": "y", "VFIO_IOMMU_TYPE1": "y", "IOMMUFD": "y"}
# What kunit.py sets for this architecture.
KUNIT = {"SCHED_TOPOLOGY": "y", "NUMA": "y", "TUNE_ZEC12": "y"}
# What checkpatch complains of without a fault; docs/porting.md has these reasons, too.
IGNORED = {
    "FILE_PATH_CHANGES": "the last patch has the entry in MAINTAINERS",
    "LONG_LINE": "rustfmt decides on the width of code, and leaves strings and tables as they are",
    "OPEN_ENDED_LINE": "inline assembly and the macros of trace points are written so elsewhere",
    "PARENTHESIS_ALIGNMENT": "the macros of trace points are written so elsewhere",
    "FUNCTION_ARGUMENTS": "a pointer to an array, u8 (*irb)[N], has a name",
    "MSLEEP": "one loop waits for what is nearly always over; how long it sleeps does not matter",
}


def run(*words, **settings):
    print("$", *words, flush=True)
    subprocess.run(words, env=os.environ | CROSS | settings, check=True)


@contextlib.contextmanager
def layer(path, name):
    """What is written to a folder goes to another one, in build."""
    upper, work = fresh(BUILD / f"in-tree-{name}"), fresh(BUILD / f"in-tree-{name}.work")
    options = f"lowerdir={path},upperdir={upper},workdir={work}"
    for more in ("", ",userxattr"):
        if not subprocess.run(
            ["mount", "-t", "overlay", "overlay", "-o", options + more, path], check=False
        ).returncode:
            break
    else:
        raise Failed(
            f"cannot lay {upper} over {path} (overlayfs)", "run as root, or put the clone on ext4, xfs or btrfs"
        )
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)
        fresh(upper)
        fresh(work)


def make(build, *words):
    run("make", "-C", str(build), f"-j{os.environ.get('JOBS') or os.cpu_count()}", *words)


def configure(at, **options):
    for name, value in options.items():
        word = {"y": "-e", "m": "-m", "n": "-d"}[value]
        run(str(at.kernel_source / "scripts/config"), "--file", str(at.kernel_build / ".config"), word, name)
    make(at.kernel_build, "olddefconfig")
    config = (at.kernel_build / ".config").read_text()
    for name, value in options.items():
        found = re.search(rf"^CONFIG_{name}=(.)", config, re.MULTILINE)
        expect(f"CONFIG_{name}", found[1] if found else "n", value)


def check_patches(source):
    """Run checkpatch on each patch."""
    for patch in sorted((BUILD / "in-tree").glob("000[1-9]*.patch")):
        run(str(source / "scripts/checkpatch.pl"), "--strict", "--terse", "--show-types", "--no-tree",
            "--ignore", ",".join(IGNORED), str(patch))  # fmt: skip


def apply_with_git(source):
    """Apply the series in a clone of what it changes, as a maintainer does."""
    clone = fresh(BUILD / "in-tree-clone")
    git = ["git", "-C", str(clone), "-c", "user.name=test", "-c", "user.email=test@example.org"]
    for name in (
        "Kbuild",
        "MAINTAINERS",
        "arch/s390/Kconfig",
        "drivers/s390/cio/Makefile",
        "Documentation/arch/s390/index.rst",
    ):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_bytes((source / name).read_bytes())
    run("git", "init", "-q", str(clone))
    run(*git, "add", "-A")
    run(*git, "commit", "-q", "-m", "base")
    run(str(SCRIPTS / "in-tree"), KDIR=str(clone), AUTHOR="A Tester <test@example.org>", EMAIL="test@example.org",
        GIT_COMMITTER_NAME="test", GIT_COMMITTER_EMAIL="test@example.org")  # fmt: skip
    count = subprocess.run([*git, "rev-list", "--count", "HEAD"], stdout=subprocess.PIPE, text=True, check=True).stdout
    patches = len(list((BUILD / "in-tree").glob("000[1-9]*.patch")))
    expect("commits", int(count), patches + 1)


def kunit_config(at):
    """Check that the .kunitconfig of the driver is all that kunit.py needs; it fails if an option is not taken."""
    command = [str(at.kernel_source / "tools/testing/kunit/kunit.py"), "config", "--arch", "s390", "--cross_compile",
               CROSS["CROSS_COMPILE"], "--build_dir", str(fresh(BUILD / "in-tree-kunit")),
               "--kunitconfig", HOME]  # fmt: skip
    print("$", *command, flush=True)
    subprocess.run(command, cwd=at.kernel_source, stdout=subprocess.DEVNULL, check=True)


def kunit(at):
    """Build the kernel and run our suites by the kernel's own tool, with the configuration as it is now; whether all
    were run and passed."""
    config = BUILD / "in-tree.kunitconfig"
    config.write_bytes((at.kernel_build / ".config").read_bytes())
    command = [str(at.kernel_source / "tools/testing/kunit/kunit.py"), "run", "--arch", "s390", "--cross_compile",
               CROSS["CROSS_COMPILE"], "--build_dir", str(at.kernel_build), "--kunitconfig", str(config),
               "--jobs", str(os.environ.get("JOBS") or os.cpu_count()), "--timeout", "900", "vfio_ccw*"]  # fmt: skip
    print("$", *command, flush=True)
    done = subprocess.run(command, cwd=at.kernel_source, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, flush=True)
    expect("kunit.py", done.returncode, 0)
    source = [path.read_text() for folder in ("mdev", "drivers") for path in (TOP / folder).rglob("*.rs")]
    ours = {name for text in source for name in re.findall(r"\bkunit_tests\((\w+)\)", text)}
    passed = set(re.findall(r"\[PASSED\] (\w+) =+", done.stdout))
    expect("suites that were not run", sorted(ours - passed), [])
    return True


def in_tree():
    at = paths.kernel()
    apply_with_git(at.kernel_source)
    check_patches(at.kernel_source)
    with layer(at.kernel_source, "source"), layer(at.kernel_build, "build"):
        run(str(SCRIPTS / "in-tree"), KDIR=str(at.kernel_source), AUTHOR="A Tester <test@example.org>")
        kunit_config(at)
        configure(at, **MODULE)
        make(at.kernel_build, "modules")
        module = pathlib.Path(at.kernel_build / HOME / "vfio_ccw.ko")
        expect(f"{HOME}/vfio_ccw.ko as a module", module.exists(), True)
        configure(at, **BUILT_IN, **KUNIT)
        suites = kunit(at)
        modules = (at.kernel_build / "modules.builtin").read_text()
        expect(f"{HOME}/vfio_ccw.ko in the kernel", f"kernel/{HOME}/vfio_ccw.ko\n" in modules, True)
    return suites
