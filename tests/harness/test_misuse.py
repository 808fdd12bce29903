# SPDX-License-Identifier: GPL-2.0
"""Tests of tests/misuse/misuse.py: what it compiles leaves nothing behind."""

import os
import pathlib
import stat
import sys
import tempfile
import unittest
from unittest import mock

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "misuse"))

import misuse


class Compiling(unittest.TestCase):
    def test_rustc_writes_to_a_folder_of_its_own(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "fine.rs").write_text("pub fn fine() {}\n")
            record = folder / "record"
            record.write_text("savedcmd_x := A=b rustc --crate-type=lib --emit=obj=x.o --out-dir x x/vfio_ccw.rs\n")
            with mock.patch.multiple(misuse, RECORD=record, MODULE=folder):
                base = misuse.command()
                # As root, rustc replaces a device that it is told to write to.
                self.assertEqual([word for word in base if "/dev/" in word], [])
                self.assertEqual(misuse.errors(base, folder / "fine.rs"), [])
            self.assertEqual(sorted(path.name for path in folder.iterdir()), ["fine.rs", "record"])
        self.assertTrue(stat.S_ISCHR(os.stat(os.devnull).st_mode))
