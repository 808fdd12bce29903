# SPDX-License-Identifier: GPL-2.0
"""The commands of the harness.  The Makefile calls them; settings come from the environment
(`make conformance FILTER=words`), or as options."""

import argparse
import os
import signal
import subprocess
import sys

from . import (
    bench, conformance, cost, coverage, demo, differences, fuzz, fuzz_device, mutations, parts, scenario, suite, torture
)  # fmt: skip
from .paths import LOGS
from .steps import Failed

EMULATORS, BACKENDS = ("qemu", "hercules"), conformance.BACKENDS
# Settings choose what one command does, and are not passed on to what it calls.
SETTINGS = "BACKEND BENCH C DASD DEBUG DRIVER EMULATOR FILE FILTER KASAN KDIR L2 NAME RECORD SHORT".split()


def one_of(*choices):
    """A type for argparse; choices are not looked at in what comes from the environment."""

    def convert(text):
        if text not in choices:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(choices)}")
        return text

    return convert


def flag(text):
    return one_of("0", "1")(text) == "1"


class Commands:
    """The parsers of all commands."""

    def __init__(self, parser):
        self._parsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(self, name, function, text, /, **settings):
        """Add a command whose settings are options, by default what the environment has."""
        parser = self._parsers.add_parser(name, help=text, description=text)
        parser.set_defaults(function=function)
        for setting, (kind, default) in settings.items():
            value = os.environ.get(setting.upper()) or default
            parser.add_argument(f"--{setting}", type=kind, default=value, help=f"default: {default or 'none'}")
        return parser


def run_scenario(emulator, name, backend):
    if emulator == "hercules":
        if backend:
            raise Failed("BACKEND goes with EMULATOR=qemu: the cases in Hercules run through both")
        return scenario.in_hercules(name)
    return scenario.in_qemu(name, backend)


def parser():
    emulator, backend = (one_of(*EMULATORS), "qemu"), (one_of(*BACKENDS), None)
    result = argparse.ArgumentParser(prog="harness", description="Build, boot and test.")
    commands = Commands(result)
    commands.add("demo", demo.demo, "run channel programs in L1", driver=(one_of("rust", "c"), "rust"))
    commands.add("demo-qemu", demo.demo_qemu, "a guest of QEMU", backend=(one_of(*BACKENDS), "container"))
    commands.add("demo-hercules", demo.demo_hercules, "run channel programs on devices of Hercules")
    commands.add(
        "demo-linux-on-dasd", demo.demo_linux_on_dasd, "a guest on its disk",
        backend=(one_of(*BACKENDS), "container"), driver=(one_of("rust", "c"), "rust"),
    )  # fmt: skip
    test = commands.add("test", suite.run, "run the tests, part by part")
    test.add_argument("--all", action="store_true", dest="everything", help="those of `make test-all`")
    test.add_argument("names", nargs="*", metavar="PART", help="only these, and what they need")
    commands.add(
        "conformance", conformance.run, "the conformance suite on both drivers", emulator=emulator,
        debug=(flag, "0"), c=(flag, "0"), filter=(str, ""), short=(flag, "0"), record=(one_of("0", "1", "add"), "0"),
    )  # fmt: skip
    commands.add("scenario", run_scenario, "scenarios", emulator=emulator, name=(str, None), backend=backend)
    profile = commands.add("bench", bench.run, "instructions per I/O")
    profile.add_argument("--profile", action="store_true", dest="where", help="where they go")
    fuzzing = commands.add("fuzz", fuzz.run, "fuzz ccwchain with libFuzzer")
    fuzzing.add_argument("action", choices=("run", "replay", "minimise"))
    fuzzing.add_argument("target", nargs="?", default="")
    fuzzing.add_argument("words", nargs="*", help="run: seconds; replay: files")
    commands.add("differences", differences.write, "write docs/differences.md")
    commands.add(
        "torture", torture.run, "storms on several devices at once", seconds=(int, 1200), seed=(int, None),
        devices=(int, len(torture.DEVICES)), processors=(int, torture.PROCESSORS), kasan=(flag, "0"),
    )  # fmt: skip
    commands.add(
        "fuzz-device", fuzz_device.run, "fuzz the interface of devices in L1", seconds=(int, 600), seed=(int, None),
        replay=(str, None),
    )  # fmt: skip
    commands.add("cost", cost.run, "instructions of a translation")
    commands.add("coverage", coverage.run, "line coverage of ccwchain")
    mutating = commands.add("mutations", mutations.run, "break ccwchain, and see that tests notice", file=(str, None))
    mutating.add_argument("--sample", action="store_true", help="a part of them, another each day")
    part = commands.add("part", lambda name, arguments: parts.PARTS[name](*arguments), "one part of `make test`")
    part.add_argument("name", choices=sorted(parts.PARTS))
    part.add_argument("arguments", nargs="*")
    return result


def main():
    args = vars(parser().parse_args())
    for name in SETTINGS:
        os.environ.pop(name, None)
    function = args.pop("function")
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    LOGS.mkdir(parents=True, exist_ok=True)
    try:
        good = function(**args)
    except Failed as failure:
        sys.exit(f"\nerror: {failure}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"\nerror: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(good is False)


if __name__ == "__main__":
    main()
