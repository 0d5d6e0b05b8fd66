"""Members of zip archives: content, checksums, encryption that is none."""

from __future__ import annotations

import io
import zipfile

import pytest
from tests.samples.zipcraft import Craft, Part, archive

from hanse.scan.budget import Budget, limits_for
from hanse.scan.source import BytesSource, SliceSource
from hanse.scan.zipmember import checksum, content, is_link, is_plain, worth_checking
from hanse.scan.zipread import Header, directories, find_ends, read_local

BUDGET = Budget(limits_for(1_000_000))


def _member(data: bytes) -> tuple[BytesSource, Header, int]:
    source = BytesSource(data)
    entry = next(iter(directories(source, find_ends(source), BUDGET))).entries[0]
    local = read_local(source, entry.start)
    assert local is not None
    return source, entry, local.start


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods(method: int) -> None:
    """Every method that CPython writes is read, and its checksum holds."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        made.writestr("a.txt", b"hello " * 500)
    source, entry, start = _member(out.getvalue())
    found = content(source, entry, start, BUDGET)
    assert found is not None
    assert isinstance(found, SliceSource) == (method == zipfile.ZIP_STORED)
    assert found.read_at(3, 20) == (b"hello " * 9)[3:23]
    assert checksum(found, entry, BUDGET) == entry.crc


def test_unknown_methods() -> None:
    """What cannot be unpacked is said to be so."""
    source, entry, start = _member(Craft((Part(b"a", b"hello", method=97),)).build())
    assert content(source, entry, start, BUDGET) is None


def test_encryption() -> None:
    """A flag on plain bytes is a lie; bytes that are longer than their content, or unreadable, are believed."""
    for part, plain in (
        (Part(b"a", b"hello", flags=1), True),
        (Part(b"a", b"hello" * 99, flags=1, method=8), True),
        (Part(b"a", b"hello" * 9, flags=1, size=33), False),
        (Part(b"a", b"hello", flags=1, method=99), False),
    ):
        source, entry, start = _member(Craft((part,)).build())
        assert is_plain(source, entry, start, BUDGET) is plain


def test_what_is_checked() -> None:
    """Checksums of big tensors are left alone, those of code are verified."""
    _, entry, _ = _member(archive(("a/data/0", bytes(100_000))))
    assert not worth_checking(entry)
    _, entry, _ = _member(archive(("a/data.pkl", bytes(100_000))))
    assert worth_checking(entry)


def test_links() -> None:
    """Links are told by the mode that Unix tools store."""
    assert is_link(_member(Craft((Part(b"a", b"b", attributes=0o120777 << 16),)).build())[1])
    assert not is_link(_member(archive(("a", b"b")))[1])
