"""The header of a 7z archive."""

from __future__ import annotations

import pytest
from tests.samples.archive import seven

from hanse.scan.budget import Budget, limits_for
from hanse.scan.sevenread import SIGNATURE, Folder, Reader, check, files, streams
from hanse.scan.walk import Malformed


def _reader(data: bytes) -> Reader:
    return Reader(data, Budget(limits_for(1000)))


def test_numbers() -> None:
    """The leading ones of the first byte say how long a number is."""
    assert _reader(b"\x7f").number() == 127
    assert _reader(b"\x81\x02").number() == 0x102
    assert _reader(b"\xc0\x00\x10").number() == 0x1000
    assert _reader(b"\xff" + (5).to_bytes(8, "little")).number() == 5
    with pytest.raises(Malformed):
        _reader(b"\x81").number()
    with pytest.raises(Malformed):
        _reader(b"\xff" + b"\xff" * 8).count()


def test_streams_and_files() -> None:
    """Folders, sizes and names come out as they were written."""
    data = seven(b"hello", "a.txt")
    header = data[SIGNATURE.size + 5 :]
    reader = _reader(header[2:])
    found = streams(reader)
    assert (found.packed, found.parts) == ([5], [[5]])
    assert found.folders[0].codec() is not None
    assert reader.number() == 5
    assert files(reader) == [("a.txt", True)]


def test_methods() -> None:
    """Chains that are not read have no codec."""
    assert Folder([(b"\x06\xf1\x07\x01", b"")], simple=True, outputs=1, inputs=1).codec() is None
    assert Folder([(b"\x21", b"\x10")], simple=False, outputs=1, inputs=1).codec() is None
    both = [(b"\x03\x03\x01\x03", b""), (b"\x21", b"\x10")]
    assert Folder(both, simple=True, outputs=2, inputs=1).codec() is not None
    assert Folder([both[1], both[0]], simple=True, outputs=2, inputs=1).codec() is None


def test_checksum() -> None:
    """A header whose checksum is wrong is not read."""
    with pytest.raises(Malformed):
        check(b"hello", 1)
