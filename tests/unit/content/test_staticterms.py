"""Terms of a static file: every range is read from exactly the bytes that have it, and impossible numbers are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.content import staticterms
from hanse.content.staticterms import StaticTerm, encode_static, parse_static, reads
from hanse.content.xorb import HEADER_BYTES, MAX_XORB_BYTES
from hanse.content.xorbwriter import serialise
from hanse.errors import BadDigest, BadFormat, BadRange, TooLarge

_RAWS = [bytes([at]) * (at + 1) for at in range(12)]
_STORED, _TABLE = serialise(_RAWS)


def _term(first: int, end: int) -> StaticTerm:
    lengths = [len(raw) for raw in _RAWS[first:end]]
    return StaticTerm(_TABLE.xorb, first, int(_TABLE.stored[first]), lengths, [one + HEADER_BYTES for one in lengths])


_TERMS = (_term(3, 7), _term(0, 2), _term(3, 12))
_FILE = b"".join(b"".join(_RAWS[one.first : one.first + len(one.raw)]) for one in _TERMS)


@given(st.integers(0, len(_FILE)), st.integers(0, len(_FILE)))
def test_every_range(one: int, other: int) -> None:
    """The stored chunks that a read names, unpacked and cut as it says, are the bytes of the range."""
    start, end = sorted((one, other))
    found = b""
    for read in reads(_TERMS, start, end):
        at, raw = read.at, b""
        for stored, length in zip(read.stored, read.raw, strict=True):
            chunk = _STORED[at : at + stored]
            assert len(chunk) == HEADER_BYTES + length
            raw, at = raw + chunk[HEADER_BYTES:], at + stored
        found += raw[read.skip : read.skip + read.take]
        assert len(raw) - read.skip >= read.take
    assert found == _FILE[start:end]


def test_written_and_read() -> None:
    """What is written comes back; the same terms give the same bytes."""
    data = encode_static(len(_FILE), _TERMS)
    assert data == encode_static(len(_FILE), iter(_TERMS))
    assert [(one.first, list(one.raw)) for one in parse_static(data, len(_FILE))] == [(one.first, one.raw) for one in _TERMS]
    assert staticterms.MAX_XORB_STORED >= MAX_XORB_BYTES


def test_a_range_outside() -> None:
    """Bytes that the file does not have are refused."""
    for start, end in ((-1, 1), (0, len(_FILE) + 1), (5, 4)):
        with pytest.raises(BadRange):
            list(reads(_TERMS, start, end))


@pytest.mark.parametrize(
    "change",
    [
        {"raw": []},
        {"raw": [1], "stored": [9, 9]},
        {"raw": [0], "stored": [8]},
        {"raw": [True], "stored": [9]},
        {"raw": [131_073], "stored": [131_081]},
        {"at": -1},
        {"at": staticterms.MAX_XORB_STORED},
        {"first": -1},
        {"first": "0"},
        {"xorb": "../../etc/passwd"},
        {"stored": "12"},
    ],
)
def test_impossible_terms(change: dict[str, Any]) -> None:
    """Lengths, places and names that no term can have are refused, whatever the sum says."""
    told = json.loads(encode_static(len(_FILE), _TERMS))
    told["terms"][0] |= change
    with pytest.raises((BadFormat, BadDigest)):
        parse_static(json.dumps(told).encode(), len(_FILE))


def test_another_size_or_form() -> None:
    """Terms of a file of another size, of another format, or longer than terms can be are refused."""
    data = encode_static(len(_FILE), _TERMS)
    with pytest.raises(BadFormat, match="the file has 5"):
        parse_static(data, 5)
    for bad in (data.replace(b"hanse-static/1", b"hanse-static/2"), b"[]", b'{"format":"hanse-static/1","terms":[1]}'):
        with pytest.raises(BadFormat):
            parse_static(bad, len(_FILE))
    with pytest.raises(TooLarge):
        parse_static(b" " * (staticterms.static_limit(100) + 1), 100)
