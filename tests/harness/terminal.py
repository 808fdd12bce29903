# SPDX-License-Identifier: GPL-2.0
"""The display on the far side of L1's 3270: a telnet client (RFC 885, 1576).

A record from the machine is a command byte and the data of the channel
program; a record to it is what READ MODIFIED reads.
"""

import queue
import re
import socket
import threading

END_OF_RECORD = b"\xff\xef"
TERMINAL_TYPE_IS = b"\xff\xfa\x18\x00IBM-3278-2\xff\xf0"
# Data, of which 0xff is doubled; a subnegotiation; an option; the end of a record; another command.
TOKEN = re.compile(rb"([^\xff]+|\xff(?=\xff))|\xff\xfa[^\xf0]*\xf0|\xff[\xfb-\xfe].|\xff[^\xfa-\xff]", re.DOTALL)


def escape(data):
    return data.replace(b"\xff", b"\xff\xff")


class RecordReader:
    """Cuts a telnet stream into its records."""

    def __init__(self):
        self._record = self._rest = b""

    def feed(self, data):
        """Yield the records that are complete with this data."""
        data, at = self._rest + data, 0
        while token := TOKEN.match(data, at):
            at = token.end()
            if token[1]:
                self._record += token[1]
                at += token[1] == b"\xff"
            elif token[0] == END_OF_RECORD:
                record, self._record = self._record, b""
                yield record
        self._rest = data[at:]


class Terminal:
    """A connected display."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._records = queue.Queue()
        self.answered = threading.Event()  # The machine has begun to negotiate.
        try:
            self._socket.connect(path)
            self._socket.sendall(TERMINAL_TYPE_IS)
        except OSError:
            self._socket.close()
            raise
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self):
        reader = RecordReader()
        try:
            while data := self._socket.recv(65536):
                self.answered.set()
                for record in reader.feed(data):
                    self._records.put(record)
        except OSError:
            pass
        self._records.put(None)  # wakes who waits

    def close(self):
        """Hang up."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the receiver
        except OSError:
            pass  # The machine was first.
        self._socket.close()

    def send(self, data):
        self._socket.sendall(escape(data) + END_OF_RECORD)

    def receive(self, seconds):
        """Return the next record; None if none comes in time or the machine hung up."""
        try:
            return self._records.get(timeout=seconds)
        except queue.Empty:
            return None
