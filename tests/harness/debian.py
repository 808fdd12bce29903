# SPDX-License-Identifier: GPL-2.0
"""Takes programs of Debian that the build root does not have."""

import pathlib
import subprocess
import tempfile

from . import steps


def fetch(package, cache):
    """Download a package into the cache, unless it is there; returns its folder `usr`."""
    tree = cache / package

    def unpack():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            download = ["apt-get", "-o", "APT::Sandbox::User=root", "download", package]
            subprocess.run(download, cwd=folder, check=True)
            (file,) = pathlib.Path(folder).glob("*.deb")
            subprocess.run(["dpkg", "-x", file, f"{folder}/tree"], check=True)
            pathlib.Path(folder, "tree").rename(tree)

    if not tree.exists():
        steps.run(f"{package}-download", unpack)
    return tree / "usr"
