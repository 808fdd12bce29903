# SPDX-License-Identifier: GPL-2.0
"""Answers requests that the tests in L1 make of the host while they run.

In QEMU a request is a file of one line, `host/request` in the shared folder, the
answer is `host/reply` there: `ok` or `error TEXT` in the first line, then the
payload.  Each side writes its file under another name (`.new`) and renames it
when it is complete; the reader removes it.  There is one request at a time.

In Hercules a request is a line on the console, `@host ask NUMBER REQUEST`, with
a number that no other request has; `NUMBER ok` or `NUMBER error TEXT` is typed
there as the answer, until L1 says `@host heard NUMBER` (hercules.py).

    qmp JSON                 one QMP command; payload: the JSON of its `return`
    qmp [JSON, ...]          several, while the machine is stopped; no payload
    terminal connect         connect the display of the 3270, which is so from the start
    terminal close           hang up
    terminal send HEX        type these bytes
    attention DEVICE COUNT   Hercules: have the device give so many attentions
    use DEVICE               Hercules: have another system use the disk, so that L1 has to wait
    leave DEVICE             until that leaves it
    tolerate on|off          from now on, the kernel's trouble fails the run (off), or is
                             only shown (on)
"""

import json
import socket
import time

from .build import fresh, write
from .terminal import Terminal

POLL_SECONDS = 0.01
QMP_SECONDS = 30
CONNECT_SECONDS = 5


class Refused(Exception):
    """The request cannot be done; the text goes to who asked."""


class Qmp:
    """The monitor of QEMU (docs/interop/qmp-spec.rst)."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(QMP_SECONDS)
        self._lines = self._socket.makefile("r", encoding="utf-8")
        self._number = 0
        try:
            self._socket.connect(path)
            self._message()  # the greeting
            self.command({"execute": "qmp_capabilities"})
        except OSError:
            self.close()
            raise

    def _message(self):
        line = self._lines.readline()
        if not line:
            raise ConnectionResetError("QEMU has closed its monitor")
        return json.loads(line)

    def command(self, command):
        """Execute a command and return what it returns."""
        self._number += 1
        self._socket.sendall(json.dumps(command | {"id": self._number}).encode())
        # Events come in between, and the answer of a command that was given up.
        while (answer := self._message()).get("id") != self._number:
            pass
        if "error" in answer:
            raise Refused(f"{answer['error']['class']}: {answer['error']['desc']}")
        return answer["return"]

    def close(self):
        self._lines.close()
        self._socket.close()


class Answers:
    """Answers requests; the emulator decides which are possible."""

    def __init__(self, run):
        self._run = run

    def answer(self, line):
        """The text of the reply to a request."""
        try:
            payload = self._do(line)
        except (Refused, OSError, ValueError) as error:
            return f"error {' '.join(str(error).split())}\n"
        except Exception as error:  # noqa: BLE001  # L1 must not wait for ever.
            self._run.fail(f"the harness failed at the request `{line}`: {error!r}")
            return f"error {error!r}\n"
        return f"ok\n{payload}\n" if payload is not None else "ok\n"

    def _do(self, line):
        match line.split():
            case ["tolerate", "on" | "off" as state]:
                self._run.tolerant = state == "on"
            case _:
                raise Refused(f"the host does not know the request `{line}`")


class Host(Answers):
    """The far side of a booted L1, and the thread that answers requests."""

    def __init__(self, share, sockets, run):
        super().__init__(run)
        self._folder = fresh(share / "host")
        self._sockets = sockets
        self._qmp = None
        self.terminal = None

    def connect(self, alive):
        """Connect to the machine as soon as it listens, unless it is dead before."""
        self.terminal = patiently(lambda: Terminal(f"{self._sockets}/3270"), alive)
        self._qmp = patiently(lambda: Qmp(f"{self._sockets}/qmp"), alive)

    def close(self):
        for end in (self.terminal, self._qmp):
            if end is not None:
                end.close()

    def serve(self, stopped):
        """Answer requests until `stopped` is set."""
        request, reply = self._folder / "request", self._folder / "reply"
        while not stopped.wait(POLL_SECONDS):
            try:
                line = request.read_text(encoding="utf-8")
                request.unlink()
            except FileNotFoundError:
                continue
            write(reply, self.answer(line.strip()).encode())

    def _do(self, line):
        verb, _, argument = line.partition(" ")
        match verb, *argument.split():
            case ["qmp", _, *_]:
                command = json.loads(argument)
                if isinstance(command, list):
                    self.qmp_stopped(command)
                    return None
                if not isinstance(command, dict):
                    raise Refused(f"a QMP command is a JSON object, not {argument}")
                return json.dumps(self.qmp(command))
            case ["terminal", "connect"]:
                self.connect_terminal()
            case ["terminal", "close"]:
                self.close_terminal()
            case ["terminal", "send", data]:
                self._connected().send(bytes.fromhex(data))
            case _:
                return super()._do(line)
        return None

    def qmp(self, command):
        """Execute a QMP command and return what it returns."""
        return self._qmp.command(command)

    def qmp_stopped(self, commands):
        """Execute QMP commands between which the machine sees nothing."""
        self.qmp({"execute": "stop"})
        try:
            for command in commands:
                self.qmp(command)
        finally:
            self.qmp({"execute": "cont"})

    def connect_terminal(self):
        """Connect the display of the 3270."""
        if self.terminal:
            raise Refused("the terminal is connected already")
        self.terminal = Terminal(f"{self._sockets}/3270")
        if not self.terminal.answered.wait(CONNECT_SECONDS):
            raise Refused("the machine does not answer the terminal")

    def close_terminal(self):
        """Hang up."""
        self._connected().close()
        self.terminal = None

    def _connected(self):
        if self.terminal is None:
            raise Refused("the terminal is not connected")
        return self.terminal


def patiently(connect, alive):
    """Return what `connect` makes, tried again as long as nobody listens; None if the machine dies."""
    while alive():
        try:
            return connect()
        except (FileNotFoundError, ConnectionError):
            time.sleep(0.02)
    return None
