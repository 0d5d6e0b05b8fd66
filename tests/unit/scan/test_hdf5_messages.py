"""Messages of HDF5 objects."""

from __future__ import annotations

import struct

import pytest
from tests.samples.wire import Hdf5, external_link, link, text_attribute

from hanse.scan import hdf5_messages
from hanse.scan.budget import Budget
from hanse.scan.hdf5_file import Hdf5File
from hanse.scan.hdf5_heaps import GlobalHeaps, Unread
from hanse.scan.hdf5_messages import EXTERNAL, HARD, SOFT
from hanse.scan.source import BytesSource
from hanse.scan.walk import Malformed

FILE = Hdf5File(BytesSource(Hdf5().done(48)), Budget({"operations": 1_000_000}))
ALL = struct.pack("<II8x", 3, 1)


def test_links() -> None:
    """Hard, soft and external links give what they carry."""
    assert hdf5_messages.link(FILE, link(b"a", 77)[1]) == hdf5_messages.Link(b"a", HARD, 77)
    soft = struct.pack("<BBBB", 1, 8, 1, 1) + b"s" + struct.pack("<H", 2) + b"/x"
    assert hdf5_messages.link(FILE, soft) == hdf5_messages.Link(b"s", SOFT, None, b"/x")
    found = hdf5_messages.link(FILE, external_link(b"e", b"f.h5", b"/o")[1])
    assert (found.kind, hdf5_messages.external_target(found.value)) == (EXTERNAL, (b"f.h5", b"/o"))


@pytest.mark.parametrize("data", [b"", b"\x02\x00", b"\x01\x00\x09a", external_link(b"e", b"f")[1][:-3]])
def test_broken_links(data: bytes) -> None:
    """Cut links and unknown versions are malformed."""
    with pytest.raises(Malformed):
        hdf5_messages.link(FILE, data)


def test_filters() -> None:
    """Both versions of the message give numbers and names."""
    old = struct.pack("<BB6x", 1, 1) + struct.pack("<HHHH", 32015, 8, 0, 1) + b"zstd\0\0\0\0" + bytes(8)
    new = struct.pack("<BB", 2, 2) + struct.pack("<HHH", 1, 0, 1) + bytes(4) + struct.pack("<HHHH", 307, 5, 0, 0) + b"bzip2"
    assert list(hdf5_messages.filters(FILE, old)) == [(32015, b"zstd")]
    assert list(hdf5_messages.filters(FILE, new)) == [(1, b""), (307, b"bzip2")]


def test_sources_of_virtual_data_sets() -> None:
    """Sources are read past selections of every kind; unknown kinds are said to be unread."""
    regular = struct.pack("<IIBBI", 2, 3, 1, 8, 1) + bytes(32)
    several = struct.pack("<IIBBI", 2, 3, 0, 2, 1) + struct.pack("<H", 2) + bytes(8)
    older = struct.pack("<III I", 2, 1, 0, 6) + bytes(6)
    block = struct.pack("<BQ", 0, 3) + b"a\0x\0" + regular + several + b"b\0x\0" + older + ALL + b"c\0x\0" + ALL + ALL
    assert list(hdf5_messages.virtual_sources(FILE, block)) == [b"a", b"b", b"c"]
    with pytest.raises(Unread):
        list(hdf5_messages.virtual_sources(FILE, struct.pack("<BQ", 0, 1) + b"a\0x\0" + struct.pack("<II", 9, 9)))
    with pytest.raises(Unread):
        list(hdf5_messages.virtual_sources(FILE, struct.pack("<BQ", 5, 1)))


def test_attributes() -> None:
    """Texts are given; numbers have a name and no value; unreadable types are not called whole."""
    heaps = GlobalHeaps(FILE)
    data = text_attribute(b"a", b"text")[1]
    assert hdf5_messages.attribute(FILE, data, heaps, lambda part: part, 4) == hdf5_messages.Attribute(b"a", (b"text",))
    shared = bytes([data[0], 1]) + data[2:]
    assert not hdf5_messages.attribute(FILE, shared, heaps, lambda _part: None, 4).whole
    number = data.replace(struct.pack("<BBBBI", 0x13, 0, 0, 0, 4), struct.pack("<BBBBI", 0x10, 0, 0, 0, 4))
    assert hdf5_messages.attribute(FILE, number, heaps, lambda part: part, 4).values == ()
    with pytest.raises(Malformed):
        hdf5_messages.attribute(FILE, b"\x09" + data[1:], heaps, lambda part: part, 4)


def test_layouts() -> None:
    """Only virtual layouts have sources."""
    assert hdf5_messages.virtual_heap(FILE, struct.pack("<BBQI", 4, 3, 88, 1)) == (88, 1)
    assert hdf5_messages.virtual_heap(FILE, struct.pack("<BBQI", 4, 2, 88, 1)) is None
    assert hdf5_messages.virtual_heap(FILE, struct.pack("<BBq", 3, 1, -1)) is None


def test_committed_types() -> None:
    """A shared datatype is taken from the object that holds it."""
    file = Hdf5()
    at = file.header((3, b"datatype"))
    opened = Hdf5File(BytesSource(file.done(at)), Budget({"operations": 10_000}))
    assert hdf5_messages.committed_type(opened, struct.pack("<BBQ", 3, 2, at)) == b"datatype"
    assert hdf5_messages.committed_type(opened, struct.pack("<BBQ", 3, 1, at)) is None
