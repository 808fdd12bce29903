# SPDX-License-Identifier: GPL-2.0
"""Examines the kernel of the tests, and installs the module for it, as an administrator does for another kernel."""

import os
import re
import shutil
import subprocess
import sys

from . import paths
from .build import fresh
from .paths import BUILD, SCRIPTS
from .steps import Failed

CROSS = {"ARCH": "s390", "CROSS_COMPILE": "s390x-linux-gnu-"}
# The kernels of hosts have no KUnit.
NO_KUNIT = {"MAKEFLAGS": "CONFIG_VFIO_CCW_RUST_KUNIT_TEST=n W=e"}
OURS = "updates/vfio_ccw.ko"
C_DRIVER = "kernel/drivers/s390/cio/vfio_ccw.ko"


# Has the BTF of the structures that headers give; gcc makes it without pahole.
LAYOUTS = """
#include <linux/mdev.h>
#include <linux/vfio.h>
#include "css.h"
struct css_driver *driver; struct mdev_driver *mediated; struct vfio_device *device;
"""


def loaded_by_modprobe(tree, release):
    """The modules that `modprobe vfio_ccw` would load, in this order, below lib/modules/RELEASE."""
    command = ["modprobe", "-d", tree, "-S", release, "--show-depends", "vfio_ccw"]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return re.findall(rf"^insmod \S*/lib/modules/{re.escape(release)}/(\S+)", said, re.MULTILINE)


def expect(what, found, wanted):
    print(f"{what}: {found}", flush=True)
    if found != wanted:
        raise Failed(f"{what}: {found}", f"not {wanted}")


def module(kernel, tree, *words):
    """Run scripts/module for the kernel of the tests, in a tree that is not the root; what it prints."""
    settings = os.environ | CROSS | NO_KUNIT | {"KDIR": str(kernel), "DESTDIR": str(tree)}
    done = subprocess.run(
        [SCRIPTS / "module", *words], env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip
    print(done.stdout, flush=True)
    return done.returncode, done.stdout


def installed():
    """Build, install and uninstall: each time the module that modprobe would load is the right one."""
    kernel = paths.kernel().kernel_build
    tree = fresh(BUILD / "install")
    shutil.copytree(kernel / "install/lib", tree / "lib", symlinks=True)
    (release,) = os.listdir(tree / "lib/modules")
    shutil.rmtree(BUILD / "module-kdir", ignore_errors=True)
    expect("modules of the kernel", loaded_by_modprobe(tree, release)[-1], C_DRIVER)

    for words, status, says in (
        (["install"], 1, "is not built for this kernel yet"),
        ([], 0, "built: "),
        (["install"], 0, f"no longer loads {tree}/lib/modules/{release}/{C_DRIVER}"),
    ):
        done, said = module(kernel, tree, *words)
        expect(f"make {' '.join(words) or 'module'}", (done, says in said), (status, True))
    chosen = loaded_by_modprobe(tree, release)
    expect("with ours installed", chosen[-1], OURS)
    expect("mdev.ko is loaded before it", any(name.endswith("/mdev.ko") for name in chosen[:-1]), True)
    command = ["modinfo", "-b", tree, "-k", release, "vfio_ccw"]
    described = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    expect("it is ours", "allow_unsafe_virtio" in described, True)

    done, said = module(kernel, tree, "uninstall")
    expect("make uninstall", (done, f"loads {tree}/lib/modules/{release}/{C_DRIVER}" in said), (0, True))
    expect("without ours", loaded_by_modprobe(tree, release)[-1], C_DRIVER)
    done, said = module(kernel, tree, "uninstall")
    expect("make uninstall again", (done, "nothing to remove" in said), (1, True))
    return True


def make_btf(kernel, folder, css):
    """Build a file with the BTF that a kernel with this css.h would have; returns it."""
    fresh(folder)
    (folder / "css.h").write_text(css)
    (folder / "btf.c").write_text(LAYOUTS)
    (folder / "Kbuild").write_text(
        "obj-m := btf.o\nccflags-y := -gbtf -fno-eliminate-unused-debug-types -I$(srctree)/drivers/s390/cio\n"
    )
    subprocess.run(["make", "-C", kernel, f"M={folder}", "btf.o"], env=os.environ | CROSS, check=True)
    return folder / "btf.o"


def examined():
    """What `make doctor` finds in the tree of the kernel of the tests, whose own BTF is not there, and what it finds
    with the BTF of its headers, and of headers that have changed."""
    at = paths.kernel()
    css = (at.kernel_source / "drivers/s390/cio/css.h").read_text()
    changed = css.replace("struct css_driver {", "struct css_driver {\n\tlong new_member;")
    for btf, status, says in (
        ("", 0, r"^not checked +whether this source is that of the kernel: no BTF in "),
        (make_btf(at.kernel_build, BUILD / "btf", css), 0, r"^ok +the layouts of \d+ structures with \d{3} members"),
        (make_btf(at.kernel_build, BUILD / "btf-changed", changed), 1,
         r"^MISSING +this source is not that of the kernel(?s:.*)struct css_driver, new_member: not in this source"),
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-B", SCRIPTS / "doctor.py", at.kernel_build], stdout=subprocess.PIPE, text=True,
            env=os.environ | CROSS | {"BTF": str(btf)}, check=False,
        )  # fmt: skip
        print(done.stdout, flush=True)
        expect(f"with BTF={btf}", (done.returncode, bool(re.search(says, done.stdout, re.MULTILINE))), (status, True))
    return True
