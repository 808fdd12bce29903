# SPDX-License-Identifier: GPL-2.0
"""Builds what machines are booted from, step by step."""

import gzip
import io
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile

from . import paths, steps
from .paths import BUILD, SCRIPTS, TOP

TITLES = {
    "kernel": "Linux kernel of L1",
    "kernel-l2": "Linux kernel of L2",
    "module": "vfio_ccw.ko",
    "tools": "Programs for L1 and L2",
    "image": "Initial file system of L1",
    "l1-debian": "Debian's QEMU, mdevctl and driverctl for L1",
    "images": "Initial file systems of L1 and L2",
    "dasd-image": "Initial file system of L1 in Hercules, and a root file system for a guest",
}
FOR_L1 = ("kernel", "module", "tools", "image")
FOR_L2 = ("kernel", "kernel-l2", "module", "tools", "l1-debian", "images")
FOR_DASD = ("kernel", "kernel-l2", "module", "tools", "image", "dasd-image")

TOOLS = ("ccw", "conformance", "bench", "l2")
TARGET = "s390x-unknown-linux-gnu"
# The C library of the cross compiler, for dasdfmt and lscss in L1.
CROSS = "/usr/s390x-linux-gnu/lib"
# Debian's programs in an L1 whose guest lives on a disk, and on that disk.
DASD_PROGRAMS = (
    "qemu-system-s390x", "mdevctl", "driverctl", "bash", "fdasd", "mke2fs", "e2fsck", "debugfs", "zipl"
)  # fmt: skip
GUEST_PROGRAMS = ("dasdfmt", "fdasd", "mke2fs")
DASD_FOLDERS = (
    "bin", "etc/driverctl.d", "etc/mdevctl.d/scripts.d/callouts", "etc/mdevctl.d/scripts.d/notifiers",
    "lib", "mnt", "run", "usr/bin", "usr/lib/s390-tools", "usr/share/qemu"
)  # fmt: skip
FIRMWARE = "s390-ccw.img"
# What zipl writes to a disk in front of a kernel.
LOADER = "stage3.bin"
# Commands of busybox that L2 calls.
APPLETS = "basename cat dirname dmesg grep kill ls mount pidof readlink reboot sh sleep stty".split()


def build(step, what, kernel="plain"):
    """Build each of these, as a step.  Parts of one run have the lock of the cache together."""
    with steps.lock_cache(), steps.locked(BUILD / "build.lock", "another part of this run"):
        for name in what:
            step(TITLES[name])
            one(name, kernel)


def one(name, kernel="plain"):
    """Build one of them."""
    match name:
        case "tools":
            tools()
        case "image":
            steps.run(f"image{paths.kernel(kernel).variant}", lambda: l1_image(kernel))
        case "dasd-image":
            steps.run("dasd-image", dasd_image)
        case "images":
            one("image", kernel)
            steps.run("l2-image", l2_image)
            scenarios_image(kernel)
        case "kernel-l2":
            script("kernel", kernel="l2")
        case _:
            script(name, kernel=kernel)


def script(*words, kernel="plain"):
    """Run a script that shows by itself what it does."""
    if subprocess.run([SCRIPTS / words[0], *words[1:]], env=paths.environment(kernel), check=False).returncode:
        raise steps.Failed(f"scripts/{words[0]} failed")


def tools():
    """Build the programs that run in L1 and L2, static, and leave them in build/tools."""
    # The standard library is built from its source with the rest: Debian's own for s390x asks for
    # a newer machine.  It is built once for all clones, which therefore share a directory; cargo
    # must tell their files apart by contents.  It names functions of the C library that do not work
    # in a static program; the linker warns of them, but nothing here calls them.
    target = paths.kernel().cache / "target"
    settings = {
        "RUSTC_BOOTSTRAP": "1",
        "CARGO_TARGET_DIR": str(target),
        "CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER": "s390x-linux-gnu-gcc",
        "CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUSTFLAGS": " ".join(
            ["-Ctarget-feature=+crt-static", "-Ctarget-cpu=z10", "-Alinker_messages"]
        ),
    }
    options = ["--release", "-Zchecksum-freshness", "-Zbuild-std=std,panic_abort", "--target", TARGET, "--locked"]
    options += [f"--bin={name}" for name in TOOLS]
    folder = fresh(BUILD / "tools")
    steps.run("tools-build", ["cargo", "build", *options], **settings)
    for name in TOOLS:
        shutil.copy(target / TARGET / "release" / name, folder)


def fresh(folder):
    """Make a folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def archive(folder):
    """A folder as an archive for an initial file system."""
    names = sorted(os.fsencode(path.relative_to(folder)) for path in folder.rglob("*"))
    return subprocess.run(
        ["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"],
        cwd=folder, input=b"\n".join([b".", *names]) + b"\n", stdout=subprocess.PIPE, check=True,
    ).stdout  # fmt: skip


def write(path, content):
    """Write a file that is whole or as it was before."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.rename(path)


def needed_by(program):
    """The names of the shared libraries that a program names; a script names none."""
    if not program.read_bytes().startswith(b"\x7fELF"):
        return []
    said = subprocess.run(["readelf", "-d", program], stdout=subprocess.PIPE, check=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", said)


def copy_with_libraries(program, libraries, tree):
    """Copy a program to usr/bin, and the libraries that it needs, directly or not, to lib."""
    shutil.copy(program, tree / "usr/bin")
    waiting = needed_by(program)
    while waiting:
        name = waiting.pop()
        if name not in libraries:
            raise steps.Failed(f"{program.name} needs {name}, which no package has", "see scripts/packages.s390x")
        if not (tree / "lib" / name).exists():
            shutil.copy(libraries[name], tree / "lib")
            waiting += needed_by(libraries[name])


def take(packages, package, program):
    """The bytes of a program in a package; Debian 12 has it beside usr."""
    (file,) = packages.glob(f"{package}_*.deb")
    content = subprocess.run(["dpkg-deb", "--fsys-tarfile", file], stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for name in (f"./usr/{program}", f"./{program}"):
            if name in tar.getnames():
                return tar.extractfile(name).read()
    raise steps.Failed(f"{file} has no {program}")


def l1_image(kernel):
    """Make the initial file system of L1: busybox, programs of s390-tools, the kernel's modules with ours under
    updates/, our programs and scripts/l1/init."""
    at = paths.kernel(kernel)
    script("debian-packages", "l1", str(at.l1_packages))
    tree = fresh(BUILD / f"l1{at.variant}")
    for name in ("bin", "dev", "proc", "sys", "share", "lib"):
        (tree / name).mkdir()
    (tree / "bin/busybox").write_bytes(take(at.l1_packages, "busybox-static", "bin/busybox"))
    for name in ("dasdfmt", "lscss"):
        (tree / "bin" / name).write_bytes(take(at.l1_packages, "s390-tools", f"sbin/{name}"))
    for name in ("libc.so.6", "ld64.so.1"):
        shutil.copy(f"{CROSS}/{name}", tree / "lib")
    for path in (*tree.glob("bin/*"), *tree.glob("lib/*")):
        path.chmod(0o755)
    (tree / "bin/sh").symlink_to("busybox")
    (tree / "sbin").symlink_to("bin")
    for modules in (at.kernel_build / "install", at.module / "install"):
        shutil.copytree(modules / "lib/modules", tree / "lib/modules", symlinks=True, dirs_exist_ok=True)
    (release,) = tree.glob("lib/modules/*")
    (release / "build").unlink(missing_ok=True)
    subprocess.run(["depmod", "-b", tree, release.name], check=True)
    for name in ("ccw", "conformance", "bench"):
        shutil.copy(BUILD / "tools" / name, tree / "bin")
    shutil.copy(SCRIPTS / "l1/init", tree)
    write(at.image, gzip.compress(archive(tree), 1))


def l2_image():
    """Make the initial file system of L2.  L2 is slow at unpacking: it is not packed, and has no
    more than is used."""
    tree = fresh(BUILD / "l2")
    for name in ("bin", "dev", "proc", "sys"):
        (tree / name).mkdir()
    shutil.copy(BUILD / "l1/bin/busybox", tree / "bin")
    for applet in APPLETS:
        (tree / "bin" / applet).symlink_to("busybox")
    for name in ("ccw", "l2"):
        shutil.copy(BUILD / "tools" / name, tree / "bin")
    shutil.copytree(TOP / "demo", tree / "demo")
    shutil.copy(SCRIPTS / "l2/init", tree)
    write(BUILD / "l2.cpio", archive(tree))


def dasd_image():
    """Make the initial file system of an L1 in Hercules that runs a guest on a disk, and in it, under guest,
    the root file system that L1 copies to that disk."""
    at = paths.kernel("dasd")
    script("debian-packages", "dasd", str(at.dasd_packages))
    tree = fresh(BUILD / "dasd")
    guest = tree / "guest"
    for folder in DASD_FOLDERS:
        (tree / folder).mkdir(parents=True)
    for folder in ("bin", "boot", "dev", "lib", "mnt", "proc", "sys", "usr/bin"):
        (guest / folder).mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name:
        debian = pathlib.Path(name)
        for package in (*at.dasd_packages.glob("*.deb"), *at.l1_packages.glob("s390-tools_*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, debian], check=True)
        programs = {path.name: path for path in debian.rglob("*bin/*")}
        # The C library of the cross compiler is newer than any that these were made with.
        libraries = {path.name: path for path in (*debian.rglob("*.so*"), *pathlib.Path(CROSS).glob("*.so*"))}
        for names, folder in ((DASD_PROGRAMS, tree), (GUEST_PROGRAMS, guest)):
            for name in names:
                copy_with_libraries(programs[name], libraries, folder)
        for name, folder in ((FIRMWARE, "usr/share/qemu"), (LOADER, "usr/lib/s390-tools")):
            shutil.copy(next(debian.rglob(name)), tree / folder)
    # driverctl is a script for it.
    (tree / "bin/bash").symlink_to("/usr/bin/bash")
    shutil.copy(BUILD / "l1-dasd/bin/busybox", guest / "bin")
    shutil.copy(SCRIPTS / "l2/init", guest)
    shutil.copy(paths.kernel("l2").kernel_image, guest / "boot/image")
    shutil.copy(l2_driver(fresh(BUILD / "l2-driver")), guest)
    write(BUILD / "l1-dasd.cpio", gzip.decompress(at.image.read_bytes()) + archive(tree))


def l2_driver(folder):
    """Build the kernel module for L2 in this folder; returns it."""
    at = paths.kernel("l2")
    command = ["make", "-C", at.kernel_source, f"O={at.kernel_build}", "ARCH=s390", "CROSS_COMPILE=s390x-linux-gnu-"]
    # The kernel was built without modules of its own.
    subprocess.run([*command, "modules_prepare"], check=True)
    symbols = f"KBUILD_EXTRA_SYMBOLS={at.kernel_build / 'vmlinux.symvers'}"
    subprocess.run([*command, f"M={SCRIPTS / 'l2'}", f"MO={folder}", symbols], check=True)
    return folder / "suspend.ko"


def scenarios_image(kernel):
    """Make the initial file system of an L1 that runs L2."""
    packed = paths.kernel(kernel).image.read_bytes()
    write(BUILD / "l1-scenarios.cpio", gzip.decompress(packed) + (BUILD / "l1-debian.cpio").read_bytes())
