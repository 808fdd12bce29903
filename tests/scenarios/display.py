# SPDX-License-Identifier: GPL-2.0
"""The display that L2 uses: what Linux's tn3270 driver expects of one, on L0."""

import threading

# How a tn3270 driver asks what a display can do, and the answer: Read Partition
# (Query) and a Query Reply for a usable area of 24 by 80 (GA23-0059).
WRITE_STRUCTURED_FIELD = 0x11
QUERY = bytes.fromhex("000701ff030081")
QUERY_REPLY = bytes.fromhex("880017818101000050001801000a02e50002006f090c0780")
ENTER = b"\x7d\x40\x40"  # the attention identifier, and where the cursor is


def made(size, seed):
    """Bytes that L2 makes, too (`made` in src/main.rs)."""
    content = bytearray()
    for _ in range(size):
        seed = (seed * 1103515245 + 12345) & 0xFFFFFFFF
        content.append(seed >> 16 & 0xFF)
    return bytes(content)


class Display:
    """Takes the records of a terminal as they come, and answers queries."""

    def __init__(self, terminal):
        self._terminal = terminal
        self._records = []
        self._changed = threading.Condition()
        self._answer = None
        self._is_over = False
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while (record := self._terminal.receive(None)) is not None:
            if record == bytes((WRITE_STRUCTURED_FIELD,)) + QUERY:
                self._terminal.send(QUERY_REPLY)
            elif self._answer and (answer := self._answer(record)) is not None:
                self._terminal.send(answer)
            with self._changed:
                self._records.append(record)
                self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def answer(self, function):
        """From now on send at once what the function makes of a record, if it is not None."""
        self._answer = function

    def type(self, text):
        """Type on the keyboard, and press ENTER."""
        self._terminal.send(ENTER + text)

    def forget(self):
        """Forget what was shown."""
        with self._changed:
            self._records.clear()

    def shows(self, record, seconds):
        """Return whether the record is shown in time; it and what came before it are forgotten."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or record in self._records, seconds)
            if record not in self._records:
                return False
            del self._records[: self._records.index(record) + 1]
            return True

    def lengths(self):
        """Return the lengths of the records that nobody has waited for."""
        with self._changed:
            return [len(record) for record in self._records]
