# SPDX-License-Identifier: GPL-2.0
"""The random data that goes over the 3270, in files of the shared folder."""

import random


def make(share, seed=None):
    """Write the files; the same seed gives the same bytes."""
    if seed is None:
        seed = random.SystemRandom().randrange(1 << 32)
    print(f"random data from seed {seed} (SEED={seed} repeats it)", flush=True)
    chance = random.Random(seed)
    for name, size in (("screen4k.bin", 4096), ("screen60k.bin", 61440)):
        (share / name).write_bytes(with_iacs(chance, size))
    # QEMU's terminal takes FF EF for the end of a record even where telnet
    # has the FF doubled, and holds 1000 bytes.
    key = with_iacs(chance, 600).replace(b"\xff\xef", b"\xff\xee")
    (share / "key.bin").write_bytes(key)


def with_iacs(chance, size):
    """Random bytes, 0xff among them alone and in a row: telnet escapes it."""
    content = bytearray(chance.randbytes(size))
    for at in (0, size // 3, size // 3 + 1, size - 1):
        content[at] = 0xFF
    return bytes(content)
