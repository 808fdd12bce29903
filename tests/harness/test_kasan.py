# SPDX-License-Identifier: GPL-2.0
"""Instrumentation is looked for in what nm prints."""

import unittest

from .kasan import lacking

INSTRUMENTED = """\
                 U __asan_report_load8_noabort
                 U __sanitizer_cov_trace_pc
0000000000000000 T vfio_ccw_read
"""


class Lacking(unittest.TestCase):
    def test_an_instrumented_object_lacks_nothing(self):
        self.assertEqual(lacking(INSTRUMENTED), [])

    def test_what_is_lacking_is_named(self):
        without_kasan = "\n".join(line for line in INSTRUMENTED.splitlines() if "asan" not in line)
        self.assertEqual(lacking(without_kasan), ["__asan_"])
        self.assertEqual(lacking("0000 T vfio_ccw_read\n"), ["__asan_", "__sanitizer_cov_trace_pc"])
        self.assertEqual(lacking(""), ["__asan_", "__sanitizer_cov_trace_pc"])
