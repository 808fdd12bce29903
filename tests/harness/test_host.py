# SPDX-License-Identifier: GPL-2.0
"""Requests of L1 to the host, with a machine made of two sockets."""

import json
import socket
import subprocess
import threading
import time
import types
import unittest

from .boot import Run, watch
from .host import Host, patiently
from .in_folder import InFolder
from .terminal import TERMINAL_TYPE_IS

NEGOTIATION = bytes.fromhex("fffd19fffb19fffd00fffb00fffd18fffa1801fff0")
BOOM = {"error": {"class": "DeviceNotFound", "desc": "Device 'boom' not found"}}


def arguments(share=None, seconds=60, silence=None):
    return types.SimpleNamespace(share=share, seconds=seconds, silence=silence)


class Machine:
    """Listens as QEMU does: a monitor, and a 3270 that shows what is typed."""

    def __init__(self, folder):
        self.folder = folder
        self.commands = []
        self.terminals = 0
        self.listen("qmp", self.monitor)
        self.listen("3270", self.terminal)

    def listen(self, name, serve):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{self.folder}/{name}")
        listener.listen()

        def accept():
            while True:
                serve(listener.accept()[0])

        threading.Thread(target=accept, daemon=True).start()

    def monitor(self, connection):
        with connection, connection.makefile("rw", encoding="utf-8") as lines:

            def say(message):
                lines.write(json.dumps(message) + "\n")
                lines.flush()

            say({"QMP": {}})
            # One JSON value after the other, without a line end between them.
            text, decoder = "", json.JSONDecoder()
            while data := connection.recv(4096):
                text += data.decode()
                command, end = decoder.raw_decode(text)
                text = text[end:]
                self.commands.append(command["execute"])
                say({"event": "DEVICE_DELETED", "data": {}})
                say({"return": "late", "id": command["id"] - 1})
                say((BOOM if command["execute"] == "boom" else {"return": {"is": "done"}}) | {"id": command["id"]})

    def terminal(self, connection):
        self.terminals += 1
        with connection:
            connection.sendall(NEGOTIATION)
            # The type of the terminal; what is typed may come right after it.
            connection.recv(len(TERMINAL_TYPE_IS), socket.MSG_WAITALL)
            while data := connection.recv(4096):
                connection.sendall(b"\xf5" + data)


class Requests(InFolder):
    def setUp(self):
        super().setUp()
        self.machine = Machine(self.folder)
        self.run_ = Run(arguments(share=self.folder))
        self.host = Host(self.folder, self.folder, self.run_)
        self.host.connect(lambda: True)
        self.addCleanup(self.host.close)

    def test_a_qmp_command_gives_its_own_return(self):
        answer = self.host.answer('qmp {"execute": "device_del", "arguments": {"id": "rng"}}')
        status, payload = answer.split("\n", 1)
        self.assertEqual((status, json.loads(payload)), ("ok", {"is": "done"}))
        self.assertEqual(self.machine.commands, ["qmp_capabilities", "device_del"])

    def test_a_refused_qmp_command_is_an_error(self):
        answer = self.host.answer('qmp {"execute": "boom"}')
        self.assertEqual(answer, "error DeviceNotFound: Device 'boom' not found\n")

    def test_what_is_typed_is_shown_also_by_a_terminal_that_connects_again(self):
        for request, answer in (
            ("send 01ff02", "ok"),
            ("close", "ok"),
            ("close", "error the terminal is not connected"),
            ("connect", "ok"),
            ("connect", "error the terminal is connected already"),
            ("send 01", "ok"),
        ):
            self.assertEqual(self.host.answer(f"terminal {request}"), answer + "\n")
            if request.startswith("send "):
                self.assertEqual(self.host.terminal.receive(5), b"\xf5" + bytes.fromhex(request.removeprefix("send ")))
        self.assertIsNone(self.host.terminal.receive(0.01))
        self.assertEqual(self.machine.terminals, 2)

    def test_trouble_fails_the_run_unless_it_is_tolerated(self):
        for state, failures in (("on", 0), ("off", 1)):
            self.assertEqual(self.host.answer(f"tolerate {state}"), "ok\n")
            self.run_.line("[    1.000000] WARNING: at drivers/s390/cio/vfio_ccw_drv.c:1")
            self.assertEqual(len(self.run_.failures), failures)

    def test_what_the_machine_dies_of_is_what_came_after_the_last_line_of_a_program(self):
        self.host.answer("tolerate on")
        self.run_.line("[    1.000000] WARNING: of the last case")
        self.run_.line("# running: this case")
        self.run_.line("[    2.000000] Unable to handle kernel pointer dereference")
        self.run_.line("[    3.000000] Kernel panic - not syncing")
        self.assertIn("Unable to handle", self.run_.tolerated[0])
        self.assertEqual(self.run_.failures, [])

    def test_what_is_no_request_is_an_error(self):
        bad = ("terminal", "terminal send xyz", "tolerate maybe", "reboot")
        for line in ("", "qmp", "qmp {", "qmp 1", *bad):
            with self.subTest(line):
                self.assertRegex(self.host.answer(line), r"\Aerror .+\n\Z")
        self.assertEqual(self.run_.failures, [])

    def test_requests_are_files_and_replies_too(self):
        stopped = threading.Event()
        thread = threading.Thread(target=self.host.serve, args=(stopped,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stopped.set)
        folder = self.folder / "host"
        qmp = 'qmp {"execute": "x"}'
        for line, reply in (("terminal send c1", "ok\n"), (qmp, 'ok\n{"is": "done"}\n'), ("x", None)):
            (folder / "request.new").write_text(line + "\n")
            (folder / "request.new").rename(folder / "request")
            deadline = time.monotonic() + 10
            while not (folder / "reply").exists() and time.monotonic() < deadline:
                time.sleep(0.002)
            text = (folder / "reply").read_text()
            self.assertTrue(text.startswith("error") if reply is None else text == reply)
            (folder / "reply").unlink()
            self.assertEqual(list(folder.iterdir()), [])

    def test_a_dead_machine_is_not_waited_for(self):
        def refuse():
            raise ConnectionRefusedError

        alive = iter((True, True, False))
        self.assertIsNone(patiently(refuse, lambda: next(alive)))


class Watchdog(unittest.TestCase):
    def ends(self, **limits):
        """What is wrong with a machine that says nothing and does not end."""
        run = Run(arguments(**limits))
        with subprocess.Popen(["sleep", "60"]) as machine:
            watch(machine, run, threading.Event())
            self.assertEqual(machine.wait(timeout=10), -9)
        return run.failures

    def test_a_machine_has_its_time(self):
        self.assertEqual(self.ends(seconds=0.1), ["no power-off within 0.1 s"])

    def test_a_silent_machine_is_not_waited_for(self):
        self.assertEqual(self.ends(silence=0.1), ["nothing on the console for 0.1 s"])
