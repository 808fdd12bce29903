# SPDX-License-Identifier: GPL-2.0
"""The parts of `make test`: each builds something, boots a machine, or checks the sources.

suite.py runs each in a process of its own, and judges by the exit status and the files of results.
"""

import json
import os
import shlex
import subprocess
from xml.etree import ElementTree

from . import (
    build, conformance, demo, headers_package, in_tree, install, l1, links, linux_on_dasd, many_devices, packages,
    scenario, shutdown, steps, table,
)  # fmt: skip
from .l1 import keep
from .paths import BUILD, TOP

SHORT = ["env", "SHORT=1"]
SHELLS = (b"#!/bin/sh", b"#!/bin/bash")


def command(*words, **settings):
    """Run a command; whether it succeeds."""
    return subprocess.run(words, cwd=TOP, env=os.environ | settings, check=False).returncode == 0


def cargo(*words, **settings):
    return command("cargo", *words, CARGO_TARGET_DIR=str(BUILD / "target"), **settings)


def clippy():
    return cargo("clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings")


def cargo_test():
    # libtest writes its results as data for who asks for what is not stable.
    options = ["--locked", "--workspace", "--no-fail-fast", "--", "-Z", "unstable-options", "--format", "json"]
    return cargo("test", *options, RUSTC_BOOTSTRAP="1")


def rustfmt():
    sources = [path for folder in ("mdev", "drivers", "tests/misuse") for path in (TOP / folder).rglob("*.rs")]
    workspace = cargo("fmt", "--all", "--check")
    return command("rustfmt", "--check", "--edition", "2021", *map(str, sources)) and workspace


def shell_scripts():
    files = [path for folder in (".ci", "scripts", "packaging") for path in (TOP / folder).rglob("*") if path.is_file()]
    scripts = [path for path in files if path.suffix == ".sh" or path.read_bytes().startswith(SHELLS)]
    return command("shellcheck", *(str(path.relative_to(TOP)) for path in scripts))


def python_sources():
    return command("pyflakes3", "tests", "scripts")


def domain_xml():
    """Check that docs/domain.xml is valid, and that libvirt's QEMU driver makes of it the device that it
    says.  There is no KVM here."""
    if not command("virt-xml-validate", "docs/domain.xml", "domain"):
        return False
    tree = ElementTree.parse(TOP / "docs/domain.xml")
    tree.getroot().set("type", "qemu")
    tree.write(BUILD / "domain.xml")
    convert = ["virsh", "-q", "-c", "qemu:///embed?root=/tmp/libvirt", "domxml-to-native", "qemu-argv", "--xml"]
    argv = subprocess.run([*convert, BUILD / "domain.xml"], stdout=subprocess.PIPE, text=True, check=True).stdout
    print(argv)
    devices = [json.loads(word) for word in shlex.split(argv) if word.startswith('{"driver":"vfio-ccw"')]
    return [
        (device["sysfsdev"].startswith("/sys/bus/mdev/devices/"), device["bootindex"], device["devno"])
        for device in devices
    ] == [(True, 1, "fe.0.1234")]


def conformance_of_ours(emulator, backend=None):
    """The suite in its short form on our driver, through one back end or both."""
    results = BUILD / f"results-{emulator}"
    share = l1.share(f"share-{emulator}" + (f"-{backend}" if backend else ""))
    kunit = [] if backend == "iommufd" else ["kunit.log", "kunit.json"]
    for pattern in (f"rust-{backend or ''}*.ktap", *kunit):
        for path in results.glob(pattern):
            path.unlink()
    job = [*SHORT, *([f"ONLY={backend}"] if backend else []), "sh", "l1/conformance", "rust", ""]
    good = l1.run(share.name, share, 3600, job, emulator=emulator, silence=400)
    keep(share, results, "*.ktap", "cases", *kunit)
    return good


def storms(backend):
    """Each way to end a storm of interruptions in Hercules, so many times, ours."""
    share, results = l1.share(f"share-storms-{backend}"), BUILD / "results-storms"
    (results / f"rust-{backend}.ktap").unlink(missing_ok=True)
    rounds = os.environ.get("STORM_ROUNDS") or "100"
    job = ["env", f"ONLY={backend}", f"STORM_ROUNDS={rounds}", "sh", "l1/conformance", "rust", "storm"]
    good = l1.run(f"storms-{backend}", share, 14400, job, emulator="hercules", silence=5400)
    keep(share, results, "*.ktap")
    return good


def attentions():
    """A million programs among attentions: each has one end, on our driver and on the C driver."""
    step = steps.Steps(len(build.FOR_L1) + 1)
    # Without lockdep it takes minutes, and not hours.
    build.build(step, build.FOR_L1, "bench")
    step("L1: a million programs on each driver")
    share, results = l1.share("share-attentions"), BUILD / "results-attentions"
    for path in results.glob("*.ktap"):
        path.unlink()
    job = ["env", "ONLY=container", "ATTENTION_ROUNDS=100", "sh", "l1/conformance", "rust c", "storm of attentions"]
    good = l1.run("attentions", share, 14400, job, "bench", silence=7200)
    keep(share, results, "*.ktap")
    return good


def kunit(emulator):
    results = BUILD / f"results-{emulator}"
    return conformance.parse_kunit(results / "kunit.log", results / "kunit.json")


def differences(machine):
    """Compare the results of our driver with the record of the C driver's.  Not all cases were run."""
    return table.judge(BUILD / f"results-{machine}", machine, recorded=table.C_RECORD, in_part=True).show()


def scenarios(backend):
    name = f"scenarios-{backend}"
    return scenario.boot(name, backend, scenario.SHORT, results_file=BUILD / f"{name}.json")


PARTS = {
    "attentions": attentions,
    "cargo-test": cargo_test,
    "clippy": clippy,
    "conformance": conformance_of_ours,
    "differences": differences,
    "doc": lambda: command("scripts/doc"),
    "doctor": install.examined,
    "domain-xml": domain_xml,
    "headers-package": headers_package.headers_package,
    "hercules-devices": lambda: demo.hercules_devices()[0],
    "in-tree": in_tree.in_tree,
    "install": install.installed,
    "kexec": shutdown.kexec,
    "kunit": kunit,
    "links": lambda: links.check(TOP),
    "linux-disk": scenario.linux_disk,
    "linux-on-dasd": linux_on_dasd.short,
    "many-devices": many_devices.run,
    "packages": packages.packages,
    "python-sources": python_sources,
    "rustfmt": rustfmt,
    "scenarios": scenarios,
    "shell-scripts": shell_scripts,
    "shutdown": shutdown.shutdown,
    "spelling": lambda: command("codespell"),
    "storms": storms,
} | {name: lambda name=name: build.build(print, [name]) for name in build.TITLES}
