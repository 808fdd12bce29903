# SPDX-License-Identifier: GPL-2.0
"""Scripts within which something fails."""

import os
import subprocess

from .in_folder import InFolder
from .paths import SCRIPTS


class Failures(InFolder):
    def bash(self, code):
        """The exit status of a script, and what it prints."""
        script = ["bash", "-c", f"exec 2>&1; . {SCRIPTS}/lib.sh; {code}"]
        settings = os.environ | {"VFIO_CCW_CACHE": str(self.folder)}
        done = subprocess.run(script, env=settings, stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout

    def test_a_long_command_ends_at_its_first_failure(self):
        status, said = self.bash("steps() { echo first; (exit 7); echo second; }; run name steps; echo third")
        self.assertEqual(status, 1)
        self.assertRegex(said, "(?s)exit 7.*first")
        self.assertNotRegex(said, "second|third")

    def test_a_long_command_that_succeeds_is_gone_on_behind(self):
        status, said = self.bash("run name true; echo second")
        self.assertEqual(status, 0)
        self.assertIn("second", said)
