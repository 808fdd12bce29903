# SPDX-License-Identifier: GPL-2.0
"""Names each prerequisite of the module that a kernel lacks, and what to do about it.

usage: [BTF=file] doctor.py KDIR

KDIR is a kernel tree that is built, as for `make module`; ARCH, CROSS_COMPILE, RUSTC and BINDGEN
are those of its build.  BTF names the file that tells how the kernel that will load the module
lays out its structures: a vmlinux, or a copy of its /sys/kernel/btf/vmlinux.
"""

import collections
import os
import pathlib
import platform
import re
import shlex
import subprocess
import sys
import tempfile

import btf

TOP = pathlib.Path(__file__).resolve().parent.parent
LEAST = (7, 3)
CIO = "drivers/s390/cio"
# The structures that mdev/ reads, writes or embeds, and the headers that have them.
STRUCTURES = (
    "subchannel", "subchannel_id", "schib", "schib_config", "css_driver", "css_device_id", "channel_path",
    "channel_subsystem", "vfio_device", "vfio_device_ops", "mdev_parent", "mdev_type", "mdev_device", "mdev_driver",
    "mmu_notifier", "mmu_notifier_ops", "device", "device_driver", "work_struct", "delayed_work",
)  # fmt: skip
HEADERS = ("linux/device.h", "linux/mdev.h", "linux/mmu_notifier.h", "linux/vfio.h", "linux/workqueue.h",
           "css.h", "chp.h")  # fmt: skip
# Modules that have structures which the kernel proper may not know.
MODULES = {"vfio": "drivers/vfio/vfio.ko", "mdev": "drivers/vfio/mdev/mdev.ko"}
DIFFERENCES_SHOWN = 6

OK, MISSING, NOTE, UNKNOWN = "ok", "MISSING", "note", "not checked"


class Tree:
    """A kernel tree."""

    def __init__(self, path):
        self.path = path
        makefile = self.text("Makefile")
        # The build directory of a kernel names its source in its Makefile.
        elsewhere = re.findall(r"^include (/\S*)/Makefile$", makefile, re.MULTILINE)
        self.source = pathlib.Path(elsewhere[0]) if elsewhere else path
        self.release = self.text("include/config/kernel.release").strip()
        self.config = dict(re.findall(r'^CONFIG_(\w+)="?(.*?)"?$', self.text("include/config/auto.conf"), re.MULTILINE))

    def text(self, name):
        try:
            return (self.path / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def has(self, name):
        return (self.path / name).exists()

    def find(self, name):
        """A file of the source."""
        return next((path for path in (self.source / name, self.path / name) if path.exists()), None)


def is_no_kernel(tree):
    """Yield why nothing else can be checked, if so."""
    if not tree.text("Makefile"):
        yield MISSING, f"KDIR={tree.path} is not a kernel tree: it has no Makefile", "name the tree of a kernel"
    elif not tree.config:
        yield MISSING, f"the kernel in {tree.path} is not configured", "configure and build it: see docs/install.md"


def build_state(tree):
    if not tree.has("Module.symvers"):
        yield MISSING, "the kernel is not built: there is no Module.symvers", f"make -C {tree.path}"
    elif tree.config.get("RUST") == "y" and not tree.has("rust/libkernel.rmeta"):
        yield (MISSING, "the kernel crate is not built: there is no rust/libkernel.rmeta",
               f"make -C {tree.path}; packages of headers of distributions do not have it")  # fmt: skip
    else:
        yield OK, f"a kernel that is built, {tree.path}", ""


def version(tree):
    numbers = tuple(map(int, re.findall(r"\d+", tree.release)[:2]))
    if numbers < LEAST:
        yield MISSING, f"Linux {tree.release} is too old", "Linux 7.3 is the first with Rust for s390x"
        return
    source = (tree.source / "Makefile").read_text(encoding="utf-8", errors="replace")
    parts = dict(re.findall(r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) *=[ \t]*(\S*)$", source, re.MULTILINE))
    made = "{VERSION}.{PATCHLEVEL}.{SUBLEVEL}{EXTRAVERSION}".format_map({"EXTRAVERSION": "", **parts}) if parts else ""
    if parts and not re.match(re.escape(made) + r"(?!\d)", tree.release):
        yield (MISSING, f"the source in {tree.source} is Linux {made}, the kernel was built as {tree.release}",
               "take the source that this kernel was built from, or build the kernel anew")  # fmt: skip
    else:
        yield OK, f"Linux {tree.release}", ""
    if platform.machine() == "s390x" and platform.release() != tree.release:
        yield (NOTE, f"this machine runs Linux {platform.release()}, the module will be for {tree.release}",
               "boot that kernel, or name its tree: KDIR=/lib/modules/$(uname -r)/build")  # fmt: skip


def configuration(tree):
    """Options of the kernel; Kbuild demands the first ones, too."""
    config = collections.defaultdict(lambda: "n", tree.config)
    legacy = "n" not in (config["VFIO_GROUP"], config["VFIO_CONTAINER"], config["VFIO_IOMMU_TYPE1"])
    iommufd = "n" not in (config["IOMMUFD"], config["VFIO_DEVICE_CDEV"])
    reasons = {
        "EXPOLINE": "CONFIG_EXPOLINE=y excludes it: CONFIG_EXPOLINE=n",
        "RANDSTRUCT": "CONFIG_RANDSTRUCT=y excludes it: CONFIG_RANDSTRUCT_NONE=y",
    }
    excludes = [text for name, text in reasons.items() if config[name] == "y"]
    if config["MODVERSIONS"] == "y" and config["GENDWARFKSYMS"] == "n":
        excludes.append("CONFIG_MODVERSIONS=y needs CONFIG_GENDWARFKSYMS=y beside it")
    why_no_rust = "; ".join(excludes) or f"make -C {tree.path} rustavailable says what it lacks; then CONFIG_RUST=y"
    checks = (
        (MISSING, config["S390"] == "y", "CONFIG_S390 is not set", "build for a kernel for s390x"),
        (MISSING, config["RUST"] == "y", "CONFIG_RUST is not set", why_no_rust),
        (MISSING, config["MODULES"] == "y", "CONFIG_MODULES is not set", "set it to y"),
        (MISSING, config["VFIO"] != "n", "CONFIG_VFIO is not set", "set it to m or y"),
        (MISSING, config["VFIO_MDEV"] != "n", "CONFIG_VFIO_MDEV is not set and cannot be set by itself",
         "set CONFIG_VFIO_CCW=m, which selects it"),
        (MISSING, config["VFIO_CCW"] != "y", "CONFIG_VFIO_CCW=y: the C driver is built in and has the same names",
         "set it to m"),
        (MISSING, config["TRIM_UNUSED_KSYMS"] == "n",
         "CONFIG_TRIM_UNUSED_KSYMS=y removes functions that only modules of others call", "set it to n"),
        (MISSING, legacy or iommufd, "no back end of VFIO is whole: no program can use a device",
         "set CONFIG_VFIO_{GROUP,CONTAINER,IOMMU_TYPE1}, or CONFIG_IOMMUFD and CONFIG_VFIO_DEVICE_CDEV"),
        (NOTE, config["MMU_NOTIFIER"] == "y", "CONFIG_MMU_NOTIFIER is not set: pin_cache_pages has no effect",
         "CONFIG_KVM selects it"),
        (NOTE, config["DEBUG_FS"] == "y", "CONFIG_DEBUG_FS is not set: no statistics, no debug logs", "set it to y"),
    )  # fmt: skip
    yield from ((kind, what, advice) for kind, is_good, what, advice in checks if not is_good)
    if not any(kind == MISSING and not is_good for kind, is_good, _, _ in checks):
        yield OK, "its configuration", ""


def first_line(command):
    """The first line that a command prints, or None if it is not there."""
    try:
        said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
    except OSError:
        return None
    return said.partition("\n")[0]


def tools(tree):
    """Compilers: rustc reads only what the same rustc has written, and bindings follow bindgen."""
    is_clang = tree.config.get("CC_IS_CLANG") == "y"
    compiler = os.environ.get("CC") or ("clang" if is_clang else os.environ.get("CROSS_COMPILE", "") + "gcc")
    checks = (
        ("RUSTC_VERSION_TEXT", "RUSTC", os.environ.get("RUSTC") or "rustc", MISSING),
        ("BINDGEN_VERSION_TEXT", "BINDGEN", os.environ.get("BINDGEN") or "bindgen", MISSING),
        ("CC_VERSION_TEXT", "CC", compiler, NOTE),
    )
    for option, variable, command, kind in checks:
        built = tree.config.get(option, "")
        if not built:
            continue
        found = first_line([*shlex.split(command), "--version"])
        if found is None:
            yield (MISSING, f"{command} is not installed; the kernel was built by {built}",
                   f"install it, or name one: {variable}=/path")  # fmt: skip
        elif found.split()[1:] != built.split()[1:]:
            yield (kind, f"{command} is {found}, but the kernel was built by {built}",
                   f"name that one: {variable}=/path, or build the kernel anew by this one")  # fmt: skip
        else:
            yield OK, found, ""


def private_headers():
    """The headers of the channel subsystem that our C files include by themselves."""
    files = [path for path in (TOP / "mdev/c").iterdir() if path.suffix in (".c", ".h")]
    names = {name for path in files for name in re.findall(r'^#include "(\w+\.h)"', path.read_text(), re.MULTILINE)}
    return sorted(names - {path.name for path in files})


def headers(tree):
    waiting, seen, missing = private_headers(), set(), []
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if path := tree.find(f"{CIO}/{name}"):
            waiting += re.findall(r'^#include "(\w+\.h)"', path.read_text(encoding="utf-8"), re.MULTILINE)
        else:
            missing.append(name)
    if missing:
        yield (MISSING, f"{tree.source}/{CIO} lacks {', '.join(missing)}: the driver interface of the channel subsystem",
               "build against the full source tree of the kernel, not its installed headers")  # fmt: skip
    else:
        yield OK, f"the private headers in {CIO}", ""


def signing(tree):
    if tree.config.get("MODULE_SIG_FORCE") != "y":
        return
    key = tree.config.get("MODULE_SIG_KEY") or "certs/signing_key.pem"
    if tree.has(key) or key.startswith("pkcs11:") or pathlib.Path(key).exists():
        yield OK, f"a key to sign the module with, {key}", ""
    else:
        yield (MISSING, f"CONFIG_MODULE_SIG_FORCE=y: the kernel loads signed modules only, and {key} is not there",
               "sign the module with a key that the kernel trusts: scripts/sign-file of the kernel tree")  # fmt: skip


def kernel_btf(tree):
    """The BTF of the kernel and of its modules, each on top of the kernel's; none if there is none."""
    running = pathlib.Path("/sys/kernel/btf")
    named = os.environ.get("BTF")
    if not named and platform.machine() == "s390x" and platform.release() == tree.release and running.exists():
        places = [running / name for name in ("vmlinux", *MODULES)]
    else:
        places = [pathlib.Path(named) if named else tree.path / "vmlinux", *map(tree.path.joinpath, MODULES.values())]
    kernel = btf.read(places[0])
    modules = [btf.read(path, kernel) for path in places[1:]] if kernel and not named else []
    return [found for found in (*modules, kernel) if found], places[0]


def assertions(layouts):
    """C that compiles only where all structures have these layouts."""
    yield from (f"#include <{name}>" if "/" in name else f'#include "{name}"' for name in HEADERS)
    for name, (size, members) in layouts.items():
        for member in members:
            place = f"{name}, {member.name}"
            where = f"__builtin_offsetof(struct {place})"
            yield f'_Static_assert({where} == {member.offset}, "{place}: at byte {member.offset}");'
            if member.size:
                yield (f"_Static_assert(sizeof(((struct {name} *)0)->{member.name}) == {member.size}, "
                       f'"{place}: {member.size} bytes");')  # fmt: skip
        yield f'_Static_assert(sizeof(struct {name}) == {size}, "{name}: {size} bytes");'


def compile_assertions(tree, lines):
    """Compile C as a part of a module for this tree; what the compiler says, and whether it has succeeded."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "layouts.c").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "Kbuild").write_text(f"obj-m := layouts.o\nccflags-y := -I$(srctree)/{CIO}\n", encoding="utf-8")
        command = ["make", "-C", tree.path, f"M={folder}", "layouts.o"]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", check=False
        )  # fmt: skip
        return done.stdout, done.returncode == 0


def differences(said):
    """What the kernel has and the headers have not, from what gcc or clang says."""
    found = re.findall(r"static assertion failed[^\"]*\"(\w+(?:, \w+)?: (?:at byte )?\d+(?: bytes)?)\"", said)
    lacking = re.findall(r"['‘]struct (\w+)['’] has no member named ['‘](\w+)['’]", said)
    lacking += [(name, member) for member, name in re.findall(r"no member named '(\w+)' in 'struct (\w+)'", said)]
    return list(dict.fromkeys([f"{name}, {member}: not in this source" for name, member in lacking] + found))


def layouts(tree):
    """Compare the layouts that the headers give with those that the kernel was built with."""
    readable, place = kernel_btf(tree)
    if not readable:
        yield (UNKNOWN, f"whether this source is that of the kernel: no BTF in {place}",
               "BTF=/path names a vmlinux that has it (CONFIG_DEBUG_INFO_BTF), or a copy of /sys/kernel/btf/vmlinux")  # fmt: skip
        return
    known = {}
    for name in STRUCTURES:
        if layout := next(filter(None, (one.layout(name) for one in readable)), None):
            known[name] = layout
    if not known:
        yield (UNKNOWN, f"layouts: {place} has none of the structures that the module uses",
               "name the BTF of the kernel: BTF=/path")  # fmt: skip
        return
    said, is_good = compile_assertions(tree, assertions(known))
    different = differences(said)
    if different:
        more = len(different) - DIFFERENCES_SHOWN
        shown = "".join(f"\n             struct {text}" for text in different[:DIFFERENCES_SHOWN])
        yield (MISSING, "this source is not that of the kernel: structures differ. The kernel has" + shown
               + (f"\n             and {more} more" if more > 0 else ""),
               "take the source and the configuration that this kernel was built from")  # fmt: skip
    elif not is_good:
        errors = [line for line in said.splitlines() if "error" in line.lower()] or said.splitlines()[-1:]
        yield (UNKNOWN, f"layouts: what compares them does not compile: {''.join(errors[:1])}",
               "first do what is named above")  # fmt: skip
    else:
        members = sum(len(members) for _, members in known.values())
        yield OK, f"the layouts of {len(known)} structures with {members} members, compared with {place}", ""
    if lacking := [name for name in STRUCTURES if name not in known]:
        yield (UNKNOWN, f"layouts of {', '.join(lacking)}: not in {place}",
               "the BTF of vfio.ko and mdev.ko has those of VFIO: build or load them")  # fmt: skip


CHECKS = (version, build_state, configuration, tools, headers, signing, layouts)


def examine(tree):
    """Yield all that is found: what kind it is, what, and what to do."""
    stops = list(is_no_kernel(tree))
    yield from stops
    if not stops:
        for check in CHECKS:
            yield from check(tree)


def main(path):
    missing = 0
    for kind, what, advice in examine(Tree(pathlib.Path(path).resolve())):
        print(f"{kind:11}  {what}")
        if kind != OK:
            print(f"{'':11}  -> {advice}")
        missing += kind == MISSING
        sys.stdout.flush()
    print(flush=True)
    if missing:
        sys.exit(f"vfio_ccw cannot be used with this kernel yet: {missing} missing")
    print("vfio_ccw can be built for this kernel: make module KDIR=...")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1]:
        sys.exit("the kernel to look at is not named: KDIR=/lib/modules/$(uname -r)/build make doctor")
    main(sys.argv[1])
