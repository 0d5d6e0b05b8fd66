"""Headers of tar archives, as Python's tarfile reads them."""

from __future__ import annotations

import io
import tarfile

import pytest

from hanse.scan.budget import Budget, limits_for
from hanse.scan.source import BytesSource
from hanse.scan.tarread import TarReader, checks, number, pax_records, text
from hanse.scan.walk import Malformed


def _tar(names: list[str], kind: int, size: int = 5) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as made:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = size
            made.addfile(info, io.BytesIO(b"x" * size))
    return out.getvalue()


def _names(data: bytes) -> list[str]:
    return [one.name for one in TarReader(BytesSource(data), Budget(limits_for(len(data)))).members()]


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_dialects(kind: int) -> None:
    """Long names are read from prefixes, GNU records and pax headers alike."""
    names = ["a.txt", "folder/" * 15 + "b.txt", "ü.txt"]
    assert _names(_tar(names, kind)) == names


def test_numbers() -> None:
    """Numbers are octal with spaces or NULs, or base 256; anything else is none."""
    assert number(b"0000644\0") == 0o644
    assert number(b" 644 \0\0\0") == 0o644
    assert number(b"\x80\0\0\0\0\0\0\x05") == 5
    assert number(b"\xff" * 8) == -1
    assert number(b"9\0") is None
    assert number(bytes(8)) == 0


def test_names_in_old_code_pages() -> None:
    """A name that is no UTF-8 does not gain backslashes by being read."""
    assert text(b"\xc4.txt\0rest") == "Ä.txt"
    assert text("Ä".encode()) == "Ä"


def test_pax_records() -> None:
    """Records say their own length; a wrong one is an error."""
    assert list(pax_records(b"11 path=ab\n6 a=b\n")) == [("path", "ab"), ("a", "b")]
    for bad in (b"99 path=ab\n", b"x path=a\n", b"3\n", b"11 path=abc"):
        with pytest.raises(Malformed):
            list(pax_records(bad))


def test_broken_headers() -> None:
    """Sizes that reach beyond the file and wrong checksums end the reading."""
    data = _tar(["a", "b"], tarfile.GNU_FORMAT)
    assert checks(data[:512])
    for bad in (data[:514], data[:1024] + b"c" + data[1025:]):
        with pytest.raises(Malformed):
            _names(bad)
    reader = TarReader(BytesSource(data[: 512 * 4] + bytes(1024) + b"#!/bin/sh" + bytes(600)), Budget(limits_for(9000)))
    assert len(list(reader.members())) == 2
    assert reader.rest == 512 * 6


def test_sparse_files() -> None:
    """Old GNU sparse maps are skipped; the data behind them is where the member's bytes are."""
    block = bytearray(_tar(["a"], tarfile.GNU_FORMAT)[:512])
    block[156:157] = b"S"
    block[482] = 1
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    data = bytes(block) + bytes(512) + b"hello" + bytes(507 + 1024)
    (found,) = TarReader(BytesSource(data), Budget(limits_for(len(data)))).members()
    assert (found.sparse, found.start) == (True, 1024)
