# SPDX-License-Identifier: GPL-2.0
"""Run the unit tests of this folder; leave the results as JSON.

usage: unittests.py FILE
"""

import json
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent


def main(path):
    tests = unittest.defaultTestLoader.discover(str(HERE), top_level_dir=str(HERE.parent))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(tests)
    bad = [str(test) for test, _ in result.failures + result.errors]
    bad += [str(test) for test in result.unexpectedSuccesses]
    passed = result.testsRun - len(bad)
    pathlib.Path(path).write_text(json.dumps({"passed": max(passed, 0), "failed": bad}), encoding="utf-8")
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
