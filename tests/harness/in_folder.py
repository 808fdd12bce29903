# SPDX-License-Identifier: GPL-2.0
"""What unit tests share."""

import pathlib
import tempfile
import unittest
from unittest import mock


class InFolder(unittest.TestCase):
    """Tests that each have a folder of their own."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def patch(self, module, **values):
        """Give names of a module other values until the test ends."""
        self.enterContext(mock.patch.multiple(module, **values))
