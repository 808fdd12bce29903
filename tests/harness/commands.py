# SPDX-License-Identifier: GPL-2.0
"""Checks that each command in the documents is run by a test, or is known as one that needs what no test has
(tests/commands.toml)."""

import fnmatch
import re
import tomllib

from . import suite

# The programs by which a line of an indented block is known as a command.
PROGRAMS = set(
    "apt apt-get cargo cat ccw cd chccwdev config cp dasdfmt dkms driverctl echo fdasd kunit.py lscss make mdevctl "
    "mkfs.ext4 modprobe qemu-system-s390x tunedasd virsh zipl".split()
)
PROMPT = re.compile(r"^[#$] ")
COMMENT = re.compile(r"\s+# .*")
# What stands before the command itself.
BEFORE = re.compile(r"((sudo|\w+=\S+) )*")


def commands(text):
    """Yield the numbers of the lines with commands in a document, and the commands."""
    lines = enumerate(text.splitlines(), 1)
    for number, line in lines:
        if not line.startswith("    ") or line.startswith("     "):
            continue
        line = line[4:]
        while line.endswith("\\"):
            line = line[:-1].rstrip() + " " + next(lines)[1].strip()
        command = BEFORE.sub("", COMMENT.sub("", PROMPT.sub("", line)), 1)
        program = command.partition(" ")[0].rpartition("/")[2]
        if program in PROGRAMS:
            yield number, command


def why_not_run(top, how):
    """Return why a command is not run by what `tests/commands.toml` says, or None."""
    kind, _, name = how.partition(" ")
    if kind == "part":
        known = {part.name for part in suite.parts(everything=True)}
        return None if name in known else f"there is no part {name!r}"
    file, _, words = how.partition(": ")
    if not (top / file).is_file():
        return f"there is no file {file}"
    return None if words in (top / file).read_text(encoding="utf-8") else f"{file} has no {words!r}"


def check(top, documents, register=None):
    """Return what is wrong with the commands of the documents, a line each."""
    register = register or tomllib.loads((top / "tests/commands.toml").read_text(encoding="utf-8"))
    unused = {*register["run"], *register["needs"]}
    wrong = []
    for document in documents:
        for number, command in commands(document.read_text(encoding="utf-8")):
            fits = [pattern for table in register.values() for pattern in table if fnmatch.fnmatchcase(command, pattern)]
            unused.difference_update(fits)
            if not fits:
                wrong.append(f"{document.relative_to(top)}:{number}: no test runs {command!r}: see tests/commands.toml")
    for pattern, how in register["run"].items():
        if why := why_not_run(top, how):
            wrong.append(f"tests/commands.toml: {pattern!r}: {why}")
    return wrong + [f"tests/commands.toml: no document has {pattern!r}" for pattern in sorted(unused)]
