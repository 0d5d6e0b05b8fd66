"""Canonical JSON: what is written, and what is refused when read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hanse.errors import BadFormat, TooLarge
from hanse.model.canonical import MAX_DEPTH, canonical, parse_canonical


def parse(data: bytes) -> dict[str, Any]:
    """Parse with the bound of a leaf."""
    return parse_canonical(data, "a record", 65_535)


def test_canonical_bytes_are_sorted_and_compact() -> None:
    """Fields are sorted, nothing is spaced out, and only what must be escaped is."""
    value = {"b": [1, True, None], "a": "\u00e9\u0001/", "\U0001f600": 1.5}
    data = canonical(value)
    assert data == '{"a":"\u00e9\\u0001/","b":[1,true,null],"\U0001f600":1.5}'.encode()
    assert parse(data) == value


@pytest.mark.parametrize("value", [2**53, -(2**53), float("nan"), float("inf"), "\ud800", b"bytes", {1: 2}, {"a": object()}])
def test_values_without_canonical_form_are_refused(value: object) -> None:
    """What RFC 8785 cannot express has no bytes."""
    with pytest.raises(BadFormat):
        canonical(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b"{} ",
        b'{"b":1,"a":1}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1.0}',
        b'{"a":"\\u0061"}',
        b'{"a":"\\ud800"}',
        b'{"\\ud800":1}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"a":9007199254740992}',
        b'{"a":' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b"[" * 65_000,
    ],
)
def test_bytes_that_are_not_canonical_are_refused(data: bytes) -> None:
    """Only the canonical form of an object is read; hostile numbers and nesting end in the same refusal."""
    with pytest.raises(BadFormat):
        parse(data)


def test_nesting_and_size_are_bounded() -> None:
    """The deepest allowed value is read, one level more is not, nor is one byte too many."""
    deepest: Any = {}
    for _ in range(MAX_DEPTH - 1):
        deepest = {"a": deepest}
    data = json.dumps(deepest, separators=(",", ":")).encode()
    assert parse(data) == deepest
    with pytest.raises(BadFormat):
        parse(b'{"a":' + data + b"}")
    with pytest.raises(TooLarge):
        parse_canonical(data, "a record", len(data) - 1)
