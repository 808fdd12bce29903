# SPDX-License-Identifier: GPL-2.0
"""What Kbuild makes of a kernel's configuration, out of tree and in it; no kernel is needed."""

import re
import subprocess

from .in_folder import InFolder
from .paths import TOP

GOOD = {"S390": "y", "RUST": "y", "VFIO": "m", "VFIO_MDEV": "m", "VFIO_CCW": "m"}

# As kbuild does, the configuration is read before Kbuild.
SHOW = """
.DEFAULT_GOAL := show
include {top}/Kbuild
show:
	@echo 'm=$(obj-m) y=$(obj-y) stub=$(filter iommu_type1_stub/%,$(vfio_ccw-y)) flags=$(rustflags-y)'
"""

MODULE = "m=vfio_ccw.o y= "
SUITES = "stub=iommu_type1_stub/src/iommu_type1_stub.o "
SUITES_OFF = "stub= flags="
FLAG = "--cfg=CONFIG_VFIO_CCW_RUST_KUNIT_TEST"


class KbuildTest(InFolder):
    def setUp(self):
        super().setUp()
        self.css = self.folder / "drivers/s390/cio/css.h"
        self.css.parent.mkdir(parents=True)
        self.css.touch()

    def make(self, config, *settings, makefile="Makefile.build", extmod=TOP):
        file = self.folder / makefile
        lines = [f"CONFIG_{name}={value}\n" for name, value in config.items()]
        file.write_text("".join(lines) + SHOW.format(top=TOP))
        settings = [f"srctree={self.folder}", f"KBUILD_EXTMOD={extmod}", "obj=.", "src=.", *settings]
        path = {"PATH": "/usr/bin:/bin"}
        return subprocess.run(
            ["make", "-s", "-f", file, *settings], text=True, capture_output=True, env=path, check=False
        )

    def shown(self, *args, **kwargs):
        made = self.make(*args, **kwargs)
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        return made.stdout.strip()

    def complaints(self, **changes):
        """What is said of a good configuration with these changes."""
        made = self.make({**GOOD, **changes})
        self.assertEqual(made.returncode, 2)
        self.assertRegex(made.stderr, r"\*\*\* vfio_ccw cannot be built for this kernel\.")
        return re.findall(r"Kbuild:\d+: (CONFIG_.*|.* is missing.*)", made.stderr)

    def test_a_kernel_with_all_that_is_needed_is_taken(self):
        self.assertEqual(self.shown(GOOD), MODULE + SUITES_OFF)
        self.assertEqual(self.shown({**GOOD, "VFIO_CCW": "", "VFIO_MDEV": "y"}), MODULE + SUITES_OFF)

    def test_what_is_lacking_is_named_and_what_to_do(self):
        for why, changes in (
            ("^CONFIG_S390 is not set: .*s390x", {"S390": ""}),
            ("^CONFIG_RUST is not set: .*make rustavailable.*CONFIG_EXPOLINE", {"RUST": ""}),
            ("^CONFIG_VFIO is not set: set it", {"VFIO": ""}),
            ("^CONFIG_VFIO_MDEV is not set .*set CONFIG_VFIO_CCW=m", {"VFIO_MDEV": "", "VFIO_CCW": ""}),
            ("^CONFIG_VFIO_CCW=y: .*set it to m", {"VFIO_CCW": "y"}),
        ):
            (complaint,) = self.complaints(**changes)
            self.assertRegex(complaint, why)
        # All that is lacking is said at once.
        self.assertEqual(len(self.complaints(RUST="", VFIO_MDEV="")), 2)
        self.css.unlink()
        (complaint,) = self.complaints()
        self.assertRegex(complaint, "drivers/s390/cio/css.h is missing: .*full source tree")

    def test_cleaning_needs_no_configuration(self):
        self.assertEqual(self.shown({}, makefile="Makefile.clean"), MODULE + SUITES_OFF)

    def test_out_of_tree_the_suites_are_built_where_kunit_is_built_in(self):
        self.assertEqual(self.shown({**GOOD, "KUNIT": "y"}), MODULE + SUITES + "flags=" + FLAG)
        self.assertEqual(self.shown({**GOOD, "KUNIT": "m"}), MODULE + SUITES_OFF)
        off = "CONFIG_VFIO_CCW_RUST_KUNIT_TEST=n"
        self.assertEqual(self.shown({**GOOD, "KUNIT": "y"}, off), MODULE + SUITES_OFF)

    def test_in_the_tree_kconfig_decides_and_tells_rustc(self):
        self.assertEqual(self.shown({"KUNIT": "y"}, extmod=""), "m= y= " + SUITES_OFF)
        config = {"KUNIT": "y", "VFIO_CCW_RUST": "y"}
        self.assertEqual(self.shown(config, extmod=""), "m= y=vfio_ccw.o " + SUITES_OFF)
        config["VFIO_CCW_RUST_KUNIT_TEST"] = "y"
        self.assertEqual(self.shown(config, extmod=""), "m= y=vfio_ccw.o " + SUITES + "flags=")
