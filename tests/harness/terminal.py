# SPDX-License-Identifier: GPL-2.0
"""The display on the far side of L1's 3270: a telnet client (RFC 885, 1576).

A record from the machine is a command byte and the data of the channel
program; a record to it is what READ MODIFIED reads.
"""

import queue
import socket
import threading

IAC, SE, SB, EOR = 0xFF, 0xF0, 0xFA, 0xEF
OPTION_COMMANDS = range(0xFB, 0xFF)  # WILL, WONT, DO, DONT: one byte follows
TERMINAL_TYPE_IS = bytes((IAC, SB, 0x18, 0x00)) + b"IBM-3278-2" + bytes((IAC, SE))


def escape(data):
    return data.replace(b"\xff", b"\xff\xff")


class RecordReader:
    """Cuts a telnet stream into its records."""

    def __init__(self):
        self.record = bytearray()
        self.state = self._data

    def feed(self, data):
        """Yield the records that are complete with this data."""
        for byte in data:
            done = self.state(byte)
            if done is not None:
                yield done

    def _data(self, byte):
        if byte == IAC:
            self.state = self._command
        else:
            self.record.append(byte)

    def _command(self, byte):
        self.state = self._data
        if byte == IAC:
            self.record.append(IAC)
        elif byte == EOR:
            record, self.record = bytes(self.record), bytearray()
            return record
        elif byte == SB:
            self.state = self._subnegotiation
        elif byte in OPTION_COMMANDS:
            self.state = self._option
        return None

    def _option(self, _byte):
        self.state = self._data

    def _subnegotiation(self, byte):
        if byte == SE:
            self.state = self._data


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
        self._socket.sendall(escape(data) + bytes((IAC, EOR)))

    def receive(self, seconds):
        """Return the next record; None if none comes in time or the machine hung up."""
        try:
            return self._records.get(timeout=seconds)
        except queue.Empty:
            return None
