# SPDX-License-Identifier: GPL-2.0
"""Documents that name what exists, and others."""

from .in_folder import InFolder
from .links import complaints


class Links(InFolder):
    def setUp(self):
        super().setUp()
        for name in ("docs", "tests/a", "build"):
            (self.folder / name).mkdir(parents=True)
        for name in ("tests/a/one.rs", "tests/a/two.rs"):
            (self.folder / name).touch()
        (self.folder / "docs/other.md").write_text("# A heading, `with code`\n")

    def complaints(self, text):
        (self.folder / "docs/it.md").write_text(text)
        return [complaint.removeprefix("docs/it.md:") for complaint in complaints(self.folder)]

    def test_what_exists_is_good(self):
        for text in (
            "[x](other.md), [y](other.md#a-heading-with-code), [z](../tests/a/one.rs), [w](https://example.org/x)",
            "# Here\n[x](#here)",
            "`tests/a/one.rs`, `tests/a/`, `tests/a/{one,two}.rs`, `tests/*/one.rs`",
        ):
            with self.subTest(text):
                self.assertEqual(self.complaints(text), [])

    def test_what_does_not_exist_is_named_with_its_line(self):
        for text, complaint in (
            ("\n[x](none.md)", "2: none.md: no such file"),
            ("[x](other.md#none)", "1: other.md#none: no such heading"),
            ("[x](#none)", "1: #none: no such heading"),
            ("`tests/a/none.rs`", "1: tests/a/none.rs: no such file"),
            ("`tests/a/{one,three}.rs`", "1: tests/a/three.rs: no such file"),
        ):
            with self.subTest(text):
                self.assertEqual(self.complaints(text), [complaint])

    def test_what_is_not_of_this_tree_is_not_looked_for(self):
        for text in (
            "`/sys/x/y`, `src/main.rs`, `build/x/y`, `drivers/s390/cio/css.c`, `a | b/c`",
            "```\n[x](none.md) `tests/none.rs`\n```",
            "    `tests/none.rs`",
        ):
            with self.subTest(text):
                self.assertEqual(self.complaints(text), [])
