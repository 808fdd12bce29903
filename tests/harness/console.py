# SPDX-License-Identifier: GPL-2.0
"""Signs of trouble in the kernel's lines on a console."""

import re

KERNEL_LINE = re.compile(r"^\[ *\d+\.\d+\]")
KUNIT_FAILURE = re.compile(KERNEL_LINE.pattern + r"\s+not ok\b")

# Judged in the kernel's lines only; what programs print is theirs to judge.
TROUBLE = (
    (r"Kernel panic", "panic"),
    (r"\bOops\b|ilc:\d \[#\d+\]|Unable to handle kernel|stack pointer invalid", "oops"),
    (r"BUG: KASAN|UBSAN:", "sanitizer report"),
    (r"\bBUG\b|rust_kernel: panicked", "bug"),
    (r"possible circular|possible recursive|possible irq lock inversion", "lock order"),
    (r"inconsistent lock state|bad unlock balance|held lock freed|non-static key", "locking"),
    (r"INFO: .*\block\b|lock held when returning", "locking"),
    (r"suspicious RCU|rcu: INFO|self-detected stall", "RCU"),
    (r"sleeping function called|scheduling while atomic", "sleep in atomic context"),
    (r"hung_task|blocked for more than", "hung task"),
    (r"WARNING:", "warning"),
    (r"\bcut here\b|Call Trace:", "kernel stack trace"),
    (r"refcount_t:|list_(add|del) corruption|unreferenced object", "corruption or leak"),
    (r"User process fault|segfault", "program killed"),
    (r"Out of memory", "out of memory"),
)


def trouble(line):
    """Name what is wrong with this line, or return None."""
    if not KERNEL_LINE.match(line):
        return None
    return next((what for pattern, what in TROUBLE if re.search(pattern, line)), None)
