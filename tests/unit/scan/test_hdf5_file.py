"""Superblocks and object headers."""

from __future__ import annotations

import struct

import pytest
from tests.samples.wire import Hdf5

from hanse.scan.budget import Budget
from hanse.scan.hdf5_file import Hdf5File, find_superblock
from hanse.scan.source import BytesSource
from hanse.scan.walk import Malformed

BUDGET = {"operations": 100_000}


def _open(data: bytes) -> Hdf5File:
    return Hdf5File(BytesSource(data), Budget(BUDGET))


@pytest.mark.parametrize(("user_block", "found"), [(0, 0), (512, 512), (4096, 4096), (700, None)])
def test_where_superblocks_lie(user_block: int, found: int | None) -> None:
    """A superblock is at 0 or at a power of two from 512 on."""
    assert find_superblock(BytesSource(bytes(user_block) + Hdf5().done(48))) == found


def test_an_old_superblock() -> None:
    """Versions 0 and 1 name the root group in a symbol table entry."""
    head = b"\x89HDF\r\n\x1a\n" + struct.pack("<8B", 0, 0, 0, 0, 0, 8, 8, 0) + struct.pack("<HHI", 4, 16, 0)
    addresses = struct.pack("<qqqqqq", 0, -1, 96, -1, 0, 96)
    assert _open(head + addresses + bytes(100)).root == 96


@pytest.mark.parametrize("at", [8, 9, 10])
def test_impossible_superblocks(at: int) -> None:
    """Unknown versions and sizes are malformed."""
    data = bytearray(Hdf5().done(48))
    data[at] = 77
    with pytest.raises(Malformed):
        _open(bytes(data))


def test_messages_of_both_kinds_of_header() -> None:
    """Messages are the same in either version of the header, and continue elsewhere."""
    file = Hdf5()
    block = file.put(b"OCHK" + struct.pack("<BHB", 5, 2, 0) + b"zz" + bytes(4))
    modern = file.header((1, b"abc"), (0x10, struct.pack("<QQ", block, 14)))
    classic = file.classic_header((1, b"abcdefgh"))
    opened = _open(file.done(modern))
    assert [(one.kind, one.data) for one in opened.messages(modern) if one.kind != 0x10] == [(1, b"abc"), (5, b"zz")]
    assert [(one.kind, one.data) for one in opened.messages(classic)] == [(1, b"abcdefgh")]


def test_a_header_that_continues_in_itself() -> None:
    """A continuation that was read before is malformed, not endless."""
    file = Hdf5()
    place = 48 + 16
    at = file.classic_header((0x10, struct.pack("<QQ", place, 24)), (0x10, struct.pack("<QQ", place, 24)))
    with pytest.raises(Malformed):
        list(_open(file.done(at)).messages(at))


def test_addresses_stay_inside() -> None:
    """Reading outside the file is malformed, also at absurd lengths."""
    file = _open(Hdf5().done(48))
    for at, length in ((1 << 50, 4), (0, 1 << 30), (40, 100)):
        with pytest.raises(Malformed):
            file.read(at, length)


def test_shared_messages() -> None:
    """A shared message gives the address of the object that holds it, or nothing for the file's heap."""
    file = _open(Hdf5().done(48))
    assert file.shared_at(struct.pack("<BBQ", 3, 2, 77)) == 77
    assert file.shared_at(struct.pack("<BB6xQ", 1, 0, 88)) == 88
    assert file.shared_at(struct.pack("<BBQ", 3, 1, 77)) is None
    with pytest.raises(Malformed):
        file.shared_at(b"")
