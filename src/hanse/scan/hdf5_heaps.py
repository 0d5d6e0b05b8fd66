"""HDF5's heaps and trees: where names, links and long attributes lie (HDF5 File Format Specification 3.0, section III)."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.hdf5_file import Hdf5File
from hanse.scan.walk import Malformed

MAX_DEPTH = 32
NODE_COST = 30
RECORD_COST = 6


class Unread(Exception):
    """A part that is valid and not read here, such as a compressed heap."""


def encoded_size(limit: int) -> int:
    """Return how many bytes the library uses for numbers up to `limit`."""
    return max(limit.bit_length() - 1, 0) // 8 + 1


class LocalHeap:
    """Names of an old group, by offset."""

    def __init__(self, file: Hdf5File, at: int) -> None:
        head = file.read(at, 8 + 2 * file.lengths + file.offsets)
        if head[:4] != b"HEAP":
            raise Malformed("no local heap", at)
        self._file = file
        self._size = file.length(head, 8)
        self._start = file.address(head, 8 + 2 * file.lengths)

    def name(self, offset: int) -> bytes:
        """Return the name at an offset, without its NUL; raises Malformed outside the heap."""
        if self._start is None or offset >= self._size:
            raise Malformed("a name lies outside its heap")
        found = self._file.read(self._start + offset, min(self._size - offset, 256))
        if b"\0" not in found:
            found = self._file.read(self._start + offset, min(self._size - offset, 65_536))
        return found.split(b"\0", 1)[0]


def group_entries(file: Hdf5File, tree: int, heap: LocalHeap) -> Iterator[tuple[bytes, int | None, bytes | None]]:
    """Yield (name, object header, soft link) of an old group; raises Malformed, also for a tree that holds itself."""
    stack, seen = [(tree, 0)], set()
    while stack:
        at, depth = stack.pop()
        if at in seen or depth > MAX_DEPTH:
            raise Malformed("a group's tree holds itself", at)
        seen.add(at)
        file.spend(NODE_COST)
        head = file.read(at, 8)
        if head[:4] == b"SNOD":
            yield from _symbols(file, at, int.from_bytes(head[6:8], "little"), heap)
        elif head[:4] == b"TREE" and head[4] == 0:
            used = int.from_bytes(head[6:8], "little")
            step = file.lengths + file.offsets
            data = file.read(at + 8 + 2 * file.offsets, used * step + file.lengths)
            children = [file.address(data, index * step + file.lengths) for index in range(used)]
            stack.extend((child, depth + 1) for child in reversed(children) if child is not None)
        else:
            raise Malformed("no node of a group's tree", at)


def _symbols(file: Hdf5File, at: int, count: int, heap: LocalHeap) -> Iterator[tuple[bytes, int | None, bytes | None]]:
    step = 2 * file.offsets + 24
    data = file.read(at + 8, count * step)
    for index in range(count):
        file.spend(RECORD_COST)
        start = index * step
        name = heap.name(file.number(data, start, file.offsets))
        if file.number(data, start + 2 * file.offsets, 4) == 2:
            yield name, None, heap.name(file.number(data, start + 2 * file.offsets + 8, 4))
        else:
            yield name, file.address(data, start + file.offsets), None


class GlobalHeaps:
    """Values of variable length, by collection and index."""

    def __init__(self, file: Hdf5File) -> None:
        self._file = file
        self._known: dict[int, dict[int, tuple[int, int]]] = {}

    def value(self, collection: int, index: int, limit: int) -> bytes:
        """Return up to `limit` bytes of a value; raises Malformed."""
        places = self._known.get(collection)
        if places is None:
            places = self._known[collection] = dict(self._read(collection))
        if index not in places:
            raise Malformed("no such value in a global heap", collection)
        at, size = places[index]
        return self._file.read(at, min(size, limit))

    def all(self, collection: int, limit: int) -> Iterator[bytes]:
        """Yield every value of a collection, each up to `limit` bytes; raises Malformed if there is none."""
        for _, (at, size) in self._read(collection):
            yield self._file.read(at, min(size, limit))

    def _read(self, at: int) -> Iterator[tuple[int, tuple[int, int]]]:
        file = self._file
        head = file.read(at, 8 + file.lengths)
        if head[:4] != b"GCOL":
            raise Malformed("no global heap", at)
        end = at + file.length(head, 8)
        step = 8 + file.lengths
        place = at + step
        while place + step <= end:
            file.spend(RECORD_COST)
            data = file.read(place, step)
            index, size = int.from_bytes(data[:2], "little"), file.length(data, 8)
            if index == 0:
                return
            yield index, (place + step, size)
            place += step + -(-size // 8) * 8


class FractalHeap:
    """Links and attributes of big groups and objects, by heap id."""

    def __init__(self, file: Hdf5File, at: int) -> None:
        o, n = file.offsets, file.lengths
        head = file.read(at, 26 + 3 * o + 12 * n)
        if head[:4] != b"FRHP":
            raise Malformed("no fractal heap", at)
        self._file = file
        self._id_length = int.from_bytes(head[5:7], "little")
        if int.from_bytes(head[7:9], "little"):
            raise Unread("filtered heap")
        self._checked = bool(head[9] & 2)
        most = int.from_bytes(head[10:14], "little")
        self._huge = file.address(head, 14 + n)
        place = 14 + n + o + n + o + 8 * n
        self._width = file.number(head, place, 2)
        self._start = file.length(head, place + 2)
        largest = file.length(head, place + 2 + n)
        self._bits = file.number(head, place + 2 + 2 * n, 2)
        self._root = file.address(head, place + 6 + 2 * n)
        self._rows = file.number(head, place + 6 + 2 * n + o, 2)
        if (
            not self._start
            or self._start & (self._start - 1)
            or largest & (largest - 1)
            or largest < self._start
            or not self._width
        ):
            raise Malformed("block sizes of a fractal heap", at)
        self._direct_rows = largest.bit_length() - self._start.bit_length() + 2
        self._offset_size = -(-self._bits // 8)
        self._length_size = min(encoded_size(largest), encoded_size(most))

    def value(self, heap_id: bytes) -> bytes:
        """Return what a heap id names; raises Malformed or Unread."""
        self._file.spend(NODE_COST)
        kind = heap_id[0] >> 4 & 3 if heap_id else 3
        if kind == 2:
            return (
                heap_id[1 : 2 + (heap_id[0] & 15)]
                if self._id_length <= 17
                else heap_id[2 : 3 + ((heap_id[0] & 15) << 8 | heap_id[1])]
            )
        if kind == 1:
            return self._read_huge(heap_id)
        if kind:
            raise Malformed("a heap id of an unknown kind")
        offset = self._file.number(heap_id, 1, self._offset_size)
        length = self._file.number(heap_id, 1 + self._offset_size, self._length_size)
        return self._file.read(self._locate(offset), length)

    def _read_huge(self, heap_id: bytes) -> bytes:
        file = self._file
        if file.offsets + file.lengths <= self._id_length - 1:
            at = file.address(heap_id, 1)
            if at is None:
                raise Malformed("a huge object lies nowhere")
            return file.read(at, file.length(heap_id, 1 + file.offsets))
        size = min(file.lengths, self._id_length - 1)
        wanted = file.number(heap_id, 1, size)
        for record in tree_records(file, self._huge, 1):
            at = file.address(record, 0)
            if at is not None and file.length(record, file.offsets + file.lengths) == wanted:
                return file.read(at, file.length(record, file.offsets))
        raise Malformed("no such huge object in a fractal heap")

    def _locate(self, offset: int) -> int:
        """Return the address of an offset of the heap: down through indirect blocks to the direct one that holds it."""
        at, rows = self._root, self._rows
        if rows == 0:
            return self._inside(at, offset, self._start)
        for _ in range(MAX_DEPTH):
            if at is None:
                break
            row, column, size, offset = self._cell(offset)
            if row >= rows:
                break
            prefix = 5 + self._file.offsets + self._offset_size
            entry = row * self._width + column
            data = self._file.read(at + prefix + entry * self._file.offsets, self._file.offsets)
            at = self._file.address(data, 0)
            if row < self._direct_rows:
                return self._inside(at, offset, size)
            rows = size.bit_length() - (self._start * self._width).bit_length() + 1
        raise Malformed("a heap id leads out of its heap")

    def _cell(self, offset: int) -> tuple[int, int, int, int]:
        """Return row, column and size of the block that holds an offset of an indirect block, and the offset inside it."""
        row, size = 0, self._start
        while offset >= size * self._width and row <= 64:
            offset -= size * self._width
            row += 1
            size = self._start << max(row - 1, 0)
        return row, offset // size, size, offset % size

    def _inside(self, at: int | None, offset: int, size: int) -> int:
        if at is None or offset >= size:
            raise Malformed("a heap id leads out of its heap")
        return at + offset


def tree_records(file: Hdf5File, at: int | None, kind: int) -> Iterator[bytes]:
    """Yield the records of a version 2 B-tree of a kind; raises Malformed, Unread for another kind."""
    if at is None:
        return
    head = file.read(at, 16 + file.offsets + 2)
    if head[:4] != b"BTHD":
        raise Malformed("no B-tree", at)
    if head[5] != kind:
        raise Unread(f"B-tree of kind {head[5]}")
    node, width, depth = file.number(head, 6, 4), file.number(head, 10, 2), file.number(head, 12, 2)
    if not width or node < 16 or depth > MAX_DEPTH:
        raise Malformed("sizes of a B-tree", at)
    root, count = file.address(head, 16), file.number(head, 16 + file.offsets, 2)
    pointers = _pointer_sizes(file, node, width, depth)
    stack, seen = [(root, count, depth)], set()
    while stack:
        place, count, level = stack.pop()
        if place is None or count == 0:
            continue
        if place in seen:
            raise Malformed("a B-tree holds itself", place)
        seen.add(place)
        file.spend(NODE_COST + RECORD_COST * count)
        size = 6 + count * width + ((count + 1) * sum(pointers[level]) if level else 0)
        data = file.read(place, size)
        if data[:4] != (b"BTIN" if level else b"BTLF"):
            raise Malformed("no node of a B-tree", place)
        yield from (data[6 + index * width : 6 + (index + 1) * width] for index in range(count))
        for index in range(count + 1 if level else 0):
            start = 6 + count * width + index * sum(pointers[level])
            stack.append((file.address(data, start), file.number(data, start + file.offsets, pointers[level][1]), level - 1))


def _pointer_sizes(file: Hdf5File, node: int, width: int, depth: int) -> list[tuple[int, int, int]]:
    """Return for every level the sizes of a child's address, its count and its total count, as the library derives them."""
    most = total = (node - 10) // width
    count_size, total_size = encoded_size(most), 0
    sizes = [(0, 0, 0)]
    for _ in range(depth):
        sizes.append((file.offsets, count_size, total_size))
        pointer = file.offsets + count_size + total_size
        most = max((node - 10 - pointer) // (width + pointer), 0)
        total = (most + 1) * total + most
        total_size = encoded_size(total)
    return sizes
