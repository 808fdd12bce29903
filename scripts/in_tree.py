# SPDX-License-Identifier: GPL-2.0
"""Writes the driver as a patch series for a kernel tree (in_tree.toml has its messages).

usage: in_tree.py KERNEL FOLDER AUTHOR

KERNEL is the source that the series is made for; it is only read.  FOLDER gets the series, as
git format-patch would write it.  AUTHOR, "Name <address>", signs it off.
"""

import difflib
import email.utils
import pathlib
import re
import sys
import textwrap
import tomllib

TOP = pathlib.Path(__file__).resolve().parent.parent
HOME = "drivers/s390/cio/vfio_ccw_rust"
# Where files of this tree go that have another place, or another name, in the kernel.
PLACES = {
    "Kbuild": f"{HOME}/Makefile",
    "packaging/in-tree/.kunitconfig": f"{HOME}/.kunitconfig",
    "Documentation/arch/s390/vfio-ccw.rst": "Documentation/arch/s390/vfio-ccw-rust.rst",
}
DOCUMENTS = "Documentation/"
MAINTAINERS = """
S390 VFIO-CCW DRIVER [RUST]
M:	{author}
L:	linux-s390@vger.kernel.org
L:	kvm@vger.kernel.org
L:	rust-for-linux@vger.kernel.org
S:	Maintained
F:	Documentation/ABI/testing/debugfs-vfio-ccw
F:	Documentation/ABI/testing/sysfs-bus-mdev-vfio-ccw
F:	Documentation/arch/s390/vfio-ccw-rust.rst
F:	drivers/s390/cio/vfio_ccw_rust/
"""


class Unfit(Exception):
    """The kernel tree is not as expected."""


def insert_after(text, pattern, addition, name):
    """Put lines behind what a pattern finds, which must be there once."""
    found = list(re.finditer(pattern, text, re.MULTILINE))
    if len(found) != 1:
        raise Unfit(f"{name}: {len(found)} places for what belongs there, not one: /{pattern}/")
    at = found[0].end()
    return text[:at] + addition + text[at:]


# The files of the kernel that change, each with the patch that changes it: that of its subject.
def changes(author):
    home = HOME.rpartition("/")[2]
    return {
        "drivers/s390/cio/Makefile": (
            "add a driver", r"^obj-\$\(CONFIG_VFIO_CCW\) \+= vfio_ccw\.o\n", f"obj-$(CONFIG_VFIO_CCW_RUST) += {home}/\n"
        ),
        "arch/s390/Kconfig": (
            "add a driver", r"^config VFIO_CCW\n(?:\t.*\n|\n)*", f'source "{HOME}/Kconfig"\n\n'
        ),
        "Documentation/arch/s390/index.rst": ("Documentation", r"^ +vfio-ccw\n", "    vfio-ccw-rust\n"),
        "MAINTAINERS": (
            "MAINTAINERS", r"^S390 VFIO-CCW DRIVER\n(?:[A-Z]:\t.*\n)*", MAINTAINERS.format(author=author)
        ),
    }  # fmt: skip


def in_tree_kbuild(text):
    """Kbuild without what is for a build out of the tree."""
    kept, depth = [], 0
    for line in text.splitlines(keepends=True):
        if depth or line.startswith("ifneq ($(KBUILD_EXTMOD),)"):
            depth += bool(re.match(r"if(n?eq|n?def)\b", line)) - line.startswith("endif")
        else:
            kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "".join(kept))


def place(name):
    if name.startswith(DOCUMENTS):
        return PLACES.get(name, name)
    return PLACES.get(name, f"{HOME}/{name}")


def added(patch):
    """The files that a patch adds: path in the kernel, contents."""
    for pattern in patch["files"]:
        found = sorted(path for path in TOP.glob(pattern) if path.is_file())
        if not found:
            raise Unfit(f"no file of this tree is {pattern}")
        for path in found:
            text = path.read_text(encoding="utf-8")
            name = str(path.relative_to(TOP))
            yield place(name), in_tree_kbuild(text) if name == "Kbuild" else text


def changed(patch, kernel, author):
    """The files that a patch changes: path, contents before and after."""
    for name, (subject, pattern, addition) in changes(author).items():
        if subject in patch["subject"]:
            try:
                before = (kernel / name).read_text(encoding="utf-8")
            except FileNotFoundError:
                raise Unfit(f"{kernel} has no {name}: it is not the source tree of a kernel") from None
            yield name, before, insert_after(before, pattern, addition, name)


def diff(name, before, after):
    """The difference of a file, and the number of lines that are added."""
    lines = list(difflib.unified_diff(
        before.splitlines(keepends=True) if before is not None else [], after.splitlines(keepends=True),
        f"a/{name}" if before is not None else "/dev/null", f"b/{name}",
    ))  # fmt: skip
    head = f"diff --git a/{name} b/{name}\n" + ("" if before is not None else "new file mode 100644\n")
    return head + "".join(lines), sum(line.startswith("+") for line in lines[2:])


def statistics(counts):
    width = max(map(len, counts))
    lines = [f" {name:{width}} | {count:4} +\n" for name, count in counts.items()]
    return "".join(lines) + f" {len(counts)} files changed, {sum(counts.values())} insertions(+)\n"


def message(number, count, subject, body, author, date):
    """The head of a patch as a mail."""
    subject = f"[PATCH {number}/{count}] {subject}"
    return f"From: {author}\nDate: {date}\nSubject: {subject}\n\n{body.strip()}\n"


def series(kernel, author):
    """Yield the patches: number, subject, text."""
    content = tomllib.loads((TOP / "scripts/in_tree.toml").read_text(encoding="utf-8"))
    patches, date = content["patch"], email.utils.formatdate()
    list_of_all, counts = [], {}
    for number, patch in enumerate(patches, 1):
        files = [(name, None, text) for name, text in added(patch)] + list(changed(patch, kernel, author))
        diffs = {name: diff(name, before, after) for name, before, after in files}
        body = f"{patch['body'].strip()}\n\nSigned-off-by: {author}"
        own = {name: lines for name, (_, lines) in diffs.items()}
        counts |= own
        text = message(number, len(patches), patch["subject"], body, author, date) + "---\n" + statistics(own) + "\n"
        yield number, patch["subject"], text + "".join(text for text, _ in diffs.values()) + "-- \n2.0\n\n"
        list_of_all.append(f"  {patch['subject']}\n")
    subject, _, body = content["cover"].strip().partition("\n")
    text = message(0, len(patches), subject, body, author, date)
    yield 0, "cover letter", text + "\n" + "".join(list_of_all) + "\n" + statistics(counts) + "-- \n2.0\n\n"


def main(kernel, folder, author):
    if (kernel / HOME).exists():
        raise Unfit(f"{kernel} has a {HOME} already")
    written = [(f"{number:04}-{re.sub(r'[^A-Za-z0-9]+', '-', subject)[:52].strip('-')}.patch", text)
               for number, subject, text in series(kernel, author)]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.patch"):
        old.unlink()
    for name, text in written:
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(textwrap.dedent(__doc__))
    try:
        main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3])
    except Unfit as why:
        sys.exit(f"error: {why}")
