# SPDX-License-Identifier: GPL-2.0
"""Disk images of Hercules, as dasdinit makes them without compression.

Behind a header of 512 bytes comes one track after the other: its home address, then records, each
a count field and as many bytes of key and data as that says, up to eight bytes of FF.
"""

import struct

HEADER = 512
HOME_ADDRESS = 5
COUNT = struct.Struct(">HHBBH")
END = b"\xff" * COUNT.size


class Broken(ValueError):
    """This is no such image."""


def records(image, cylinder, head):
    """The records of a track: the count field, the key and the data of each."""
    if image[:8] != b"CKD_P370":
        raise Broken("an image begins with CKD_P370")
    heads, size = struct.unpack_from("<II", image, 8)
    start = HEADER + (cylinder * heads + head) * size
    track = image[start : start + size]
    if struct.unpack_from(">HH", track, 1) != (cylinder, head):
        raise Broken(f"the track of cylinder {cylinder}, head {head} has another home address")

    offset, found = HOME_ADDRESS, []
    while track[offset : offset + COUNT.size] != END:
        _, _, _, key_len, data_len = COUNT.unpack_from(track, offset)
        key = offset + COUNT.size
        data = key + key_len
        found.append((track[offset:key], track[key:data], track[data : data + data_len]))
        offset = data + data_len
    return found
