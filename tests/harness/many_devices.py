# SPDX-License-Identifier: GPL-2.0
"""Many devices at once (tests/conformance/src/many_devices.rs)."""

from . import build, l1, paths, steps

# For each kernel the drivers and the number of devices.  The debug kernel, which alone charges memory to cgroups,
# is slow.
KERNELS = {"plain": ("rust c", 64), "debug": ("rust", 24)}
# The virtio-rngs that each L1 of QEMU has.
USUAL = 2
PROCESSORS = 4
LIMIT_SECONDS = 1800


def run():
    """Use many devices at once; whether all was as it should be."""
    step = steps.Steps(len(KERNELS) * (len(build.FOR_L1) + 1))
    return all([on(step, kernel, *settings) for kernel, settings in KERNELS.items()])


def on(step, kernel, drivers, count):
    """Boot one kernel for these drivers; whether all was as it should be."""
    build.build(step, build.FOR_L1, kernel)
    step(f"L1, the {kernel} kernel: {count} devices, drivers: {drivers}")
    name = "many-devices" + paths.kernel(kernel).variant
    options = l1.options(
        name, l1.share(f"share-{name}"), LIMIT_SECONDS, ["sh", "l1/many-devices", drivers, str(count)], kernel,
        cpus=PROCESSORS, rngs=count - USUAL, parameters="kunit.enable=0",
    )  # fmt: skip
    return l1.boot.run(options)
