# SPDX-License-Identifier: GPL-2.0
"""Checks that the targets of links in the documents exist, and the files that they name in backquotes."""

import itertools
import os
import pathlib
import re

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^(```|~~~)")
# A path, with alternatives in braces and wildcards at the most.
PATH = re.compile(r"[\w.*{},-]+(/[\w.*{},-]+)+/?")
HEADING = re.compile(r"#+ (.*)")
OUTSIDE = re.compile(r"[a-z]+:")
SKIPPED = {".git", "build", "target"}
# Files of the kernel and of QEMU, in folders that this tree has, too.
FOREIGN = (
    "drivers/s390/", "drivers/vfio", "docs/devel/", "scripts/checkpatch.pl", "scripts/sign-file",
    "Documentation/arch/s390/s390dbf.rst", "Documentation/arch/s390/vfio-ccw-rust.rst",
)  # fmt: skip


def documents(top):
    """The documents in a tree."""
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(set(folders) - SKIPPED)
        yield from (pathlib.Path(folder, name) for name in sorted(files) if name.endswith(".md"))


def prose(text):
    """The numbered lines that are no code."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            yield number, line


def anchors(text):
    """Yield the anchors of a document: its headings, as web sites write them."""
    for _, line in prose(text):
        if match := HEADING.fullmatch(line):
            yield re.sub(r"[^\w\- ]", "", match[1].lower()).replace(" ", "-")


def alternatives(path):
    """The paths that a path with braces stands for."""
    pieces = [piece.split(",") for piece in re.split(r"[{}]", path)]
    return map("".join, itertools.product(*pieces))


def is_broken(document, target):
    """Return why a link leads nowhere, or None."""
    if OUTSIDE.match(target):
        return None
    name, _, anchor = target.partition("#")
    path = document.parent / name if name else document
    if not path.exists():
        return "no such file"
    if anchor and path.suffix == ".md" and anchor not in anchors(path.read_text(encoding="utf-8")):
        return "no such heading"
    return None


def complaints(top):
    """Yield a line for each target that does not exist."""
    folders = {path.name for path in top.iterdir() if path.is_dir()} - SKIPPED
    for document in documents(top):
        for number, line in prose(document.read_text(encoding="utf-8")):
            where = f"{document.relative_to(top)}:{number}"
            for target in LINK.findall(CODE.sub("", line)):
                if why := is_broken(document, target):
                    yield f"{where}: {target}: {why}"
            for name in CODE.findall(line):
                # A path that does not begin with a folder of this tree is of another tree.
                if PATH.fullmatch(name) and name.split("/")[0] in folders and not name.startswith(FOREIGN):
                    for path in alternatives(name):
                        if not any(top.glob(path.rstrip("/"))):
                            yield f"{where}: {path}: no such file"


def check(top):
    """Print the complaints; whether there are none."""
    found = list(complaints(top))
    print("\n".join(found))
    return not found
