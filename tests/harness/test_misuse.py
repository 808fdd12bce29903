# SPDX-License-Identifier: GPL-2.0
"""Tests of tests/misuse/misuse.py: what it compiles leaves nothing behind."""

import os
import stat
import sys

from .in_folder import InFolder
from .paths import TOP

sys.path.append(str(TOP / "tests/misuse"))

import misuse


class Compiling(InFolder):
    def test_rustc_writes_to_a_folder_of_its_own(self):
        record, case = self.folder / "record", self.folder / "fine.rs"
        case.write_text("pub fn fine() {}\n")
        record.write_text("savedcmd_x := A=b rustc --crate-type=lib --emit=obj=x.o --out-dir x x/vfio_ccw.rs\n")
        self.patch(misuse, RECORD=record, MODULE=self.folder)
        base = misuse.command()
        # As root, rustc replaces a device that it is told to write to.
        self.assertEqual([word for word in base if "/dev/" in word], [])
        self.assertEqual(misuse.errors(base, case), [])
        self.assertCountEqual(self.folder.iterdir(), [case, record])
        self.assertTrue(stat.S_ISCHR(os.stat(os.devnull).st_mode))
