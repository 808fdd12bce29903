# SPDX-License-Identifier: GPL-2.0
"""Tape images of Hercules: each block has a header of six bytes, its length, that of the
block before it and flags, in little-endian order."""

import struct

HEADER = struct.Struct("<HHBB")
NEW_RECORD, TAPE_MARK, END_OF_RECORD = 0x80, 0x40, 0x20


class Broken(ValueError):
    """This is no tape image."""


def files(image):
    """The files of a tape, each a list of its blocks; the last one is what no tape mark follows."""
    found, blocks, block = [], [], b""
    offset = 0
    while offset < len(image):
        if offset + HEADER.size > len(image):
            raise Broken(f"the header at {offset} is cut off")
        length, _, flags, _ = HEADER.unpack_from(image, offset)
        offset += HEADER.size
        if flags & TAPE_MARK:
            found.append(blocks)
            blocks = []
            continue
        content = image[offset : offset + length]
        if len(content) != length:
            raise Broken(f"the block at {offset} is cut off")
        offset += length
        block = content if flags & NEW_RECORD else block + content
        if flags & END_OF_RECORD:
            blocks.append(block)
    return found + [blocks] if blocks else found
