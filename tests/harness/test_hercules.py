# SPDX-License-Identifier: GPL-2.0
"""The operator of Hercules, with a machine that says what it is told to."""

import socket
import threading
import time
import unittest
from unittest import mock

from . import hercules
from .hercules import Operator
from .shared_disk import HEADER, PURGE

RAISED = f"{hercules.RAISED} Device 0120 attention request raised"
BUSY = f"{hercules.BUSY} Device 0120 busy or interrupt pending"
DISABLED = "HHCPN048E Device 0120 subchannel not enabled"


class Machine:
    """What is typed, and what Hercules says to each `i` in turn."""

    def __init__(self, *says):
        self.typed = []
        self.says = list(says)
        self.tolerant = False
        self.failures = []
        self.operator = Operator(self.type, self)

    def type(self, command):
        self.typed.append(command)
        if command.startswith("i "):
            self.operator.told.put(self.says.pop(0))

    def fail(self, text):
        self.failures.append(text)

    def answers(self, number):
        """Wait for an answer."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if answers := [line for line in self.typed if line.startswith(f"/{number} ")]:
                return answers
            time.sleep(0.001)
        raise AssertionError("no answer is typed")


class SharingMachine(Machine):
    """A machine whose disks another system can use; it gives that one the identifier 7."""

    def __init__(self, status=0):
        super().__init__()
        self.requests = []
        self._status = status
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _serve(self):
        system = self._listener.accept()[0]
        with system, system.makefile("rb") as lines:
            while header := lines.read(HEADER.size):
                command, _, number, _, identifier = HEADER.unpack(header)
                self.requests.append((command, number, identifier))
                # The first reply has the identifier behind its header, too, and that to START a list.
                data = {0xE0: b"\0\7", 0xE2: bytes(4)}.get(command, b"")
                status = self._status or (PURGE if command == 0xE2 else 0)
                system.sendall(HEADER.pack(status, 1, number, len(data), 7) + data)


class Requests(unittest.TestCase):
    def test_attentions_are_raised_one_by_one_and_a_busy_device_is_asked_again(self):
        for says, request, answer in (
            ([RAISED, RAISED], "attention 0120 2", "ok"),
            ([BUSY, BUSY, RAISED], "attention 0120 1", "ok"),
            ([DISABLED], "attention 0120 1", f"error {DISABLED}"),
        ):
            machine = Machine(*says)
            machine.operator.ask("7.1", request)
            self.assertEqual(machine.answers("7.1")[0], f"/7.1 {answer}")
            self.assertEqual(machine.typed[: len(says)], ["i 0120"] * len(says))

    def test_another_system_uses_a_disk_and_leaves_it(self):
        with SharingMachine() as machine:
            operator = Operator(machine.type, machine, machine.port)
            self.assertEqual(operator.answer("use 00A1"), "ok\n")
            self.assertEqual(machine.requests, [(0xE0, 0xA1, 0), (0xE2, 0xA1, 7)])
            self.assertEqual(operator.answer("leave 00A1"), "ok\n")
            self.assertEqual(machine.requests[2:], [(0xE3, 0xA1, 7), (0xE1, 0xA1, 7)])
            self.assertIn("does not know", operator.answer("leave 00A1"))

    def test_a_disk_that_cannot_be_shared_is_an_error(self):
        with SharingMachine(status=0xF7) as machine:
            operator = Operator(machine.type, machine, machine.port)
            self.assertIn("command 0xe0 for disk 00A1 with 0xf7", operator.answer("use 00A1"))
        self.assertIn("does not know", Operator(machine.type, machine).answer("use 00A1"))

    def test_what_is_not_possible_is_said(self):
        machine = Machine()
        machine.operator.ask("7.2", "terminal connect")
        self.assertIn("does not know", machine.answers("7.2")[0])

    def test_trouble_can_be_tolerated(self):
        machine = Machine()
        machine.operator.ask("7.1", "tolerate on")
        machine.answers("7.1")
        self.assertTrue(machine.tolerant)

    @mock.patch("harness.hercules.ANSWER_SECONDS", 0.01)
    def test_an_answer_is_typed_until_it_is_heard(self):
        machine = Machine()
        machine.operator.ask("7.1", "tolerate off")
        while len(machine.answers("7.1")) < 3:
            time.sleep(0.001)
        machine.operator.heard("7.1")
        time.sleep(0.1)
        count = len(machine.answers("7.1"))
        time.sleep(0.1)
        self.assertEqual(len(machine.answers("7.1")), count)

    def test_an_answer_to_nothing_is_an_error(self):
        with self.assertRaises(KeyError):
            Machine().operator.heard("7.9")

    def test_the_state_of_the_machine_is_no_part_of_a_line(self):
        emulator = object.__new__(hercules.Hercules)
        emulator.process = mock.Mock(stdout=[b"@host ask 1.1 attention 0120 1SYS=1\n", b"@host say SYS=1 is\n"])
        self.assertEqual(list(emulator.lines()), ["@host ask 1.1 attention 0120 1", "@host say SYS=1 is"])
