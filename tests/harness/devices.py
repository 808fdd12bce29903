# SPDX-License-Identifier: GPL-2.0
"""Compare what programs of demo/ say that they have written and read with what is in the
images of Hercules' devices.  The programs save their data in the shared folder.
"""

from . import aws, ckd

EBCDIC = "cp037"
CARD = 80


def disk(saved, images):
    """demo/disk/write.ccw"""
    image = (images / "disk.ckd").read_bytes()
    _, first, second = map(b"".join, ckd.records(image, 6, 1))
    yield "record 1 of the disk", first, saved("disk-1.bin")
    parts = (saved(f"disk-2-{part}.bin") for part in ("count", "key", "data"))
    yield "record 2 of the disk", second, b"".join(parts)


def track(saved, images):
    """scripts/l1/demo-hercules, the command `ccw dasd read-track`"""
    image = (images / "disk.ckd").read_bytes()
    records = [part for record in ckd.records(image, 6, 1) for part in record]
    yield "a track of the disk", b"".join(records) + ckd.END, saved("track.bin")


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


def compare(share, images):
    """Pairs of what is compared and whether it is the same; each is told."""
    verdicts = []

    def tell(what, is_same):
        print(f"L0: {what}")
        verdicts.append((what, is_same))

    for device, least in ((disk, 2), (track, 1), (tape, 2), (printer, 2), (cards, 2)):
        count = 0
        try:
            for what, there, said in device(lambda name: (share / name).read_bytes(), images):
                count += 1
                is_same = there == said
                tell(f"{what}, {len(there)} bytes: {'same as' if is_same else 'NOT the same as'} in L1", is_same)
            if count < least:
                raise ValueError("something is missing")
        except (OSError, ValueError, IndexError) as error:
            tell(f"NOT known what is on the {device.__name__}: {error}", False)
    return verdicts
