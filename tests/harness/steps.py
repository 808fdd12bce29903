# SPDX-License-Identifier: GPL-2.0
"""Steps that people watch: what runs long has its output in a log, and shows signs of life."""

import contextlib
import fcntl
import multiprocessing
import os
import shutil
import subprocess
import sys
import time

from . import paths
from .paths import LOGS

SIGN_OF_LIFE_SECONDS = 20
LINES_SHOWN = 25
LEAST_FREE = 50 << 20

FORK = multiprocessing.get_context("fork")


class Failed(Exception):
    """Something has failed; the arguments are the lines that say what, and what to do."""

    def __str__(self):
        return "\n       ".join(map(str, self.args))


class Steps:
    """Announces the steps of a command."""

    def __init__(self, count):
        self._count, self._number = count, 0

    def __call__(self, text):
        self._number += 1
        print(f"[{self._number}/{self._count}] {text}")


def last_lines(log, count):
    """The last lines of a log, if there is one."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return text.splitlines()[-count:]


def watch(name, work, **settings):
    """Run a function, or a command, in a process of its own with its output in a log of that name, and with
    these settings in its environment.

    Returns its exit status, which is 1 where a function returns False.
    """
    log, start = LOGS / f"{name}.log", time.monotonic()
    LOGS.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    process = FORK.Process(target=_in_log, args=(log, work, settings))
    process.start()
    shown = start
    while process.join(0.2) or process.exitcode is None:
        if time.monotonic() - shown >= SIGN_OF_LIFE_SECONDS:
            shown = time.monotonic()
            print(f"      {shown - start:4.0f} s  {''.join(last_lines(log, 1))[:90]}")
    if process.exitcode == 0:
        print(f"      done in {time.monotonic() - start:.0f} s")
    return process.exitcode


def _in_log(log, work, settings):
    with open(log, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout = sys.stderr = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.update(settings)
    try:
        if callable(work):
            sys.exit(work() is False)
        sys.exit(subprocess.run(work, stdin=subprocess.DEVNULL, check=False).returncode)
    except Failed as failure:
        sys.exit(f"error: {failure}")


def run(name, work, **settings):
    """Watch what must succeed; else show the end of its log."""
    status = watch(name, work, **settings)
    if status == 0:
        return
    log = LOGS / f"{name}.log"
    print(f"\n{name} failed (exit {status}); the end of its log:\n", file=sys.stderr)
    for line in last_lines(log, LINES_SHOWN):
        print(f"    {line}", file=sys.stderr)
    full = shutil.disk_usage(LOGS).free < LEAST_FREE
    raise Failed(f"{name} failed", f"the whole log: {log}", *(["the disk is full: make room"] if full else []))


@contextlib.contextmanager
def locked(path, other):
    """Hold the lock of a file, after the other that has it, if there is one."""
    with open(path, "a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for {other}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def lock_cache():
    """Let no other clone build in the cache, which is given, meanwhile; what is called with the lock held has it
    already."""
    cache = paths.kernel().cache
    if os.environ.get("cache_is_locked"):
        yield cache
        return
    with locked(cache / "lock", f"another build that uses {cache}"):
        os.environ["cache_is_locked"] = "1"
        try:
            yield cache
        finally:
            del os.environ["cache_is_locked"]
