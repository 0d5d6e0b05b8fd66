"""Xorbs made here are read by the oracle and by the reader, and never exceed what a reader accepts."""

from __future__ import annotations

import random

import pytest
from tests.vectors import xet_primitives as oracle

from hanse.content.compression import Scheme
from hanse.content.hashing import chunk_hash
from hanse.content.xorb import MAX_XORB_BYTES, parse_xorb
from hanse.content.xorbwriter import FULL_XORB_BYTES, XorbWriter, serialise
from hanse.errors import TooLarge

_CHANCE = random.Random(4)
_RAWS = [_CHANCE.randbytes(900), b"word " * 500, bytes(131_072), b"x"]


@pytest.mark.parametrize("scheme", [*Scheme, None])
def test_what_is_written_is_read(scheme: Scheme | None) -> None:
    """Bytes and table of the writer are those the reader and the reference find."""
    data, table = serialise(_RAWS, scheme)
    again, chunks = parse_xorb(data, table.xorb)
    assert [chunk.raw for chunk in chunks] == [raw for _, _, raw, _ in oracle.parse_xorb(data)[0]] == _RAWS
    assert again.encode() == table.encode()


def test_the_name_does_not_depend_on_compression() -> None:
    """A xorb keeps its name when it is compressed otherwise; its stored form has another digest."""
    plain, packed = serialise(_RAWS)[1], serialise(_RAWS, None)[1]
    assert plain.xorb == packed.xorb
    assert plain.digest != packed.digest
    assert packed.stored_size < plain.stored_size


def test_a_known_hash_is_not_computed_again() -> None:
    """A caller that has the chunk's hash passes it in; the result is the same."""
    writer = XorbWriter()
    assert [writer.add(raw, chunk_hash(raw)) for raw in _RAWS] == [0, 1, 2, 3]
    assert writer.finish()[1].encode() == serialise(_RAWS)[1].encode()


def test_incompressible_chunks_stay_as_they_are() -> None:
    """A scheme that would make a chunk longer is not used for it."""
    _, table = serialise([_RAWS[0], _RAWS[1]], Scheme.LZ4)
    assert list(table.schemes) == [Scheme.NONE, Scheme.LZ4]


def test_full_xorbs_take_no_more() -> None:
    """8,192 chunks or 64 MiB of raw bytes fill a xorb, and a full one is one that readers accept."""
    writer = XorbWriter()
    for _ in range(8192):
        writer.add(b"x", bytes(32))
    assert not writer.fits(1)
    with pytest.raises(TooLarge):
        writer.add(b"x")
    assert FULL_XORB_BYTES + 8 * 8192 <= MAX_XORB_BYTES
    writer = XorbWriter()
    writer.raw_size = FULL_XORB_BYTES - 5
    assert (writer.fits(5), writer.fits(6)) == (True, False)


@pytest.mark.parametrize("raw", [b"", bytes(131_073)])
def test_chunks_keep_their_bounds(raw: bytes) -> None:
    """A chunk has 1 to 131,072 bytes."""
    with pytest.raises(TooLarge):
        XorbWriter().add(raw)


def test_a_xorb_has_at_least_one_chunk() -> None:
    """Finishing an empty writer is a programming error."""
    with pytest.raises(ValueError, match="at least one chunk"):
        XorbWriter().finish()
