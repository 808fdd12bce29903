# SPDX-License-Identifier: GPL-2.0
"""Scripts within which something fails."""

import os
import pathlib
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent


class Failures(unittest.TestCase):
    def bash(self, code):
        with tempfile.TemporaryDirectory() as cache:
            return subprocess.run(
                ["bash", "-c", f". {TOP}/scripts/lib.sh; {code}"],
                env=os.environ | {"VFIO_CCW_CACHE": cache},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )

    def test_a_long_command_ends_at_its_first_failure(self):
        result = self.bash("steps() { echo first; (exit 7); echo second; }; run name steps; echo third")
        self.assertEqual(result.returncode, 1)
        self.assertIn("first", result.stdout)
        self.assertIn("exit 7", result.stdout)
        self.assertNotIn("second", result.stdout)
        self.assertNotIn("third", result.stdout)

    def test_a_long_command_that_succeeds_is_gone_on_behind(self):
        result = self.bash("run name true; echo second")
        self.assertEqual(result.returncode, 0)
        self.assertIn("second", result.stdout)
