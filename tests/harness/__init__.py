# SPDX-License-Identifier: GPL-2.0
"""The harness: builds what the tests need, boots machines, runs the tests and judges them.

It runs in the build root: `scripts/harness COMMAND`.
"""
