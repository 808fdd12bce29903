# SPDX-License-Identifier: GPL-2.0
"""Fuzz ccwchain with libFuzzer.  What is found that is new is kept in build/fuzz/TARGET/corpus, what
breaks a promise in build/fuzz/TARGET."""

import shutil
import subprocess

from . import build, steps
from .paths import BUILD, LOGS, TOP
from .steps import Failed

FUZZ = TOP / "tests/fuzz"
TRIPLE = "x86_64-unknown-linux-gnu"
# Flags that cargo-fuzz passes to rustc without a sanitizer.  None is needed: the code under test has
# no unsafe code.
FLAGS = """--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares"""
LINES_SHOWN = 12


def run(action, target, words):
    """Run a target for so many seconds, run it on files, or reduce what it has found."""
    targets = sorted(path.stem for path in (FUZZ / "fuzz_targets").glob("*.rs"))
    if target not in targets:
        raise Failed(f"no fuzz target is called {target!r}", f"there are: {' '.join(targets)}")
    if action == "run" and not (len(words) == 1 and words[0].isdecimal() and int(words[0])):
        raise Failed(f"how many seconds is {' '.join(words)!r}?", f"for example: make fuzz TARGET={target} SECONDS=60")
    found = BUILD / "fuzz" / target
    corpus = FUZZ / "corpus" / target
    for folder in (found / "corpus", corpus):
        folder.mkdir(parents=True, exist_ok=True)
    settings = {"CXX": "clang++", "RUSTFLAGS": FLAGS, "CARGO_TARGET_DIR": str(BUILD / "fuzz/target")}
    options = ["--release", "--locked", f"--manifest-path={FUZZ}/Cargo.toml", f"--target={TRIPLE}", f"--bin={target}"]
    with steps.lock_cache():
        steps.run("fuzz-build", ["cargo", "build", *options], **settings)

    options = [f"-artifact_prefix={found}/", "-max_len=1024", "-timeout=10", "-rss_limit_mb=1024"]
    libfuzzer = [str(BUILD / "fuzz/target" / TRIPLE / "release" / target), *options]
    if action == "replay":
        return subprocess.run([*libfuzzer, *words], check=False).returncode == 0
    if action == "minimise":
        merged = build.fresh(found / "merged")
        merge = ["-set_cover_merge=1", "-use_counters=0", merged, corpus, found / "corpus"]
        steps.run(f"fuzz-minimise-{target}", [*libfuzzer, *merge])
        shutil.rmtree(corpus)
        shutil.move(merged, corpus)
        print(f"{len(list(corpus.iterdir()))} files in tests/fuzz/corpus/{target}")
        return True
    log = LOGS / f"fuzz-{target}.log"
    limits = [f"-max_total_time={words[0]}", "-print_final_stats=1"]
    status = steps.watch(log.stem, [*libfuzzer, *limits, found / "corpus", corpus])
    print("\n".join(steps.last_lines(log, LINES_SHOWN)))
    if status:
        raise Failed(
            f"{target} has failed; the whole log: {log}",
            f"to see it again: scripts/harness fuzz replay {target} FILE, with the file that is named above",
        )
    return True
