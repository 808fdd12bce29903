# SPDX-License-Identifier: GPL-2.0
"""Installs the module for the kernel of the tests, as an administrator does for a kernel of his own."""

import os
import re
import shutil
import subprocess

from . import paths
from .build import fresh
from .paths import BUILD, SCRIPTS
from .steps import Failed

CROSS = {"ARCH": "s390", "CROSS_COMPILE": "s390x-linux-gnu-"}
OURS = "updates/vfio_ccw.ko"
C_DRIVER = "kernel/drivers/s390/cio/vfio_ccw.ko"


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
    settings = os.environ | CROSS | {"KDIR": str(kernel), "DESTDIR": str(tree)}
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
