# SPDX-License-Identifier: GPL-2.0
"""The differences between the drivers: differences.toml, and docs/differences.md that is written from it."""

import dataclasses
import itertools
import re
import tomllib

from .paths import TOP
from .steps import Failed

DIFFERENCES = TOP / "tests/conformance/differences.toml"
MACHINES = ("qemu", "hercules")
CELL_WIDTH = 120
HEAD = """\
# Differences from the C driver

<!-- Written by `scripts/harness differences`: change
tests/conformance/differences.toml instead. -->

The user interface is that of `drivers/s390/cio/vfio_ccw_*.c` in Linux 7.3, except for what is below.

The tests that show a difference are in
[differences.toml](../tests/conformance/differences.toml), by its name. The conformance suite runs on
both drivers ([testing.md](testing.md#the-conformance-suite)): a case whose results differ must belong
to a difference, and a difference that names cases must have one whose results differ.
"""


class Invalid(Failed):
    """The file of differences is not as it must be."""


@dataclasses.dataclass
class Difference:
    """One difference; differences.toml tells what the fields are."""

    name: str
    group: str
    what: str
    c: str
    ours: str
    why: str = ""
    note: str = ""
    machine: str | None = None
    cases: list[str] = dataclasses.field(default_factory=list)
    tests: str = ""

    @property
    def cells(self):
        """The cells of its row in the document."""
        return (self.what, self.c, self.ours, self.why, f"`{self.name}`")

    def check(self):
        """Raises Invalid if a field is not as it must be."""
        for cell in self.cells:
            if len(cell) > CELL_WIDTH or "\n" in cell or "|" in cell:
                raise Invalid(f"{self.name}: not a short cell of one line: {cell!r}")
        if not (self.name and self.what and self.c and self.ours):
            raise Invalid(f"{self.name}: a cell is empty")
        if self.machine not in (None, *MACHINES):
            raise Invalid(f"{self.name}: no machine {self.machine!r}")
        if odd := [pattern for pattern in self.cases if ": " not in pattern]:
            raise Invalid(f"{self.name}: {odd[0]!r} is no name of a case, which has a group in front")

    def has(self, case, machine):
        """Returns whether it explains a case in a machine."""
        return self.machine in (None, machine) and any(matches(pattern, case) for pattern in self.cases)


def matches(pattern, case):
    """Returns whether a case has the name that the pattern gives; * stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), case) is not None


def parse(text):
    """Returns the differences in the text of differences.toml."""
    try:
        differences = [Difference(**entry) for entry in tomllib.loads(text).get("difference", [])]
    except (ValueError, TypeError) as error:
        raise Invalid(str(error)) from error
    for difference in differences:
        difference.check()
    names = [difference.name for difference in differences]
    if twice := [name for name in names if names.count(name) > 1]:
        raise Invalid(f"{twice[0]}: it is there twice")
    groups = [group for group, _ in itertools.groupby(differences, lambda difference: difference.group)]
    if twice := [group for group in groups if groups.count(group) > 1]:
        raise Invalid(f"the group {twice[0]!r} is not in one place")
    return differences


def read(path):
    """Returns the differences in a file."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, Invalid) as error:
        raise Invalid(f"{path}: {error}") from error


def document(differences):
    """Returns the text of docs/differences.md."""
    lines = [HEAD]
    for group, rows in itertools.groupby(differences, lambda difference: difference.group):
        rows = list(rows)
        lines += [f"## {group}", ""]
        lines += ["| what | C driver | this driver | why | name |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(row.cells)} |".replace("|  |", "| |") for row in rows]
        for row in rows:
            if row.note:
                lines += ["", f"`{row.name}`: {row.note}"]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def write():
    """Writes docs/differences.md."""
    (TOP / "docs/differences.md").write_text(document(read(DIFFERENCES)), encoding="utf-8")
