# SPDX-License-Identifier: GPL-2.0
"""Makes the Debian packages, and installs the module with DKMS and the files of the examples as an administrator does.

Runs in scripts/packaging-root.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

from . import paths
from .build import fresh
from .install import C_DRIVER, CROSS, expect, loaded_by_modprobe
from .paths import BUILD, SCRIPTS, TOP

EXAMPLES = TOP / "packaging/examples"
UUID = "7e270a25-e163-4922-af60-757fc8ed48c6"
SUBCHANNEL = "0.0.0313"
COMMAND_FILES = (
    "usr/bin/ccw", "usr/share/bash-completion/completions/ccw", "usr/share/zsh/vendor-completions/_ccw",
    "usr/share/fish/vendor_completions.d/ccw.fish", "usr/share/man/man1/ccw.1.gz", "usr/share/man/man1/ccw-run.1.gz",
)  # fmt: skip


def output(*words, **settings):
    print("$", *map(str, words), flush=True)
    env = os.environ | settings
    done = subprocess.run(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(done.stdout, flush=True)
    return done.returncode, done.stdout


def command_package():
    """The package of ccw has a program for s390x, completions and manual pages."""
    (package,) = (BUILD / "packages").glob("ccw_*_s390x.deb")
    tree = fresh(BUILD / "packages-ccw")
    subprocess.run(["dpkg-deb", "-x", package, tree], check=True)
    expect("files of ccw that are missing", [name for name in COMMAND_FILES if not (tree / name).exists()], [])
    depends = subprocess.run(
        ["dpkg-deb", "-f", package, "Depends"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    expect("ccw depends on", re.findall(r"(\S+) \(", depends), ["libc6", "libgcc-s1"])
    header = subprocess.run(["readelf", "-h", tree / COMMAND_FILES[0]], stdout=subprocess.PIPE, text=True, check=True)
    expect("ccw is a program for s390x", "IBM S/390" in header.stdout, True)


class Dkms:
    """DKMS with folders of its own, for the kernel of the tests."""

    def __init__(self, kernel, tree, release):
        self.kernel, self.tree, self.release = kernel, tree, release
        self.folders = ["--dkmstree", str(fresh(tree / "var/lib/dkms")), "--sourcetree", str(tree / "usr/src"),
                        "--installtree", str(tree / "lib/modules")]  # fmt: skip

    def run(self, action, *words, kernel=True):
        place = ["-k", self.release, "-a", "s390x", "--kernelsourcedir", str(self.kernel)] if kernel else []
        return output("dkms", action, *words, *place, *self.folders, **CROSS)


def dkms_package(at):
    """DKMS builds the module of the package for the kernel of the tests, and leaves another kernel alone."""
    (package,) = (BUILD / "packages").glob("vfio-ccw-rs-dkms_*_all.deb")
    tree = fresh(BUILD / "packages-dkms")
    shutil.copytree(at.kernel_build / "install/lib", tree / "lib", symlinks=True)
    subprocess.run(["dpkg-deb", "-x", package, tree], check=True)
    (release,) = os.listdir(tree / "lib/modules")
    (source,) = (tree / "usr/src").iterdir()
    name, _, version = source.name.rpartition("-")
    module = ["-m", name, "-v", version]
    dkms = Dkms(at.kernel_build, tree, release)

    expect("dkms add", dkms.run("add", *module, kernel=False)[0], 0)
    expect("dkms build", dkms.run("build", *module)[0], 0)
    expect("dkms install", dkms.run("install", *module)[0], 0)
    subprocess.run(["depmod", "-b", tree, release], check=True)
    chosen = loaded_by_modprobe(tree, release)[-1]
    expect("modprobe loads", chosen.partition(".ko")[0], "updates/dkms/vfio_ccw")
    expect("dkms remove", dkms.run("remove", *module)[0], 0)
    subprocess.run(["depmod", "-b", tree, release], check=True)
    expect("modprobe loads", loaded_by_modprobe(tree, release)[-1], C_DRIVER)

    # A kernel without Rust.
    other = fresh(BUILD / "packages-other-kernel")
    (other / ".config").write_text("CONFIG_S390=y\nCONFIG_VFIO=m\nCONFIG_VFIO_MDEV=m\nCONFIG_EXPOLINE=y\n")
    dkms.kernel = other
    dkms.run("add", *module, kernel=False)
    status, said = dkms.run("build", *module)
    expect("dkms build without Rust", (status != 0, "BUILD_EXCLUSIVE" in said), (True, True))


def examples():
    """mdevctl, driverctl and libvirt take the files of the examples."""
    for name in ("mdevctl.d", "driverctl.d"):
        shutil.rmtree(pathlib.Path("/etc") / name, ignore_errors=True)
        shutil.copytree(EXAMPLES / name, pathlib.Path("/etc") / name)
    _, said = output("mdevctl", "list", "-d", "--dumpjson")
    ((parent, (definition,)),) = json.loads(said)[0].items()
    ((uuid, about),) = definition.items()
    expect("mdevctl has", (parent, uuid), (SUBCHANNEL, UUID))
    expect(
        "mdevctl has",
        (about["mdev_type"], about["start"], about["attrs"]),
        ("vfio_ccw-io", "auto", [{"pin_cache_pages": "1024"}]),
    )
    expect("driverctl has", output("driverctl", "-b", "css", "list-persisted")[1], f"{SUBCHANNEL} vfio_ccw\n")
    expect(
        "libvirt takes nodedev.xml", output("virt-xml-validate", str(EXAMPLES / "libvirt/nodedev.xml"), "nodedev")[0], 0
    )
    options = output("modprobe", "-C", str(EXAMPLES / "modprobe.d"), "-c")[1]
    expect("modprobe takes vfio-ccw.conf", "options vfio_ccw allow_unsafe_virtio=0" in options, True)


def packages():
    at = paths.kernel()
    examples()
    subprocess.run([SCRIPTS / "make-packages"], check=True)
    command_package()
    dkms_package(at)
    return True
