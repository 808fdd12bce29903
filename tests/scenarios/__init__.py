# SPDX-License-Identifier: GPL-2.0
"""The scenarios: a guest of an unmodified QEMU uses devices that are passed through to it."""
