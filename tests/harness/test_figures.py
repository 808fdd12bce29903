# SPDX-License-Identifier: GPL-2.0
"""Tests of figures.py: what it counts is what is there."""

import unittest

from . import figures
from .in_folder import InFolder


class Code(unittest.TestCase):
    def test_comments_and_strings_are_no_code(self):
        code, docs = figures.code_of("/// Unsafe words.\nfn a() { b(\"unsafe {\", '{'); } // unsafe\n/* { */")
        self.assertEqual(docs, [" Unsafe words."])
        self.assertNotIn("unsafe", code)
        self.assertEqual(list(figures.functions(code)), [("a", 1)])

    def test_tests_are_left_out(self):
        text = "fn none();\nfn a() {\n}\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\n"
        self.assertEqual(list(figures.functions(figures.without_tests(text))), [("a", 2)])

    def test_a_use_names_each_path_in_it(self):
        found = set(figures.paths("crate::{a::{self, B}, c::D as E}"))
        self.assertEqual(found, {("crate", "a", "self"), ("crate", "a", "B"), ("crate", "c", "D")})


class Circles(InFolder):
    def crate(self, **files):
        self.patch(figures, CRATES={})
        for name, text in files.items():
            (self.folder / f"{name}.rs").write_text(text)
        return figures.modules(self.folder / "lib.rs")

    def test_modules_that_import_each_other_are_a_circle(self):
        crate = self.crate(lib="mod a; mod b; mod c;", a="use crate::b::B;", b="use super::c::C;", c="use crate::a::A;")
        self.assertEqual(set(figures.circle_of(crate)), {("a",), ("b",), ("c",)})

    def test_imports_one_way_are_none(self):
        crate = self.crate(lib="mod a; mod b;", a="use crate::b::B;", b="fn f() {}")
        self.assertEqual(figures.circle_of(crate), [])


class Sources(unittest.TestCase):
    def test_no_crate_has_a_circle_or_a_file_that_is_too_long(self):
        for name, root in figures.CRATES.items():
            crate = figures.modules(figures.TOP / root)
            self.assertEqual(figures.circle_of(crate), [], name)
            self.assertEqual([module.path for module in crate.values() if module.lines > 400], [], name)
