# SPDX-License-Identifier: GPL-2.0
"""The patch series of `make in-tree`, for a small tree that looks like a kernel."""

import re
import subprocess
import sys

from .in_folder import InFolder
from .paths import SCRIPTS, TOP

sys.path.insert(0, str(SCRIPTS))
import in_tree

AUTHOR = "A Tester <test@example.org>"
KCONFIG = """
config VFIO_CCW
	def_tristate n
	help
	  This driver.

	  To compile it, choose M here.

config VFIO_AP
	def_tristate n
"""
FILES = {
    "Kbuild": "",
    "arch/s390/Kconfig": KCONFIG,
    "drivers/s390/cio/Makefile": "vfio_ccw-objs += a.o\nobj-$(CONFIG_VFIO_CCW) += vfio_ccw.o\n\nobj-y += b.o\n",
    "Documentation/arch/s390/index.rst": "    vfio-ap\n    vfio-ccw\n    zfcpdump\n",
    "MAINTAINERS": "S390 VFIO-CCW DRIVER\nM:\tA <a@b>\nF:\tdrivers/x\n\nS390 VFIO-PCI DRIVER\nM:\tB <b@b>\n",
}


class InTreeTest(InFolder):
    def setUp(self):
        super().setUp()
        self.kernel, self.series = self.folder / "linux", self.folder / "series"
        for name, text in FILES.items():
            path = self.kernel / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def patches(self):
        in_tree.main(self.kernel, self.series, AUTHOR)
        return [path.read_text() for path in sorted(self.series.iterdir())]

    def test_each_patch_is_a_mail_that_is_signed_off(self):
        cover, *patches = self.patches()
        self.assertEqual(len(patches), 7)
        for number, text in enumerate(patches, 1):
            self.assertRegex(text, rf"\AFrom: {AUTHOR}\nDate: .*\nSubject: \[PATCH {number}/7\] \S")
            self.assertIn(f"\n\nSigned-off-by: {AUTHOR}\n---\n", text)
            body = text.partition("\n---\n")[0].splitlines()
            subject = body[2].partition("] ")[2]
            self.assertLessEqual(len(subject), 75)
            self.assertLessEqual(max(map(len, body[4:])), 75)
            self.assertIn(f"  {subject}\n", cover)

    def test_counts_of_lines_are_right(self):
        for text in self.patches()[1:]:
            hunks = re.findall(r"^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@", text, re.MULTILINE)
            added = sum(int(after or 1) - int(before or 1) for before, after in hunks)
            self.assertIn(f" {added} insertions(+)", text)

    def test_all_that_the_module_is_built_from_is_there(self):
        added = set(re.findall(r"^\+\+\+ b/(\S+)$", "".join(self.patches()), re.MULTILINE))
        listed = subprocess.run(
            ["find", "mdev", "drivers", "ccwchain/src", "iommu_type1_stub/src", "-name", "*.[chr]*", "-type", "f"],
            cwd=TOP, stdout=subprocess.PIPE, text=True, check=True,
        ).stdout.split()  # fmt: skip
        for name in listed:
            if name.endswith((".rs", ".c", ".h")):
                self.assertIn(f"{in_tree.HOME}/{name}", added)
        self.assertIn(f"{in_tree.HOME}/mdev/c/bindgen_parameters", added)

    def test_entries_are_where_they_belong(self):
        text = "".join(self.patches())
        self.assertIn('+source "drivers/s390/cio/vfio_ccw_rust/Kconfig"\n+\n config VFIO_AP\n', text)
        self.assertIn(" obj-$(CONFIG_VFIO_CCW) += vfio_ccw.o\n+obj-$(CONFIG_VFIO_CCW_RUST) += vfio_ccw_rust/\n", text)
        self.assertIn("     vfio-ccw\n+    vfio-ccw-rust\n", text)
        self.assertIn(f" F:\tdrivers/x\n \n+S390 VFIO-CCW DRIVER [RUST]\n+M:\t{AUTHOR}\n", text)

    def test_the_makefile_has_nothing_for_a_build_out_of_the_tree(self):
        made = in_tree.in_tree_kbuild((TOP / "Kbuild").read_text())
        self.assertNotRegex(made, "KBUILD_EXTMOD|lacking|MAKEFILE_LIST")
        self.assertIn("\nobj-$(CONFIG_VFIO_CCW_RUST) += vfio_ccw.o\n", made)
        self.assertEqual(made.count("endif"), len(re.findall(r"^if", made, re.MULTILINE)))

    def test_a_tree_that_has_changed(self):
        (self.kernel / "drivers/s390/cio/Makefile").write_text("obj-y += b.o\n")
        with self.assertRaisesRegex(in_tree.Unfit, "drivers/s390/cio/Makefile: 0 places"):
            self.patches()
        self.assertFalse(self.series.exists())

    def test_a_tree_that_has_the_driver(self):
        (self.kernel / in_tree.HOME).mkdir()
        with self.assertRaisesRegex(in_tree.Unfit, "has a drivers/s390/cio/vfio_ccw_rust already"):
            self.patches()
