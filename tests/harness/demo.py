# SPDX-License-Identifier: GPL-2.0
"""Runs the demos for people, and sums them up."""

import time

from . import build, devices, l1, linux_on_dasd, scenario, steps
from .paths import BUILD

SECONDS = 180


def outcome(good, start, verdicts=(), more=""):
    """Tell what came of a demo; returns whether all was as expected."""
    if verdicts:
        print("\nSummary\n")
        for title, is_good in verdicts:
            print(f"{'ok    ' if is_good else 'FAILED'} {title}")
    seconds = f"{time.monotonic() - start:.0f} s"
    print(f"\n{'all as expected' if good else 'NOT all was as expected'}, {seconds}{more if good else ''}")
    return good


def demo(driver):
    """Run channel programs on two subchannels of L1 in QEMU."""
    start, step = time.monotonic(), steps.Steps(len(build.FOR_L1) + 1)
    build.build(step, build.FOR_L1)
    step("L1: load vfio_ccw, bind two subchannels, run channel programs")
    share = l1.share("share-demo")
    good = l1.run("demo", share, SECONDS, ["sh", "l1/demo", driver])
    return outcome(good, start, l1.summary(share))


def hercules_devices():
    """Run programs on the devices of Hercules, and compare their images with what the programs say;
    returns whether all is good, and the verdicts."""
    share = l1.share("demo-hercules")
    good = l1.run("demo-hercules", share, SECONDS, ["sh", "l1/demo-hercules"], emulator="hercules")
    output = share / "output"
    if output.exists():
        print(output.read_text(encoding="utf-8", errors="replace"))
    verdicts = devices.compare(share, share.with_name(share.name + "-images"))
    return good and all(is_same for _, is_same in verdicts), l1.summary(share) + verdicts


def demo_hercules():
    """Run channel programs on a disk, a tape, a printer and a card reader of Hercules."""
    start, step = time.monotonic(), steps.Steps(len(build.FOR_L1) + 1)
    build.build(step, build.FOR_L1)
    step("L1 in Hercules: load vfio_ccw, run channel programs on a disk, a tape, a printer and a card reader")
    good, verdicts = hercules_devices()
    return outcome(good, start, verdicts)


def demo_qemu(backend):
    """Show a guest of an unmodified QEMU that uses devices, and record what is shown."""
    start, step = time.monotonic(), steps.Steps(len(build.FOR_L2) + 1)
    build.build(step, build.FOR_L2)
    step(f"L1: a guest of QEMU uses a 3270 terminal and a virtio-rng, through {backend}")
    cast = BUILD / "demo-qemu.cast"
    good = scenario.boot("demo-qemu", backend, ["demo"], cast=cast)
    return outcome(good, start, more="; to see it again: asciinema play build/demo-qemu.cast")


def demo_linux_on_dasd(backend, driver):
    """Show a guest of QEMU that is IPLed from a disk that is passed through, and has its root file system
    there."""
    start, step = time.monotonic(), steps.Steps(len(build.FOR_DASD) + 1)
    build.build(step, build.FOR_DASD, "dasd")
    step(f"L1 in Hercules: a guest of QEMU lives on a disk, through {backend}")
    good, verdicts = linux_on_dasd.run(backend, driver)
    return outcome(good, start, verdicts, more=f"; to see it again: asciinema play build/{linux_on_dasd.NAME}.cast")
