# SPDX-License-Identifier: GPL-2.0
"""Print figures about the sources: sizes, unsafe code, documentation, import circles.

For each crate: its files and lines, the longest file and the longest function outside of tests,
the unsafe blocks, functions and impls for each 1,000 lines, the words of doc comments, and an
import circle between its modules, if there is one.
"""

import dataclasses
import graphlib
import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parent.parent.parent

# The crates by the file that is their root. A module of one is a file.
CRATES = {
    "ccwchain": "ccwchain/src/ccwchain.rs",
    "mdev": "mdev/mdev.rs",
    "state": "drivers/state/state.rs",
    "drivers": "drivers/vfio_ccw.rs",
    "iommu_type1_stub": "iommu_type1_stub/src/iommu_type1_stub.rs",
    "tools": "tools/src/lib.rs",
    "conformance": "tests/conformance/src/main.rs",
    "explorer": "tests/explorer/src/lib.rs",
    "lock_free": "tests/lock_free/src/lib.rs",
    "model": "tests/model/src/model.rs",
}

TOKEN = re.compile(
    r"""(?P<doc>//[/!][^\n]*)|(?P<comment>//[^\n]*|/\*.*?\*/)"""
    r"""|(?P<string>b?r(?P<hash>\#*)".*?"(?P=hash)|[bc]?"(?:\\.|[^"\\])*")"""
    r"""|(?P<char>b?'(?:\\(?:x[0-9a-f]{2}|u\{[^}]*\}|.)|[^'\\\n])')""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)


def code_of(text):
    """Return the text with comments, strings and characters blanked, and its doc comments."""
    docs = []

    def blank(match):
        if match["doc"]:
            docs.append(match["doc"][3:])
        return re.sub(r"[^\n]", " ", match[0])

    return TOKEN.sub(blank, text), docs


def end_of_block(code, start):
    """Return where the block ends whose first brace is at or after `start`; None if there is none."""
    depth = 0
    for match in re.compile(r"[{};]").finditer(code, start):
        depth += {"{": 1, "}": -1, ";": 0}[match[0]]
        if depth == 0:
            return match.end() if match[0] == "}" else None
    return None


def without_tests(code):
    """Return the code without its modules of tests; lines stay where they are."""
    for match in re.finditer(r"#\[cfg\((?:any\()?[^\]]*\b(?:test|CONFIG_VFIO_CCW_RUST_KUNIT_TEST)\b[^\]]*\]", code):
        module = re.compile(r"(?:\s*#\[[^\]]*\])*\s*(?:pub(?:\([a-z]+\))?\s+)?mod\s+\w+\s*\{").match(code, match.end())
        end = module and end_of_block(code, module.start())
        if end:
            code = code[: match.start()] + re.sub(r"[^\n]", " ", code[match.start() : end]) + code[end:]
    return code


def functions(code):
    """Yield the name and the number of lines of each function that has a body."""
    for match in re.finditer(r"\bfn\s+(\w+)", code):
        end = end_of_block(code, match.end())
        if end:
            yield match[1], code.count("\n", match.start(), end) + 1


def paths(tree, prefix=()):
    """Yield the paths that a `use` names, as tuples of words."""
    depth, start, items = 0, 0, []
    for at, char in enumerate(tree + ","):
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "," and depth == 0:
            items.append(tree[start:at].strip())
            start = at + 1
    for word in filter(None, items):
        if "{" in word:
            head, rest = word.split("{", 1)
            yield from paths(rest.rsplit("}", 1)[0], (*prefix, *head.strip().rstrip(":").split("::")))
        else:
            yield (*prefix, *(part.strip() for part in word.split(" as ")[0].split("::")))


@dataclasses.dataclass
class Module:
    """A file of a crate, without its tests."""

    path: pathlib.Path
    name: tuple
    lines: int
    code: str
    doc_words: int

    def imports(self, names):
        """Return the modules of the same crate, which has those names, that it names."""
        found = set()
        uses = re.findall(r"\buse\s+((?:[^;{]|\{[^;]*\})*);", self.code)
        named = [path for use in uses for path in paths(use)]
        named += [tuple(path.split("::")) for path in re.findall(r"\b(?:crate|super)(?:::\w+)+", self.code)]
        for path in named:
            base = self.name
            while path and path[0] in ("crate", "self", "super"):
                base = {"crate": (), "self": base, "super": base[:-1]}[path[0]]
                path = path[1:]
            full = (*base, *path)
            while full and full not in names:
                full = full[:-1]
            if full and full != self.name:
                found.add(full)
        return found


def modules(root):
    """Return the modules of a crate by name. A folder that is a crate of its own is left out."""
    folder = root.parent
    other_crates = {(TOP / other).parent for other in CRATES.values()} - {folder}
    found = {}
    for path in sorted(folder.rglob("*.rs")):
        if any(other in path.parents for other in other_crates if folder in other.parents):
            continue
        name = () if path == root else path.relative_to(folder).with_suffix("").parts
        if name and (name[-1] in ("tests", "bindings_generated") or (folder / name[0]).suffix == ".rs"):
            continue
        text = path.read_text(encoding="utf-8")
        code, docs = code_of(text)
        words = sum(len(doc.split()) for doc in docs)
        found[name] = Module(path, name, text.count("\n"), without_tests(code), words)
    return found


def circle_of(crate):
    """Return the modules of an import circle of a crate, if it has one.  That a folder's root lists its children
    is no import."""
    names = set(crate)
    graph = {
        name: {other for other in module.imports(names) if other and other[: len(name)] != name}
        for name, module in crate.items()
        if name
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def row(name, root):
    crate = modules(root)
    lines = sum(module.lines for module in crate.values())
    longest = max(crate.values(), key=lambda module: module.lines)
    lengths = [length for module in crate.values() for length in functions(module.code)]
    function = max(lengths, key=lambda length: length[1], default=("-", 0))
    code_lines = sum(1 for module in crate.values() for line in module.code.split("\n") if line.strip())
    unsafe = sum(len(re.findall(r"\bunsafe\b", module.code)) for module in crate.values())
    words = sum(module.doc_words for module in crate.values())
    circle = " ".join("::".join(name) for name in circle_of(crate))
    return [
        name, str(len(crate)), str(lines),
        f"{longest.lines} {longest.path.name}", f"{function[1]} {function[0]}",
        f"{1000 * unsafe / max(code_lines, 1):.1f}", str(words), circle or "none",
    ]  # fmt: skip


HEAD = ["crate", "files", "lines", "longest file", "longest fn", "unsafe/kloc", "doc words", "circle"]


def main():
    table = [HEAD] + [row(name, TOP / root) for name, root in CRATES.items()]
    widths = [max(map(len, column)) for column in zip(*table)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


if __name__ == "__main__":
    main()
