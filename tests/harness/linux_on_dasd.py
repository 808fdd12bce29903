# SPDX-License-Identifier: GPL-2.0
"""A guest of an unmodified QEMU that lives on a disk, in L1 in Hercules (scripts/l1/linux-on-dasd)."""

import json
import struct
import time

from scenarios.run import Results

from . import boot, build, ckd, l1, steps
from .paths import BUILD

NAME = "linux-on-dasd"
SECONDS = 3600
# Cylinders of the disks, by their device numbers.
DISKS = {"00A0": 100, "00A1": 20}
# What L1 leaves: for each file the disk that has it.
FILES = {"payload.blocks": "00A0", "one.blocks": "00A1", "two.blocks": "00A1"}
BLOCK = 4096
BLOCKS_OF_TRACK, HEADS = 12, 15


class Watched(boot.Run):
    """A boot whose steps are shown with the seconds that each took last time."""

    def __init__(self, options):
        super().__init__(options)
        self._results = Results(BUILD / f"{NAME}.cast")
        self._file = BUILD / f"{NAME}.times"
        self._last = json.loads(self._file.read_text(encoding="utf-8")) if self._file.exists() else {}
        self._title = self._begun = None

    def asked(self, words):
        match words:
            case ["step", place, *text]:
                self.end_step()
                self._title, self._begun = " ".join(text), time.monotonic()
                last = self._last.get(self._title)
                self._results.tell(f"[{place}] {self._title}" + ("" if last is None else f" (last time {last} s)"))
            case ["say", *text]:
                self._results.tell("  " + " ".join(text))
            case _:
                super().asked(words)

    def end_step(self):
        """Note how long the step has taken that ends."""
        if self._title:
            self._last[self._title] = round(time.monotonic() - self._begun)
            self._file.write_text(json.dumps(self._last, indent=1) + "\n", encoding="utf-8")


def compare(share, images, names):
    """Compare each block of these files, as L1 has written them, with the images of the disks; returns the
    verdicts, each of which is told."""
    verdicts = []
    for name in names:
        number = FILES[name]
        what = f"disk {number} has each block of the file {name.removesuffix('.blocks')} as it was written"
        try:
            payload = (share / "payload.bin").read_bytes()
            wanted = [payload[at : at + BLOCK] for at in range(0, len(payload), BLOCK)]
            image = (images / f"{number}.ckd").read_bytes()
            blocks = [int(line) for line in (share / name).read_text(encoding="ascii").split()]
            is_same = bool(wanted) and [block_of(image, block) for block in blocks] == wanted
            told = f"{len(blocks)} blocks"
        except (OSError, ValueError, IndexError, struct.error) as error:
            is_same, told = False, f"{error!r}"
        print(f"L0: {'' if is_same else 'NOT so: '}{what} ({told})")
        verdicts.append((what, is_same))
    return verdicts


def block_of(image, number):
    """The data of a block of a disk that dasdfmt has formatted."""
    track, block = divmod(number, BLOCKS_OF_TRACK)
    # The first record of a track is no block.
    return ckd.records(image, *divmod(track, HEADS))[block + 1][2]


def run(backend, driver="rust", short=False):
    """Run the guest; returns whether all is good, and the verdicts."""
    share = l1.share(f"{NAME}-{backend}")
    command = ["sh", f"l1/{NAME}", backend, driver, *(["short"] if short else [])]
    machine = {"emulator": "hercules", "initrd": BUILD / "l1-dasd.cpio", "disks": DISKS}
    good = boot.run(l1.options(share.name, share, SECONDS, command, "dasd", **machine), Watched)
    verdicts = l1.summary(share)
    if good:
        names = list(FILES)[: 1 if short else None]
        verdicts += compare(share, share.with_name(share.name + "-images"), names)
    print(f"\nwhat was run, and what it printed: {share}/output")
    return good and all(is_good for _, is_good in verdicts), verdicts


def short(backend):
    """Run the short form: the guest is IPLed, and reads a file."""
    build.build(print, build.FOR_DASD, "dasd")
    return run(backend, short=True)[0]


def through_all(backends):
    """Run all of it through each of these back ends; whether all is good."""
    step = steps.Steps(len(build.FOR_DASD) + len(backends))
    build.build(step, build.FOR_DASD, "dasd")
    good = True
    for backend in backends:
        step(f"L1 in Hercules: a guest of QEMU lives on a disk, through {backend}")
        good = run(backend)[0] and good
    return good
