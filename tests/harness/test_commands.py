# SPDX-License-Identifier: GPL-2.0
"""The commands in the documents."""

import subprocess

from . import commands, links
from .in_folder import InFolder
from .paths import TOP


class Commands(InFolder):
    def document(self, *lines):
        path = self.folder / "page.md"
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    def wrong(self, run, needs, *lines):
        return commands.check(self.folder, [self.document(*lines)], {"run": run, "needs": needs})

    def test_each_command_of_the_documents_is_known(self):
        self.assertEqual(commands.check(TOP, links.documents(TOP)), [])

    def test_make_help_tells_of_the_tests(self):
        told = subprocess.run(["make", "-C", TOP, "help"], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertIn("make test ", told)

    def test_a_command_is_found_with_all_before_and_after_it(self):
        text = "text\n\n    $ sudo A=1 make x \\\n        B=2    # why\n    output\n        make no command\n"
        self.assertEqual(list(commands.commands(text)), [(3, "make x B=2")])

    def test_a_command_that_nobody_runs_is_found(self):
        (self.folder / "script").write_text("run zipl -t\n", encoding="utf-8")
        self.assertEqual(self.wrong({"zipl *": "script: zipl -t"}, {}, "    zipl -t x"), [])
        for run, needs, word in (
            ({}, {}, "no test runs"),
            ({"zipl *": "script: zipl -i"}, {}, "has no"),
            ({"zipl *": "other: zipl"}, {}, "no file"),
            ({"zipl *": "part none"}, {}, "no part"),
            ({"zipl *": "script: zipl"}, {"virsh *": "KVM"}, "no document"),
        ):
            with self.subTest(word):
                self.assertRegex("\n".join(self.wrong(run, needs, "    zipl -t x")), word)
