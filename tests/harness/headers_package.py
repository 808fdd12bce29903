# SPDX-License-Identifier: GPL-2.0
"""Installs linux-headers as `make host-kernel` packs them, of the kernel of the tests, and builds the module with them.

What an s390x host would build when it installs the package is built across.  Runs in scripts/packaging-root, where
the root is for this run only.
"""

import os
import pathlib
import shutil
import subprocess

from . import paths
from .build import fresh
from .install import CROSS, expect, module
from .packages import output
from .paths import BUILD, SCRIPTS

INSTALL = ("dpkg", "--force-architecture", "--force-depends", "--install")


def package(kernel):
    folder = fresh(BUILD / "headers-package")
    subprocess.run([SCRIPTS / "host-kernel-headers", kernel, folder], check=True)
    (file,) = folder.iterdir()
    print(f"{file.name}: {file.stat().st_size >> 20} MiB", flush=True)
    return file


def other_rustc():
    """A path on which another rustc is found first."""
    folder = fresh(BUILD / "headers-package-rustc")
    (folder / "rustc").write_text("#!/bin/sh\necho rustc 1.85.0\n")
    (folder / "rustc").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def headers_package():
    kernel = paths.kernel().kernel_build
    release = (kernel / "include/config/kernel.release").read_text().strip()
    name = f"linux-headers-{release}"
    tree, seen_by_dkms = pathlib.Path("/usr/src", name), pathlib.Path("/lib/modules", release, "build")

    status, said = output(*INSTALL, str(package(kernel)), PATH=other_rustc(), **CROSS)
    expect("another rustc is refused", (status, "this is rustc 1.85.0" in said), (1, True))
    expect("DKMS sees the tree", os.path.lexists(seen_by_dkms), False)

    expect("installed", output("dpkg", "--force-depends", "--configure", name, **CROSS)[0], 0)
    expect("DKMS sees", seen_by_dkms.resolve(), tree)
    shutil.rmtree(BUILD / "module-kdir", ignore_errors=True)
    status, said = module(seen_by_dkms, "/")
    expect("make module", (status, f"vfio_ccw.ko, for Linux {release}" in said), (0, True))
    status, _ = output("python3", "-B", str(SCRIPTS / "doctor.py"), str(seen_by_dkms), **CROSS)
    expect("make doctor", status, 0)

    expect("removed", output("dpkg", "--remove", name)[0], 0)
    expect("what is left", [str(path) for path in (tree, seen_by_dkms) if os.path.lexists(path)], [])
    return True
