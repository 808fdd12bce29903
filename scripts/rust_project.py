# SPDX-License-Identifier: GPL-2.0
"""Adds the crates of the module to a rust-project.json of the kernel.

usage: rust_project.py CLONE MODULE ROOT <kernel.json >rust-project.json

CLONE has Kbuild, which names the crates and what each of them uses. MODULE is where the
module was built. ROOT is where the build root is, as seen from outside, or empty if the
Rust compiler is this machine's own.
"""

import graphlib
import json
import pathlib
import re
import sys


def crates_of(kbuild):
    """Yields the path of each crate and the names of the crates that it uses, those that are used first."""
    objects = {}
    # A line that ends with a backslash goes on in the next.
    for line in kbuild.replace("\\\n", " ").splitlines():
        if found := re.match(r"vfio_ccw-y\s*[:+]?=(.*)", line):
            for name in re.findall(r"(\S+)\.o\b", found[1]):
                objects.setdefault(name, [])
        elif found := re.match(r"RUSTFLAGS_(\S+)\.o\s*[:+]?=(.*)", line):
            objects.setdefault(found[1], []).extend(re.findall(r"--extern (\w+)", found[2]))

    paths = {pathlib.PurePath(path).name: path for path in objects}
    order = graphlib.TopologicalSorter(
        {path: [paths[use] for use in uses if use in paths] for path, uses in objects.items()}
    )
    for path in order.static_order():
        yield path, objects[path]


def main(clone, module, root):
    project = json.load(sys.stdin)
    crates = project["crates"]

    # Paths of the compiler's own crates are those within the build root.
    sysroot = project["sysroot"]
    for crate in crates:
        if crate["root_module"].startswith(sysroot + "/"):
            crate["root_module"] = root + crate["root_module"]
    project["sysroot"] = root + sysroot

    index = {crate["display_name"]: number for number, crate in enumerate(crates)}
    kernel = crates[index["kernel"]]
    kunit = any(cfg.startswith("CONFIG_KUNIT=") or cfg == "CONFIG_KUNIT" for cfg in kernel["cfg"])
    for path, uses in crates_of((clone / "Kbuild").read_text()):
        source = clone / f"{path}.rs"
        if not source.exists():
            continue
        dependencies = ["core", "kernel", "pin_init", "zerocopy", "zerocopy_derive", *dict.fromkeys(uses)]
        crate = {
            "display_name": source.stem,
            "root_module": str(source),
            "is_workspace_member": True,
            "deps": [{"crate": index[name], "name": name} for name in dependencies if name in index],
            "cfg": kernel["cfg"] + (["CONFIG_VFIO_CCW_RUST_KUNIT_TEST"] if kunit else []),
            "edition": "2021",
            "env": {"RUST_MODFILE": "This is only for rust-analyzer"},
        }
        if source.stem == "mdev":
            for bindings in module.rglob("bindings_generated.rs"):
                crate["env"]["MDEV_BINDINGS"] = str(bindings)
                crate["source"] = {"include_dirs": [str(source.parent), str(bindings.parent)], "exclude_dirs": []}
        index[source.stem] = len(crates)
        crates.append(crate)

    json.dump(project, sys.stdout, sort_keys=True, indent=4)
    print()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3])
