# SPDX-License-Identifier: GPL-2.0
"""Reads how a kernel lays out its structures, from its BTF (Documentation/bpf/btf.rst).

BTF is the section .BTF of vmlinux and of modules, and the files of /sys/kernel/btf.  That of a
module continues the numbers and names of that of vmlinux.
"""

import dataclasses
import struct

MAGIC = 0xEB9F
INT, POINTER, ARRAY, STRUCT, UNION, ENUM, FORWARD, TYPEDEF, VOLATILE, CONST, RESTRICT = range(1, 12)
FUNCTION, PROTOTYPE, VARIABLE, DATASEC, FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(12, 20)
# Bytes of what follows a type, per entry and once.
PER_ENTRY = {STRUCT: 12, UNION: 12, ENUM: 8, PROTOTYPE: 8, DATASEC: 12, ENUM64: 12}
ONCE = {INT: 4, ARRAY: 12, VARIABLE: 4, DECL_TAG: 4}
WITH_SIZE = {INT, STRUCT, UNION, ENUM, FLOAT, ENUM64}
POINTER_BYTES = 8


class Unreadable(Exception):
    """This is not BTF."""


@dataclasses.dataclass(frozen=True)
class Member:
    """A member of a structure, at this byte of it."""

    name: str
    offset: int
    size: int


@dataclasses.dataclass(frozen=True)
class Type:
    name: str
    kind: int
    has_bit_fields: bool
    size_or_type: int
    rest: bytes


def section(data, wanted=".BTF"):
    """The contents of a section of a 64-bit ELF file, or None."""
    order = "<" if data[5] == 1 else ">"
    (start,) = struct.unpack_from(order + "Q", data, 40)
    entry_size, count, names = struct.unpack_from(order + "HHH", data, 58)
    headers = [struct.unpack_from(order + "IIQQQQ", data, start + number * entry_size) for number in range(count)]
    for name, _, _, _, offset, size in headers:
        at = headers[names][4] + name
        if data[at : data.index(b"\0", at)] == wanted.encode():
            return data[offset : offset + size]
    return None


class Btf:
    """The types of a kernel, or of one of its modules on top of those of the kernel."""

    def __init__(self, data, base=None):
        if data[:4] == b"\x7fELF":
            data = section(data) or b""
        self.base = base
        self.first = len(base.types) + base.first if base else 1
        self.strings_before = base.strings_before + len(base.strings) if base else 0
        for order in "<>":
            if len(data) >= 24 and struct.unpack_from(order + "H", data)[0] == MAGIC:
                self.order = order
                break
        else:
            raise Unreadable
        length, types, types_size, strings, strings_size = struct.unpack_from(self.order + "IIIII", data, 4)
        self.strings = data[length + strings :][:strings_size]
        self.types = list(self._types(data[length + types :][:types_size]))
        self.structures = {type.name: type for type in self.types if type.kind == STRUCT and type.name}

    def _name(self, offset):
        if offset < self.strings_before:
            return self.base._name(offset)
        offset -= self.strings_before
        return self.strings[offset : self.strings.index(b"\0", offset)].decode()

    def _types(self, data):
        at = 0
        while at < len(data):
            name, info, size_or_type = struct.unpack_from(self.order + "III", data, at)
            kind, entries = info >> 24 & 0x1F, info & 0xFFFF
            length = PER_ENTRY.get(kind, 0) * entries + ONCE.get(kind, 0)
            at += 12
            yield Type(self._name(name), kind, bool(info >> 31), size_or_type, data[at : at + length])
            at += length

    def _type(self, number):
        return self.base._type(number) if number < self.first else self.types[number - self.first]

    def _size(self, number):
        """Bytes of a type; 0 of one that has none, such as void."""
        if number == 0:
            return 0
        type = self._type(number)
        if type.kind in WITH_SIZE:
            return type.size_or_type
        if type.kind == POINTER:
            return POINTER_BYTES
        if type.kind == ARRAY:
            element, _, count = struct.unpack(self.order + "III", type.rest)
            return self._size(element) * count
        if type.kind in (TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG):
            return self._size(type.size_or_type)
        return 0

    def layout(self, name):
        """The bytes of a structure, and its members; None if the kernel does not have it here."""
        if not (found := self.structures.get(name)):
            return self.base.layout(name) if self.base else None
        return found.size_or_type, list(self._members(found, 0))

    def _members(self, type, start):
        """Yield the members, but no bit fields; those of a member without a name are its own."""
        for name, number, bits in struct.iter_unpack(self.order + "III", type.rest):
            is_bit_field = type.has_bit_fields and bits >> 24
            offset = start + (bits & 0xFFFFFF if type.has_bit_fields else bits) // 8
            if self._name(name):
                if not is_bit_field:
                    yield Member(self._name(name), offset, self._size(number))
            elif (inner := self._plain(number)).kind in (STRUCT, UNION):
                yield from self._members(inner, offset)

    def _plain(self, number):
        """A type without what qualifies it."""
        type = self._type(number)
        while type.kind in (TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG):
            type = self._type(type.size_or_type)
        return type


def read(path, base=None):
    """The BTF of a file, or None."""
    try:
        return Btf(path.read_bytes(), base)
    except (OSError, Unreadable, struct.error, ValueError):
        return None
