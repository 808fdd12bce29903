# SPDX-License-Identifier: GPL-2.0
"""What `make doctor` finds in a small tree that looks like a kernel, and in one that lacks something."""

import os
import pathlib
import subprocess
import sys
from unittest import mock

from .in_folder import InFolder
from .paths import SCRIPTS

sys.path.insert(0, str(SCRIPTS))
import btf
import doctor

MAKEFILE = """
VERSION = 7
PATCHLEVEL = 3
SUBLEVEL = 4
EXTRAVERSION =
layouts.o:
	s390x-linux-gnu-gcc -Iinclude -Idrivers/s390/cio -c $(M)/layouts.c -o $(M)/layouts.o
"""
CONFIG = {
    "S390": "y", "RUST": "y", "MODULES": "y", "VFIO": "m", "VFIO_MDEV": "m", "VFIO_CCW": "m", "VFIO_GROUP": "y",
    "VFIO_CONTAINER": "y", "VFIO_IOMMU_TYPE1": "m", "MMU_NOTIFIER": "y", "DEBUG_FS": "y",
    "RUSTC_VERSION_TEXT": '"rustc 1.96.1 (abc)"', "BINDGEN_VERSION_TEXT": '"bindgen 0.71.1"',
    "CC_VERSION_TEXT": '"s390x-linux-gnu-gcc (Debian) 14"',
}  # fmt: skip
BUILT = "include/config/kernel.release", "Module.symvers", "rust/libkernel.rmeta"
CSS = """
struct inner { int one, two; };
struct subchannel {
	int id;
	unsigned int flag : 1, other : 3;
	union { long word; struct { char a, b; }; };
	const struct inner inner[2];
	void (*call)(int);
	long tail[];
};
"""
USER = '#include "css.h"\nstruct subchannel *user;\n'


class DoctorTest(InFolder):
    def setUp(self):
        super().setUp()
        self.write("Makefile", MAKEFILE)
        self.configure()
        for name in BUILT:
            self.write(name, "7.3.4\n")
        for name in (*(f"include/{name}" for name in doctor.HEADERS if "/" in name), "include/chp.h"):
            self.write(name, "")
        for name in doctor.private_headers():
            self.write(f"{doctor.CIO}/{name}", "")
        self.write(f"{doctor.CIO}/css.h", CSS)
        for name, version in (("rustc", "rustc 1.96.1 (abc)"), ("bindgen", "bindgen 0.71.1")):
            self.program(name, version)
        self.program("gcc", "gcc (Debian) 14")
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        self.enterContext(mock.patch.dict(os.environ, PATH=path))
        for name in ("BTF", "CC", "CROSS_COMPILE", "RUSTC", "BINDGEN"):
            os.environ.pop(name, None)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def program(self, name, version):
        self.write(f"bin/{name}", f"#!/bin/sh\necho '{version}'\n").chmod(0o755)

    def configure(self, **changes):
        config = {**CONFIG, **changes}
        lines = [f"CONFIG_{name}={value}\n" for name, value in config.items() if value]
        self.write("include/config/auto.conf", "".join(lines))

    def build_vmlinux(self, name="vmlinux"):
        """Build what has the BTF of the structures, as a kernel that was built from these headers."""
        self.write("user.c", USER)
        command = ["s390x-linux-gnu-gcc", "-gbtf", f"-I{doctor.CIO}", "-c", "user.c", "-o", name]
        subprocess.run(command, cwd=self.folder, check=True)
        return self.folder / name

    def found(self, kind=doctor.MISSING):
        tree = doctor.Tree(self.folder)
        return [(what, advice) for this, what, advice in doctor.examine(tree) if this == kind]

    def assert_missing(self, what, advice, kind=doctor.MISSING):
        """Check that exactly this is missing, and what to do."""
        ((found, to_do),) = self.found(kind)
        self.assertRegex(found, what)
        self.assertRegex(to_do, advice)

    def test_a_kernel_with_all_that_is_needed(self):
        self.build_vmlinux()
        self.assertEqual(self.found(), [])
        self.assertEqual(self.found(doctor.NOTE), [])
        goods = [what for what, _ in self.found(doctor.OK)]
        self.assertEqual(len(goods), 8)
        self.assertIn("layouts of 1 structures with 7 members", goods[-1])

    def test_no_kernel_tree(self):
        (self.folder / "Makefile").unlink()
        self.assert_missing("is not a kernel tree: it has no Makefile", "name the tree")

    def test_a_kernel_that_is_not_configured(self):
        (self.folder / "include/config/auto.conf").unlink()
        self.assert_missing("is not configured", "configure and build")

    def test_a_kernel_that_is_not_built(self):
        (self.folder / "Module.symvers").unlink()
        self.assert_missing("not built: there is no Module.symvers", "make -C ")

    def test_a_kernel_without_its_kernel_crate(self):
        (self.folder / "rust/libkernel.rmeta").unlink()
        self.assert_missing("no rust/libkernel.rmeta", "make -C .*packages of headers")

    def test_a_kernel_that_is_too_old(self):
        self.write("include/config/kernel.release", "7.2.9\n")
        self.assert_missing("Linux 7.2.9 is too old", "7.3 is the first")

    def test_the_source_of_another_version(self):
        self.write("Makefile", MAKEFILE.replace("SUBLEVEL = 4", "SUBLEVEL = 5"))
        self.assert_missing("is Linux 7.3.5, the kernel was built as 7.3.4", "take the source")
        self.write("include/config/kernel.release", "7.3.50\n")
        self.assert_missing("is Linux 7.3.5, the kernel was built as 7.3.50", "take the source")
        self.write("include/config/kernel.release", "7.3.5-local\n")
        self.assertEqual(self.found(), [])

    def test_options(self):
        for changes, what, advice in (
            ({"S390": ""}, "CONFIG_S390 is not set", "s390x"),
            ({"RUST": ""}, "CONFIG_RUST is not set", "rustavailable"),
            ({"RUST": "", "EXPOLINE": "y"}, "CONFIG_RUST is not set", "CONFIG_EXPOLINE=n"),
            ({"RUST": "", "RANDSTRUCT": "y"}, "CONFIG_RUST is not set", "CONFIG_RANDSTRUCT_NONE=y"),
            ({"RUST": "", "MODVERSIONS": "y"}, "CONFIG_RUST is not set", "CONFIG_GENDWARFKSYMS=y"),
            ({"MODULES": ""}, "CONFIG_MODULES is not set", "set it to y"),
            ({"VFIO": ""}, "CONFIG_VFIO is not set", "set it to m or y"),
            ({"VFIO_MDEV": "", "VFIO_CCW": ""}, "CONFIG_VFIO_MDEV is not set", "CONFIG_VFIO_CCW=m"),
            ({"VFIO_CCW": "y"}, "CONFIG_VFIO_CCW=y: the C driver is built in", "set it to m"),
            ({"TRIM_UNUSED_KSYMS": "y"}, "CONFIG_TRIM_UNUSED_KSYMS=y", "set it to n"),
            ({"VFIO_GROUP": ""}, "no back end of VFIO is whole", "CONFIG_IOMMUFD"),
            ({"MODULE_SIG_FORCE": "y"}, "loads signed modules only", "sign the module"),
        ):
            with self.subTest(changes):
                self.configure(**changes)
                self.assert_missing(what, advice)
        for changes, what in (({"MMU_NOTIFIER": ""}, "pin_cache_pages"), ({"DEBUG_FS": ""}, "no statistics")):
            with self.subTest(changes):
                self.configure(**changes)
                self.assertEqual(self.found(), [])
                self.assert_missing(what, "set it|selects it", doctor.NOTE)
        for changes in (
            {"VFIO_GROUP": "", "IOMMUFD": "m", "VFIO_DEVICE_CDEV": "y"},
            {"VFIO_CCW": "", "VFIO_MDEV": "y"},
        ):
            with self.subTest(changes):
                self.configure(**changes)
                self.assertEqual(self.found(), [])

    def test_compilers_that_have_not_built_the_kernel(self):
        for name, kind in (("rustc", doctor.MISSING), ("bindgen", doctor.MISSING), ("gcc", doctor.NOTE)):
            with self.subTest(name):
                before = (self.folder / f"bin/{name}").read_text()
                self.program(name, f"{name} 9.9")
                self.assert_missing(f"{name} is {name} 9.9, but the kernel was built by", "name that one", kind)
                self.write(f"bin/{name}", before)
        with mock.patch.dict(os.environ, RUSTC=str(self.folder / "none")):
            self.assert_missing("none is not installed; the kernel was built by rustc 1.96.1", "RUSTC=/path")

    def test_installed_headers_only(self):
        (self.folder / doctor.CIO / "orb.h").unlink()
        (self.folder / doctor.CIO / "ioasm.h").unlink()
        self.assert_missing("lacks ioasm.h, orb.h", "full source tree")

    def test_a_header_that_a_private_header_includes(self):
        self.write(f"{doctor.CIO}/chp.h", '#include "chsc.h"\n')
        self.assert_missing("lacks chsc.h", "full source tree")

    def test_a_key_to_sign_with(self):
        self.configure(MODULE_SIG_FORCE="y", MODULE_SIG_KEY='"certs/signing_key.pem"')
        self.write("certs/signing_key.pem", "")
        self.assertEqual(self.found(), [])

    def test_no_btf(self):
        self.assert_missing("no BTF in .*/vmlinux", "BTF=/path", doctor.UNKNOWN)
        self.write("vmlinux", "\x7fELF, in part")
        self.assert_missing("no BTF in .*/vmlinux", "BTF=/path", doctor.UNKNOWN)

    def test_a_source_with_other_structures(self):
        self.build_vmlinux()
        for before, after, difference in (
            ("int id;", "int id; long more;", "subchannel, word: at byte 8"),
            ("int id;", "", "subchannel, id: not in this source"),
            ("inner[2]", "inner[1]", "subchannel, inner: 16 bytes"),
            ("other : 3;", "other : 3; char hole;", None),
            ("long tail[];", "void *last; long tail[];", "subchannel: 40 bytes"),
        ):
            with self.subTest(after):
                self.write(f"{doctor.CIO}/css.h", CSS.replace(before, after))
                if difference:
                    self.assert_missing(f"(?s)not that of the kernel.*struct {difference}", "take the source")
                else:
                    # What fits into a hole moves nothing, and no member has its place.
                    self.assertEqual(self.found(), [])

    def test_the_btf_of_another_file(self):
        here = self.build_vmlinux("elsewhere")
        self.write(f"{doctor.CIO}/css.h", CSS.replace("int id;", "long id;"))
        with mock.patch.dict(os.environ, BTF=str(here)):
            self.assert_missing("subchannel, id: 4 bytes", "take the source")

    def test_headers_that_do_not_compile(self):
        self.build_vmlinux()
        self.write("include/linux/vfio.h", "#error no\n")
        self.assertRegex(self.found(doctor.UNKNOWN)[0][0], "does not compile.*#error no")


class BtfTest(InFolder):
    def compile(self, text, *options):
        source, made = self.folder / "a.c", self.folder / "a.o"
        source.write_text(text)
        subprocess.run([*options, "-c", source, "-o", made], check=True)
        return pathlib.Path(made)

    def test_members_in_both_byte_orders(self):
        for compiler in ("s390x-linux-gnu-gcc", "gcc"):
            kernel = btf.read(self.compile(CSS + "struct subchannel *user;", compiler, "-gbtf"))
            size, members = kernel.layout("subchannel")
            self.assertEqual(size, 40)
            self.assertEqual(
                [(member.name, member.offset, member.size) for member in members],
                [("id", 0, 4), ("word", 8, 8), ("a", 8, 1), ("b", 9, 1), ("inner", 16, 16), ("call", 32, 8),
                 ("tail", 40, 0)],
            )  # fmt: skip
            self.assertIsNone(kernel.layout("none"))

    def test_no_btf(self):
        self.assertIsNone(btf.read(self.folder / "none"))
        self.assertIsNone(btf.read(self.compile("int a;", "gcc")))
