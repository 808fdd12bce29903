# SPDX-License-Identifier: GPL-2.0
"""Compile drivers that misuse the wrappers of mdev/, which must not compile, and its examples, which must.

A case is a file of this folder.  Without `--cfg misuse` it must compile: that is its control.
With it, rustc must give exactly the errors that the file names, each by a comment in its line,
`//~ E0597`, or in the next one, `//~^ E0597`.  It is compiled by the command that Kbuild has
recorded for the driver, so that the module must have been built.

An example is a block of code in the documentation of mdev/, of items that are a crate by themselves.

usage: misuse.py RESULTS [CASE...]
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MDEV = HERE.parent.parent / "mdev"
MODULE = HERE.parent.parent / "build/module"
RECORD = MODULE / "drivers/.vfio_ccw.o.cmd"
# The lines of a block of code in documentation, between its fences.
EXAMPLE = re.compile(r"^ *//[/!] ```\n((?: *//[/!].*\n)*?) *//[/!] ```$", re.MULTILINE)
EXPECTED = re.compile(r"//~(\^?) (E\d{4})$", re.MULTILINE)


def command():
    """The recorded command, without what it compiles and what it leaves."""
    record = RECORD.read_text(encoding="utf-8")
    words = shlex.split(re.search(r"^savedcmd_\S+ := (.*)$", record, re.MULTILINE)[1])
    start = next(place for place, word in enumerate(words) if "=" not in word)
    kept = [word for word in words[start + 1 :] if not word.startswith("--emit=") and not word.endswith("/vfio_ccw.rs")]
    place = kept.index("--out-dir")
    del kept[place : place + 2]
    # A lint is no error here, and clippy's are unknown to rustc.
    kept = [word for word in kept if not re.match(r"-[AWD]clippy::|-Dwarnings$", word)]
    return ["rustc", *kept, "--error-format=json", "--emit=metadata", "--crate-name=misuse"]


def errors(base, file, *options):
    """The errors of compiling a file: (line, code) each; line 0 for those of other places."""
    # The kernel's Makefile sets this for the options that are not stable.
    env = os.environ | {"RUSTC_BOOTSTRAP": "1"}
    # rustc renames what it has made to its place: as root it would replace /dev/null.
    with tempfile.TemporaryDirectory() as folder:
        rustc = [*base, "--out-dir", folder, *options, file]
        done = subprocess.run(rustc, cwd=MODULE, env=env, text=True, capture_output=True, check=False)
    found = []
    for line in done.stderr.splitlines():
        if not line.startswith("{"):
            continue
        message = json.loads(line)
        if message["level"] != "error" or message["message"].startswith("aborting due to"):
            continue
        primary = [span for span in message["spans"] if span["is_primary"]]
        lines = [span["line_start"] for span in primary if pathlib.Path(span["file_name"]).name == file.name]
        found.append((lines[0] if lines else 0, (message["code"] or {}).get("code"), message["rendered"]))
    if done.returncode and not found:
        found.append((0, None, done.stderr))
    return found


def expected(text):
    lines = ((text.count("\n", 0, match.start()) + 1, match) for match in EXPECTED.finditer(text))
    return {(line - len(match[1]), match[2]) for line, match in lines}


def judge(base, file):
    """What is wrong with a case, or with an example, which names no errors; None if nothing is."""
    text = file.read_text(encoding="utf-8")
    wanted, is_example = expected(text), "//~" not in text
    if control := errors(base, file):
        what = "example" if is_example else "control"
        return f"the {what} does not compile:\n" + "".join(rendered for _, _, rendered in control)
    if is_example:
        return None
    found = errors(base, file, "--cfg=misuse")
    if not found:
        return "the misuse compiles"
    if {(line, code) for line, code, _ in found} != wanted:
        return f"these are not the errors of {sorted(wanted)}:\n" + "".join(rendered for _, _, rendered in found)
    return None


def examples(folder):
    """The examples of mdev/, which become files of a folder."""
    for source in sorted(MDEV.rglob("*.rs")):
        name = "-".join(("example", *source.relative_to(MDEV).with_suffix("").parts))
        for number, match in enumerate(EXAMPLE.finditer(source.read_text(encoding="utf-8"))):
            file = folder / (f"{name}-{number}.rs" if number else f"{name}.rs")
            # As rustdoc does, take lines that it hides.
            file.write_text(re.sub(r"^ *//[/!] ?(?:# )?", "", match[1], flags=re.MULTILINE), encoding="utf-8")
            yield file


def main(results, *names):
    base = command()
    passed, failed = [], []
    with tempfile.TemporaryDirectory() as folder:
        cases = [file for file in sorted(HERE.glob("*.rs")) if "//~" in file.read_text(encoding="utf-8")]
        for file in (*cases, *examples(pathlib.Path(folder))):
            if names and file.stem not in names:
                continue
            fault = judge(base, file)
            (failed if fault else passed).append(file.stem)
            print(f"{'FAILED' if fault else 'ok'} {file.stem}", *([fault] if fault else []), flush=True)
    pathlib.Path(results).write_text(json.dumps({"passed": passed, "failed": failed}), encoding="utf-8")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
