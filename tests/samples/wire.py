"""Protocol buffers and HDF5 written by hand, as small as readers accept them."""

from __future__ import annotations

import struct


def varint(value: int) -> bytes:
    """Return a number as protobuf writes it."""
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number: int, value: bytes | str | int) -> bytes:
    """Return a field: a number as varint, bytes and text with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


class Hdf5:
    """An HDF5 file with a version 2 superblock. Every `put` returns an address."""

    def __init__(self, user_block: int = 0) -> None:
        self._user_block = user_block
        self._data = bytearray(48)

    def put(self, data: bytes) -> int:
        """Add bytes and return their address."""
        self._data.extend(bytes(-len(self._data) % 8))
        at = len(self._data)
        self._data.extend(data)
        return at

    def header(self, *messages: tuple[int, bytes]) -> int:
        """Add an object header with messages (kind, data)."""
        body = b"".join(struct.pack("<BHB", kind, len(data), 0) + data for kind, data in messages)
        return self.put(b"OHDR" + struct.pack("<BBI", 2, 2, len(body)) + body + bytes(4))

    def classic_header(self, *messages: tuple[int, bytes]) -> int:
        """Add a version 1 object header."""
        padded = [(kind, data + bytes(-len(data) % 8)) for kind, data in messages]
        body = b"".join(struct.pack("<HHB3x", kind, len(data), 0) + data for kind, data in padded)
        return self.put(struct.pack("<BxHII4x", 1, len(messages), 1, len(body)) + body)

    def local_heap(self, *names: bytes) -> tuple[int, list[int]]:
        """Add a local heap; return its address and where the names are in it."""
        segment, places = bytearray(8), []
        for name in names:
            places.append(len(segment))
            segment.extend(name + bytes(8 - len(name) % 8))
        at = self.put(bytes(segment))
        return self.put(b"HEAP" + struct.pack("<B3xQQQ", 0, len(segment), 1, at)), places

    def old_group(self, children: dict[bytes, int]) -> tuple[int, bytes]:
        """Add a symbol table; return the message that makes a header a group."""
        heap, places = self.local_heap(*children)
        entries = b"".join(
            struct.pack("<QQI4x16x", place, address, 0) for place, address in zip(places, children.values(), strict=True)
        )
        node = self.put(b"SNOD" + struct.pack("<BBH", 1, 0, len(children)) + entries)
        tree = self.put(b"TREE" + struct.pack("<BBHqqQQQ", 0, 0, 1, -1, -1, 0, node, 0))
        return 0x11, struct.pack("<QQ", tree, heap)

    def global_heap(self, *values: bytes) -> int:
        """Add a global heap; its values have the indices 1, 2, ..."""
        body = b"".join(
            struct.pack("<HH4xQ", index, 1, len(value)) + value + bytes(-len(value) % 8) for index, value in enumerate(values, 1)
        )
        return self.put(b"GCOL" + struct.pack("<B3xQ", 1, 16 + len(body) + 16) + body + bytes(16))

    def done(self, root: int) -> bytes:
        """Return the file with that root group."""
        head = b"\x89HDF\r\n\x1a\n" + struct.pack("<BBBBQqQQI", 2, 8, 8, 0, self._user_block, -1, len(self._data), root, 0)
        return bytes(self._user_block) + head + bytes(self._data[48:])


def link(name: bytes, address: int) -> tuple[int, bytes]:
    """Return the message of a hard link."""
    return 0x06, struct.pack("<BBB", 1, 0, len(name)) + name + struct.pack("<Q", address)


def external_link(name: bytes, file: bytes, target: bytes = b"/") -> tuple[int, bytes]:
    """Return the message of an external link."""
    value = b"\0" + file + b"\0" + target + b"\0"
    return 0x06, struct.pack("<BBBB", 1, 8, 64, len(name)) + name + struct.pack("<H", len(value)) + value


def text_attribute(name: bytes, text: bytes) -> tuple[int, bytes]:
    """Return the message of an attribute that is a text of fixed length."""
    kind = struct.pack("<BBBBI", 0x13, 0, 0, 0, len(text))
    return 0x0C, struct.pack("<BBHHHB", 3, 0, len(name) + 1, len(kind), 4, 0) + name + b"\0" + kind + b"\2\0\0\0" + text


def variable_attribute(name: bytes, text: bytes, heap: int, index: int = 1) -> tuple[int, bytes]:
    """Return the message of an attribute that is a text in a global heap."""
    kind = struct.pack("<BBBBI", 0x19, 1, 0, 0, 16) + struct.pack("<BBBBIHH", 0x10, 0, 0, 0, 1, 0, 8)
    data = struct.pack("<IQI", len(text), heap, index)
    return 0x0C, struct.pack("<BBHHHB", 3, 0, len(name) + 1, len(kind), 4, 0) + name + b"\0" + kind + b"\2\0\0\0" + data
