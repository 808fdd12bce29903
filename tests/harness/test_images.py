# SPDX-License-Identifier: GPL-2.0
"""The images of Hercules' devices are read right, and broken ones refused."""

import struct
import unittest

from . import aws, ckd


def block(content, flags=aws.NEW_RECORD | aws.END_OF_RECORD):
    return aws.HEADER.pack(len(content), 0, flags, 0) + content


MARK = aws.HEADER.pack(0, 0, aws.TAPE_MARK, 0)


class Tape(unittest.TestCase):
    def test_files_end_with_tape_marks(self):
        self.assertEqual(aws.files(b""), [])
        self.assertEqual(aws.files(block(b"a") + block(b"b") + MARK + MARK), [[b"a", b"b"], []])

    def test_a_file_without_a_mark_counts(self):
        self.assertEqual(aws.files(MARK + block(b"a")), [[], [b"a"]])

    def test_a_block_can_be_in_parts(self):
        parts = block(b"ab", aws.NEW_RECORD) + block(b"cd", 0) + block(b"e", aws.END_OF_RECORD)
        self.assertEqual(aws.files(parts), [[b"abcde"]])

    def test_what_is_cut_off_is_refused(self):
        for end in (3, aws.HEADER.size + 1):
            with self.assertRaises(aws.Broken):
                aws.files(block(b"abc")[:end])


HEADS, SIZE = 2, 64


def disk(tracks, heads=HEADS, size=SIZE):
    """An image that has these records on its tracks."""
    image = b"CKD_P370" + struct.pack("<II", heads, size)
    image += bytes(ckd.HEADER - len(image))
    for number, content in enumerate(tracks):
        home = struct.pack(">BHH", 0, *divmod(number, heads))
        track = home + content + ckd.END
        image += track + bytes(size - len(track))
    return image


def record(number, key, data):
    return ckd.COUNT.pack(1, 0, number, len(key), len(data)), key, data


class Disk(unittest.TestCase):
    def test_a_tracks_records_have_count_key_and_data(self):
        wanted = [record(0, b"", b"12345678"), record(1, b"KEY", b"DATA")]
        image = disk([b"", b"", b"".join(b"".join(part) for part in wanted)])
        self.assertEqual(ckd.records(image, 1, 0), wanted)
        self.assertEqual(ckd.records(image, 0, 1), [])

    def test_another_track_is_refused(self):
        image = bytearray(disk([b"", b""]))
        image[ckd.HEADER + SIZE + 4] = 7
        with self.assertRaises(ckd.Broken):
            ckd.records(image, 0, 1)

    def test_what_is_no_image_is_refused(self):
        with self.assertRaises(ckd.Broken):
            ckd.records(bytes(ckd.HEADER), 0, 0)
