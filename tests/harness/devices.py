# SPDX-License-Identifier: GPL-2.0
"""Compare what programs of demo/ say that they have written and read with what is in the
images of Hercules' devices.  usage: devices.py SHARE IMAGES

The programs save their data in the shared folder.  Exit status: 0 if all is the same.
"""

import pathlib
import sys

import aws
import ckd

EBCDIC = "cp037"
CARD = 80


def disk(saved, images):
    """demo/disk/write.ccw"""
    image = (images / "disk.ckd").read_bytes()
    _, first, second = map(b"".join, ckd.records(image, 6, 1))
    yield "record 1 of the disk", first, saved("disk-1.bin")
    parts = (saved(f"disk-2-{part}.bin") for part in ("count", "key", "data"))
    yield "record 2 of the disk", second, b"".join(parts)


def tape(saved, images):
    """demo/tape/tape.ccw"""
    blocks = aws.files((images / "tape.aws").read_bytes())[0]
    for number, block in enumerate(blocks, 1):
        yield f"block {number} of the tape", block, saved(f"tape-{number}.bin")


def printer(saved, images):
    """demo/cards/printer.ccw"""
    lines = [line for line in (images / "printer.txt").read_text(encoding="ascii").splitlines() if line.strip()]
    for number, line in enumerate(lines, 1):
        yield f"line {number} of the printer", line.encode(EBCDIC), saved(f"line-{number}.bin")


def cards(saved, images):
    """demo/cards/reader.ccw"""
    lines = (images / "cards.txt").read_text(encoding="ascii").splitlines()
    for number in range(1, 4):
        card = lines[number - 1].ljust(CARD).encode(EBCDIC)
        yield f"card {number} in the reader", card, saved(f"card-{number}.bin")


def is_same(device, saved, images):
    """Compare and tell; a device has two records at least."""
    count, same = 0, True
    for what, there, said in device(saved, images):
        count += 1
        same = same and there == said
        verdict = "same as" if there == said else "NOT the same as"
        print(f"L0: {what}, {len(there)} bytes: {verdict} in L1")
    if count < 2:
        raise ValueError("something is missing")
    return same


def main():
    share, images = (pathlib.Path(argument) for argument in sys.argv[1:])

    def saved(name):
        return (share / name).read_bytes()

    good = True
    for device in (disk, tape, printer, cards):
        try:
            good = is_same(device, saved, images) and good
        except (OSError, ValueError, IndexError) as error:
            good = False
            print(f"L0: NOT known what is on the {device.__name__}: {error}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
