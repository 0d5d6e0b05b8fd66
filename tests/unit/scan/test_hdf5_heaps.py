"""Heaps and trees give what they hold, and end."""

from __future__ import annotations

import struct

import pytest
from tests.samples.wire import Hdf5

from hanse.scan.budget import Budget
from hanse.scan.hdf5_file import Hdf5File
from hanse.scan.hdf5_heaps import FractalHeap, GlobalHeaps, LocalHeap, Unread, encoded_size, tree_records
from hanse.scan.source import BytesSource
from hanse.scan.walk import Malformed


def _open(file: Hdf5) -> Hdf5File:
    return Hdf5File(BytesSource(file.done(48)), Budget({"operations": 1_000_000}))


def _fractal(file: Hdf5, content: bytes, filters: int = 0) -> int:
    """Write a fractal heap whose root is one direct block of 512 bytes."""
    block = file.put((b"FHDB" + bytes(13 + 4) + content).ljust(512, b"\0"))
    sizes = struct.pack("<IQqQqQQQQQQQQ", 4096, 0, -1, 0, -1, 0, 512, 0, 1, 0, 0, 0, 0)
    doubling = struct.pack("<HQQHHQH", 4, 512, 65536, 32, 1, block, 0)
    return file.put(b"FRHP" + struct.pack("<BHHB", 0, 7, filters, 2) + sizes + doubling + bytes(4))


def test_local_heaps() -> None:
    """Names are found by offset, and only inside the heap."""
    file = Hdf5()
    at, places = file.local_heap(b"first", b"second")
    heap = LocalHeap(_open(file), at)
    assert [heap.name(place) for place in places] == [b"first", b"second"]
    with pytest.raises(Malformed):
        heap.name(5000)


def test_global_heaps() -> None:
    """Values are found by index, cut at the limit."""
    file = Hdf5()
    at = file.global_heap(b"one", b"two")
    heaps = GlobalHeaps(_open(file))
    assert heaps.value(at, 2, 99) == b"two"
    assert heaps.value(at, 1, 2) == b"on"
    with pytest.raises(Malformed):
        heaps.value(at, 3, 99)


def test_fractal_heaps() -> None:
    """Managed and tiny objects are found by heap id; ids that lead out of the heap are malformed."""
    file = Hdf5()
    at = _fractal(file, b"content")
    heap = FractalHeap(_open(file), at)
    assert heap.value(struct.pack("<BIH", 0, 21, 7)) == b"content"
    assert heap.value(b"\x22abc") == b"abc"
    for broken in (struct.pack("<BIH", 0, 600, 7), b"\x30", b"", b"\x10\0\0\0\0\0\0"):
        with pytest.raises(Malformed):
            heap.value(broken)


def test_compressed_heaps_are_not_read() -> None:
    """A heap behind filters is said to be unread, never skipped."""
    file = Hdf5()
    at = _fractal(file, b"", filters=16)
    with pytest.raises(Unread):
        FractalHeap(_open(file), at)


def _tree(file: Hdf5, root: int, count: int, depth: int) -> int:
    return file.put(b"BTHD" + struct.pack("<BBIHHBBQHQI", 0, 5, 512, 11, depth, 100, 40, root, count, count, 0))


def test_trees() -> None:
    """Records come from inner nodes and leaves alike."""
    file = Hdf5()
    leaf = file.put(b"BTLF\0\5" + b"a" * 11 + bytes(4))
    other = file.put(b"BTLF\0\5" + b"b" * 22 + bytes(4))
    inner = file.put(b"BTIN\0\5" + b"c" * 11 + struct.pack("<QBQB", leaf, 1, other, 2) + bytes(4))
    at = _tree(file, inner, 1, 1)
    opened = _open(file)
    assert sorted(one[:1] for one in tree_records(opened, at, 5)) == [b"a", b"b", b"b", b"c"]
    assert list(tree_records(opened, None, 5)) == []
    with pytest.raises(Unread):
        list(tree_records(opened, at, 8))


def test_a_tree_that_holds_itself() -> None:
    """Nodes are read once."""
    file = Hdf5()
    inner = file.put(b"")
    file.put(b"BTIN\0\5" + b"c" * 11 + struct.pack("<QBHQBH", inner, 1, 1, inner, 1, 1) + bytes(4))
    at = _tree(file, inner, 1, 2)
    with pytest.raises(Malformed):
        list(tree_records(_open(file), at, 5))


@pytest.mark.parametrize(("limit", "size"), [(0, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 3)])
def test_sizes_of_numbers(limit: int, size: int) -> None:
    """The library uses as many bytes as the limit needs."""
    assert encoded_size(limit) == size
