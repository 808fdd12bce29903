# SPDX-License-Identifier: GPL-2.0
"""The harness itself: a judge that sees nothing passes everything."""

import unittest

from .boot import difference
from .console import KUNIT_FAILURE, trouble
from .terminal import RecordReader, escape


class Console(unittest.TestCase):
    def test_trouble_is_seen(self):
        for text in (
            "Kernel panic - not syncing: Fatal exception",
            "Oops: 0004 ilc:2 [#1]",
            "monitor event: 0040 ilc:2 [#1]SMP",
            "Unable to handle kernel pointer dereference in virtual kernel address space",
            "kernel BUG at mm/slub.c:1!",
            "WARNING: possible circular locking dependency detected",
            "WARNING: drivers/vfio/vfio_main.c:1 at vfio_register, CPU#0: sh/1",
            "INFO: trying to register non-static key.",
            "WARNING: suspicious RCU usage",
            "BUG: sleeping function called from invalid context at mm/slab.h:1",
            "INFO: task sh:1 blocked for more than 122 seconds.",
            "rust_kernel: panicked at drivers/vfio_ccw.rs:1:1:",
            "Kernel stack pointer invalid",
            "BUG: KASAN: slab-use-after-free in _RNvNtCs3_7vfio_ccw3ops4read+0x54/0x1a0 [vfio_ccw]",
            "BUG: KASAN: null-ptr-deref in vfio_ccw_read+0x54/0x1a0",
            "UBSAN: array-index-out-of-bounds in drivers/s390/cio/css.c:12:3",
            "UBSAN: shift-out-of-bounds in drivers/s390/cio/css.c:12:3",
            "Call Trace:",
        ):
            with self.subTest(text):
                self.assertIsNotNone(trouble(f"[    5.583020] {text}"))

    def test_kunit_failures_are_seen_at_any_depth(self):
        self.assertRegex("[    5.583020] not ok 2 suite", KUNIT_FAILURE)
        self.assertRegex("[   15.583020]     not ok 1 case", KUNIT_FAILURE)
        self.assertNotRegex("[   15.583020]     ok 1 case", KUNIT_FAILURE)

    def test_good_lines_are_not(self):
        for text in (
            "[    5.583020] vfio_ccw: loading out-of-tree module taints kernel.",
            "[    0.239030] rcu: \tRCU lockdep checking is enabled.",
            "WARNING: from a program",
        ):
            with self.subTest(text):
                self.assertIsNone(trouble(text))


class Records(unittest.TestCase):
    NEGOTIATION = bytes.fromhex("fffd19fffb19fffd00fffb00fffd18fffa1801fff0")

    def records(self, *pieces):
        reader = RecordReader()
        return [record for piece in pieces for record in reader.feed(piece)]

    def test_negotiation_is_no_record(self):
        self.assertEqual(self.records(self.NEGOTIATION, b"\x05ab\xff\xef"), [b"\x05ab"])

    def test_every_byte_survives_any_cut(self):
        data = bytes(range(256)) + b"\xff\xff\xef\xff"
        stream = escape(data) + b"\xff\xef" + b"\x01\xff\xef"
        for cut in range(len(stream)):
            self.assertEqual(self.records(stream[:cut], stream[cut:]), [data, b"\x01"])


class Difference(unittest.TestCase):
    def test_same(self):
        self.assertIsNone(difference(b"\x05abc", b"abc", 0x05))

    def test_each_difference_is_named(self):
        for record, named in (
            (None, "no record"),
            (b"\x01abc", "command byte 01"),
            (b"\x05abd", "byte 2 is 64"),
            (b"\x05ab", "2 bytes"),
            (b"\x05abcd", "4 bytes"),
            (b"", "command byte"),
        ):
            with self.subTest(named):
                self.assertIn(named, difference(record, b"abc", 0x05))
