"""HDF5 messages that matter: links, attributes, external files, virtual data sets, filters (specification 3.0, section IV)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hanse.scan.hdf5_file import DATATYPE, Hdf5File
from hanse.scan.hdf5_heaps import GlobalHeaps, LocalHeap, Unread
from hanse.scan.walk import Malformed

HARD, SOFT, EXTERNAL = 0, 1, 64
FIXED_TEXT, VARIABLE = 3, 9
MAX_VALUE = 16 * 1024 * 1024
MAX_SOURCES = 1_000


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a group. kind: HARD, SOFT, EXTERNAL or a user-defined class; address: for HARD; value: what the others carry."""

    name: bytes
    kind: int
    address: int | None = None
    value: bytes = b""


def link(file: Hdf5File, data: bytes) -> Link:
    """Return the link that a link message holds; raises Malformed."""
    version, flags = file.number(data, 0, 1), file.number(data, 1, 1)
    if version != 1:
        raise Malformed(f"link version {version}")
    at, kind = 2, HARD
    if flags & 8:
        kind, at = file.number(data, at, 1), at + 1
    at += (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
    width = 1 << (flags & 3)
    size = file.number(data, at, width)
    name = data[at + width : at + width + size]
    at += width + size
    if kind == HARD:
        return Link(name, kind, file.address(data, at))
    size = file.number(data, at, 2)
    if at + 2 + size > len(data):
        raise Malformed("a link is cut")
    return Link(name, kind, None, data[at + 2 : at + 2 + size])


def external_target(value: bytes) -> tuple[bytes, bytes]:
    """Return file and object that an external link names."""
    parts = value[1:].split(b"\0")
    return parts[0], parts[1] if len(parts) > 1 else b""


def external_files(file: Hdf5File, data: bytes) -> Iterator[bytes]:
    """Yield the names of the files that a data set's raw bytes lie in; raises Malformed."""
    used = file.number(data, 6, 2)
    heap_at = file.address(data, 8)
    if heap_at is None:
        raise Malformed("external files without names")
    heap = LocalHeap(file, heap_at)
    for index in range(used):
        file.spend(20)
        yield heap.name(file.length(data, 8 + file.offsets + index * 3 * file.lengths))


def virtual_heap(file: Hdf5File, data: bytes) -> tuple[int, int] | None:
    """Return where a layout message keeps the sources of a virtual data set, None for other layouts."""
    if file.number(data, 0, 1) < 4 or file.number(data, 1, 1) != 3:
        return None
    address = file.address(data, 2)
    return None if address is None else (address, file.number(data, 2 + file.offsets, 4))


def virtual_sources(file: Hdf5File, block: bytes) -> Iterator[bytes]:
    """Yield the names of the files that make up a virtual data set; raises Malformed, Unread for unknown selections."""
    if file.number(block, 0, 1) > 1:
        raise Unread("virtual layout")
    count = file.length(block, 1)
    if count > MAX_SOURCES:
        raise Unread("virtual layout")
    at = 1 + file.lengths
    for _ in range(count):
        file.spend(40)
        flags = 0
        if block[0] == 1:
            flags, at = file.number(block, at, 1), at + 1
        if flags & 4:
            yield b"."
        elif flags & 1:
            at += file.lengths
        else:
            name, at = _text(block, at)
            yield name
        if flags & 2:
            at += file.lengths
        else:
            _, at = _text(block, at)
        at = _selection(file, block, _selection(file, block, at))


def _text(block: bytes, at: int) -> tuple[bytes, int]:
    end = block.find(b"\0", at)
    if end < 0:
        raise Malformed("a name does not end")
    return block[at:end], end + 1


def _selection(file: Hdf5File, block: bytes, at: int) -> int:
    """Return where a serialised selection ends."""
    kind, version = file.number(block, at, 4), file.number(block, at + 4, 4)
    if kind in {0, 3}:
        return at + 16
    if kind == 2 and version == 1:
        return at + 16 + file.number(block, at + 12, 4)
    if kind == 2 and version == 2:
        return at + 13 + file.number(block, at + 9, 4)
    if kind == 2 and version == 3:
        flags, width, rank = file.number(block, at + 8, 1), file.number(block, at + 9, 1), file.number(block, at + 10, 4)
        if flags & 1:
            return at + 14 + 4 * rank * width
        return at + 14 + width + 2 * rank * width * file.number(block, at + 14, width)
    raise Unread("virtual layout")


def filters(file: Hdf5File, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (id, name) of the filters that a data set's chunks went through; raises Malformed."""
    version, count = file.number(data, 0, 1), file.number(data, 1, 1)
    at = 8 if version == 1 else 2
    for _ in range(count):
        file.spend(20)
        number, at = file.number(data, at, 2), at + 2
        size = 0
        if version == 1 or number >= 256:
            size, at = file.number(data, at, 2), at + 2
        values, at = file.number(data, at + 2, 2), at + 4
        name = data[at : at + size].split(b"\0", 1)[0]
        at += (-(-size // 8) * 8 if version == 1 else size) + 4 * values
        if version == 1 and values % 2:
            at += 4
        yield number, name


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute. values: what its first texts say, empty where it holds no text; whole: nothing of that was left out."""

    name: bytes
    values: tuple[bytes, ...]
    whole: bool = True


def attribute(file: Hdf5File, data: bytes, heaps: GlobalHeaps, resolve: Callable[[bytes], bytes | None], most: int) -> Attribute:
    """Return the attribute that a message holds with at most `most` texts of it.

    resolve: returns the datatype that a shared message means. Raises Malformed.
    """
    version, flags = file.number(data, 0, 1), file.number(data, 1, 1)
    if version not in {1, 2, 3}:
        raise Malformed(f"attribute version {version}")
    sizes = [file.number(data, at, 2) for at in (2, 4, 6)]
    at = 9 if version == 3 else 8
    parts = []
    for size in sizes:
        parts.append(data[at : at + size])
        at += -(-size // 8) * 8 if version == 1 else size
    name = parts[0].split(b"\0", 1)[0]
    kind = resolve(parts[1]) if version > 1 and flags & 1 else parts[1]
    if kind is None or (version > 1 and flags & 2):
        return Attribute(name, (), whole=False)
    if len(kind) < 8:
        raise Malformed("a datatype is cut")
    count = _elements(file, parts[2])
    values = tuple(_texts(file, kind, data[at:], min(count, most), heaps))
    return Attribute(name, values, whole=not values or count <= most)


def _elements(file: Hdf5File, data: bytes) -> int:
    """Return how many elements a dataspace has; 1 for a scalar."""
    version, rank = file.number(data, 0, 1), file.number(data, 1, 1)
    if version == 2 and file.number(data, 3, 1) == 2:
        return 0
    start = 8 if version == 1 else 4
    count = 1
    for index in range(min(rank, 32)):
        count *= file.length(data, start + index * file.lengths)
    return count


def _texts(file: Hdf5File, kind: bytes, data: bytes, count: int, heaps: GlobalHeaps) -> Iterator[bytes]:
    size = int.from_bytes(kind[4:8], "little")
    if kind[0] & 15 == FIXED_TEXT:
        yield from (data[index * size : (index + 1) * size] for index in range(count))
    elif kind[0] & 15 == VARIABLE and kind[1] & 15 == 1:
        step = 8 + file.offsets
        for index in range(count):
            length, address = file.number(data, index * step, 4), file.address(data, index * step + 4)
            if length and address:
                yield heaps.value(address, file.number(data, index * step + 4 + file.offsets, 4), min(length, MAX_VALUE))
            else:
                yield b""


def committed_type(file: Hdf5File, data: bytes) -> bytes | None:
    """Return the datatype that a shared message means, None if it lies where this reader does not look."""
    at = file.shared_at(data)
    if at is None:
        return None
    return next((one.data for one in file.messages(at) if one.kind == DATATYPE and not one.shared), None)
