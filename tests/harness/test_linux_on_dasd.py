# SPDX-License-Identifier: GPL-2.0
"""What is compared with the images of a guest's disks, and what is shown of its steps."""

import contextlib
import io
from unittest import mock

from scenarios.run import Results

from . import build, linux_on_dasd
from .in_folder import InFolder
from .linux_on_dasd import BLOCK, BLOCKS_OF_TRACK, HEADS
from .steps import Failed
from .test_images import disk, record

PAYLOAD = b"".join(bytes((number,)) * BLOCK for number in range(3))
# The last block of a track, the first of the next one, and one on another cylinder.
PLACES = (11, 12, HEADS * BLOCKS_OF_TRACK)
SIZE = 56832


def image(content):
    """A disk of two cylinders that has these blocks, by their numbers."""

    def track(number):
        blocks = [content.get(number * BLOCKS_OF_TRACK + at, bytes(BLOCK)) for at in range(BLOCKS_OF_TRACK)]
        return b"".join(b"".join(record(at, b"", data)) for at, data in enumerate([bytes(8), *blocks]))

    return disk(map(track, range(2 * HEADS)), HEADS, SIZE)


class Compare(InFolder):
    def compare(self, payload=PAYLOAD, places=PLACES):
        blocks = [PAYLOAD[at : at + BLOCK] for at in range(0, len(PAYLOAD), BLOCK)]
        (self.folder / "00A0.ckd").write_bytes(image(dict(zip(PLACES, blocks))))
        (self.folder / "payload.bin").write_bytes(payload)
        (self.folder / "payload.blocks").write_text("\n".join(map(str, places)) + "\n")
        with contextlib.redirect_stdout(io.StringIO()):
            ((_, is_same),) = linux_on_dasd.compare(self.folder, self.folder, ["payload.blocks"])
        return is_same

    def test_each_block_is_compared_where_the_file_has_it(self):
        self.assertTrue(self.compare())
        for at in range(len(PLACES)):
            changed = bytearray(PAYLOAD)
            changed[at * BLOCK + 4095] ^= 1
            self.assertFalse(self.compare(payload=bytes(changed)))

    def test_a_file_of_other_blocks_is_not_the_same(self):
        for places in (PLACES[:2], [*PLACES, 5], [12, 11, PLACES[2]], [], ["no number"], [10**6]):
            self.assertFalse(self.compare(places=places))
        self.assertFalse(self.compare(payload=b"", places=[]))


class Steps(InFolder):
    def watched(self, *lines):
        """What is shown of a run that says these."""
        self.patch(linux_on_dasd, BUILD=self.folder, Results=lambda _: Results(None))
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            run = linux_on_dasd.Watched(mock.Mock())
            for line in lines:
                run.line(f"@host {line}")
        self.assertEqual(run.failures, [])
        return shown.getvalue()

    def test_a_step_is_shown_with_the_time_that_it_took_last_time(self):
        first = self.watched("step 1/2 one", "say how far", "step 2/2 two")
        self.assertIn("[1/2] one\n", first)
        self.assertIn("  how far\n", first)
        again = self.watched("step 1/2 one", "step 2/2 two")
        self.assertRegex(again, r"\[1/2\] one \(last time \d+ s\)\n")
        # It was never ended.
        self.assertIn("[2/2] two\n", again)


class Libraries(InFolder):
    def test_a_program_has_all_libraries_that_it_needs(self):
        needs = {"program": ["a"], "a": ["b"], "b": ["a", "c"], "c": [], "other": ["none"]}
        self.patch(build, needed_by=lambda path: needs[path.name])
        files = {}
        for name in [*needs, "unused"]:
            files[name] = self.folder / name
            files[name].touch()
        tree = self.folder / "tree"
        for folder in ("usr/bin", "lib"):
            (tree / folder).mkdir(parents=True)
        build.copy_with_libraries(files["program"], files, tree)
        self.assertEqual({path.name for path in (tree / "lib").iterdir()}, {"a", "b", "c"})
        with self.assertRaisesRegex(Failed, "other needs none"):
            build.copy_with_libraries(files["other"], files, tree)
