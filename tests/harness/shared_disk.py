# SPDX-License-Identifier: GPL-2.0
"""Another system that shares the disks of Hercules (its shared.c): while it uses one, the programs of L1 wait.

Messages have a header of eight bytes: command or status, flags, device number, length of the data behind it,
identifier of the system.
"""

import contextlib
import socket
import struct

HEADER = struct.Struct(">BBHHH")
CONNECT, DISCONNECT, START, END = 0xE0, 0xE1, 0xE2, 0xE3
# Version 0, release 1 of the protocol.
VERSION = 1
# The reply has a list of what the other system must not take from its cache any more.
PURGE = 0x08
SECONDS = 30


def free_port():
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def used(port, number):
    """Use the disk with this device number."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as system:

        def request(command, identifier=0):
            system.sendall(HEADER.pack(command, VERSION if command == CONNECT else 0, number, 0, identifier))
            status, _, _, length, identifier = HEADER.unpack(receive(system, HEADER.size))
            receive(system, length)
            if status & ~PURGE:
                raise OSError(f"Hercules answers command {command:#x} for disk {number:04X} with {status:#x}")
            return identifier

        identifier = request(CONNECT)
        request(START, identifier)
        yield
        request(END, identifier)
        request(DISCONNECT, identifier)


def receive(system, length):
    """Return so many bytes."""
    data = b""
    while len(data) < length:
        part = system.recv(length - len(data))
        if not part:
            raise ConnectionResetError("Hercules has closed the connection")
        data += part
    return data
