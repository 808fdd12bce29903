# SPDX-License-Identifier: GPL-2.0
"""Finds how far a suite has come, by the results that it left (KTAP).

The runner writes `# running: NAME` before a case, its result after it, and
`# stopped` where the machine must be booted again.  A machine that dies leaves
the last case without a result.
"""

import re

PLAN = re.compile(r"1\.\.(\d+)$")
RESULT = re.compile(r"(?:not )?ok (\d+)\b")
RUNNING = re.compile(r"# running: (.*)$")


class Progress:
    """Progress of a suite, by its results."""

    def __init__(self, text):
        self.planned = None
        self.done = 0
        self.begun = None
        self.has_result = True
        for line in text.splitlines():
            if plan := PLAN.match(line):
                self.planned = int(plan[1])
            elif result := RESULT.match(line):
                self.done, self.has_result = int(result[1]), True
            elif running := RUNNING.match(line):
                self.begun, self.has_result = running[1], False

    def is_complete(self):
        return self.planned is not None and self.has_result and self.done >= self.planned


def death(text, because):
    """The lines that are missing in the results of a suite that died within a case."""
    progress = Progress(text)
    if progress.has_result:
        return ""
    cut = "" if text.endswith("\n") else "\n"
    return f"{cut}# the machine died: {because}\nnot ok {progress.done + 1} {progress.begun}\n"


def rest(because, paths):
    """Return the first file that is not complete and the case that it has come to, which is empty if there
    is none; None if all are complete.

    A case that has no result is given one: the machine died, because of that.
    """
    for path in paths:
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        lines = death(text, because)
        if lines:
            with path.open("a", encoding="utf-8") as results:
                results.write(lines)
        progress = Progress(text + lines)
        if not progress.is_complete():
            return path, progress.begun or ""
    return None
