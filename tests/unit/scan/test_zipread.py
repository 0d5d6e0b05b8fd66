"""Directories of zip archives: every reader's, and what their headers say."""

from __future__ import annotations

import io
import zipfile

import pytest
from tests.samples.zipcraft import Craft, Part, archive

from hanse.scan import zipread
from hanse.scan.budget import Budget, limits_for
from hanse.scan.source import BytesSource
from hanse.scan.zipread import Directory, decode_name, descriptor_length, directories, extras, find_ends, read_local


def _directories(data: bytes) -> list[Directory]:
    source = BytesSource(data)
    return list(directories(source, find_ends(source), Budget(limits_for(len(data)))))


def test_plain() -> None:
    """An ordinary archive has one directory, with CPython's names, sizes and places."""
    data = archive(("a.txt", b"hello"), ("b/c.txt", b"x" * 9))
    (found,) = _directories(data)
    with zipfile.ZipFile(io.BytesIO(data)) as theirs:
        assert [(one.name, one.size, one.start) for one in found.entries] == [
            (one.filename, one.file_size, one.header_offset) for one in theirs.infolist()
        ]
    local = read_local(BytesSource(data), found.entries[1].start)
    assert local is not None
    assert (local.name, local.size) == ("b/c.txt", 9)
    assert read_local(BytesSource(data), 1) is None


def test_prefixes_shift_offsets() -> None:
    """What is in front moves CPython's offsets, whether or not they count it in."""
    for shift in (True, False):
        data = archive(("a.txt", b"hello"), prefix=b"junk" * 9, shift=shift)
        found = _directories(data)[0]
        assert (found.shift, found.entries[0].start) == (0 if shift else 36, 36)


def test_two_end_records() -> None:
    """An archive in the comment of another one is found beside it."""
    inner = archive(("b.txt", b"hello"))
    assert {one.entries[0].name for one in _directories(archive(("a.txt", b"hello"), comment=inner))} == {"a.txt", "b.txt"}


def test_marks_do_not_hide_an_end_record() -> None:
    """Hundreds of false marks in a comment do not keep the record in front of them from being found."""
    data = archive(("a.txt", b"hello"), comment=b"PK\x05\x06" * 300)
    assert [one.entries[0].name for one in _directories(data)] == ["a.txt"]


def test_concatenated_archives() -> None:
    """Miniz believes the offset of the last record, which here leads into the first archive's bytes."""
    first, second = archive(("a.txt", b"hello")), archive(("b.txt", b"hello"))
    found = _directories(first + second)
    assert [(one.reader, one.entries[0].name) for one in found] == [("cpython", "b.txt"), ("miniz", "a.txt")]


def test_zip64() -> None:
    """The zip64 records are read where they are, as CPython writes them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made, made.open("a.txt", "w", force_zip64=True) as member:
        member.write(b"hello")
    (found,) = _directories(out.getvalue())
    assert found.entries[0].size == 5


@pytest.mark.parametrize("zip64", [False, True])
def test_names_of_every_length_leave_one_directory(*, zip64: bool) -> None:
    """An entry as long as the zip64 records is not taken for a directory that starts one entry later."""
    for length in range(1, 81):
        names = [f"{'x' * length}/{name}" for name in ("data.pkl", "byteorder", "data/0", "data/1", "version")]
        data = archive(*[(name, b"hello") for name in names], zip64=zip64)
        (found,) = _directories(data)
        assert [one.name for one in found.entries] == names, length


def test_zip64_records_that_contradict_the_end_record() -> None:
    """When the two end records name different directories, both are read: Java takes one, CPython the other."""
    parts = tuple(Part(name, b"hello") for name in (b"a" * 30, b"b" * 30))
    found = _directories(Craft(parts, zip64=True, wide_size=76).build())
    assert {len(one.entries) for one in found} == {1, 2}


def test_entries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with more entries than are read says so."""
    monkeypatch.setattr(zipread, "MAX_ENTRIES", 3)
    (found,) = _directories(archive(*[(f"{number}", b"") for number in range(9)]))
    assert (len(found.entries), found.cut) == (3, True)


def test_defects_keep_what_came_before() -> None:
    """A directory that breaks off still has its first entries, and says where it broke."""
    data = bytearray(archive(("a.txt", b"hello"), ("b.txt", b"hello")))
    data[data.rfind(b"PK\x01\x02")] = 0
    (found,) = _directories(bytes(data))
    assert [one.name for one in found.entries] == ["a.txt"]
    assert found.defect is not None
    assert _directories(archive(("a.txt", b""), count=7))[0].defect is not None


def test_names_and_extras() -> None:
    """Names are code page 437 unless flagged; cut extra fields end the list."""
    assert decode_name(b"\x81", 0) == "ü"
    assert decode_name("ü".encode(), 0x800) == "ü"
    assert decode_name(b"\xff", 0x800) == "\\xff"
    assert list(extras(b"\x01\x00\x02\x00ab\x02\x00\x09\x00a")) == [(1, b"ab")]


def test_descriptors() -> None:
    """A data descriptor is recognised by its values, with and without signature."""
    data = Craft((Part(b"a", b"hello", described=True),)).build()
    (found,) = _directories(data)
    entry = found.entries[0]
    assert descriptor_length(BytesSource(data), 36, entry.crc, entry.packed) == 16
    assert descriptor_length(BytesSource(data), 40, entry.crc, entry.packed) == 12
    assert descriptor_length(BytesSource(data), 36, 1, 2) == 0
