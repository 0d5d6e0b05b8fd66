"""Payload schemes: byte grouping as in the oracle, and decompression that never produces more than was declared."""

from __future__ import annotations

import random
import tracemalloc

import lz4.frame
import pytest
from tests.vectors import xet_primitives as oracle

from hanse.content.compression import Scheme, bg4_join, bg4_split, compress, compress_best, decompress
from hanse.errors import BadFormat

_RANDOM = random.Random(1).randbytes(5000)


def test_byte_grouping_equals_the_oracle() -> None:
    """Grouping and its inverse are those of the reference, for every remainder modulo four."""
    for size in range(70):
        data = _RANDOM[:size]
        assert bg4_split(data) == oracle.bg4_split(data)
        assert bg4_join(bg4_split(data)) == data


@pytest.mark.parametrize("scheme", list(Scheme))
def test_every_scheme_gives_the_bytes_back(scheme: Scheme) -> None:
    """What was compressed decompresses to itself, also from a view."""
    for data in (b"x", b"ab" * 4000, _RANDOM):
        payload = compress(data, scheme)
        assert decompress(memoryview(payload), scheme, len(data)) == data


def test_best_scheme_is_the_smallest() -> None:
    """Random bytes stay as they are, text becomes LZ4, slowly changing floats grouped LZ4."""
    floats = b"".join(bytes([_RANDOM[at], at % 7, 0x3F, 0x80]) for at in range(4000))
    for data, expected in ((_RANDOM, Scheme.NONE), (b"Hanse " * 900, Scheme.LZ4), (floats, Scheme.BG4_LZ4)):
        scheme, payload = compress_best(data)
        assert scheme is expected
        assert decompress(payload, scheme, len(data)) == data


def test_a_bomb_costs_no_more_than_it_declares() -> None:
    """A frame that would unpack to 256 MiB is refused after the declared length, without the memory for more."""
    bomb = lz4.frame.compress(bytes(256 * 1024 * 1024), store_size=True)
    tracemalloc.start()
    with pytest.raises(BadFormat):
        decompress(bomb, Scheme.LZ4, 131072)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


_FRAME = lz4.frame.compress(b"ab" * 500)


@pytest.mark.parametrize(
    ("payload", "length"),
    [
        (_FRAME, 999),
        (_FRAME, 1001),
        (_FRAME[:-1], 1000),
        (_FRAME[:9], 1000),
        (_FRAME + b"x", 1000),
        (_FRAME + _FRAME, 2000),
        (b"not a frame at all", 1000),
        (b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd", 4),
        (_FRAME[:20] + b"\xff" * 8 + _FRAME[28:], 1000),
    ],
)
def test_anything_but_one_whole_frame_is_refused(payload: bytes, length: int) -> None:
    """Another length, a cut, trailing data, a second frame, a skippable frame and noise are all refused."""
    for scheme in (Scheme.LZ4, Scheme.BG4_LZ4):
        with pytest.raises(BadFormat):
            decompress(payload, scheme, length)


def test_uncompressed_payload_has_its_declared_length() -> None:
    """Without compression the payload is the chunk."""
    with pytest.raises(BadFormat):
        decompress(b"abc", Scheme.NONE, 4)
