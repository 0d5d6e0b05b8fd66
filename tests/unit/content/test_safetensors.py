"""Safetensors headers: counts from shapes, hostile lengths and shapes refused."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.content.safetensors import MAX_HEADER, count_parameters, header_length, parse_header, parse_index
from hanse.errors import BadFormat


def _tensor(dtype: str, *shape: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [0, 8]}


def test_counts_by_type() -> None:
    """Parameters are summed over files by dtype, the biggest first; a scalar counts as one."""
    headers = [
        parse_header(json.dumps({"__metadata__": {"format": "pt"}, "a": _tensor("BF16", 2, 3), "b": _tensor("F32")}).encode()),
        parse_header(json.dumps({"c": _tensor("F32", 10)}).encode()),
    ]
    assert list(count_parameters(headers).items()) == [("F32", 11), ("BF16", 6)]


def test_counts_stop_before_they_overflow() -> None:
    """A shape that claims more than any machine holds is cut, not passed on."""
    header = {"a": _tensor("F32", *[2**62] * 64)}
    assert count_parameters([header, header]) == {"F32": 2**60}


def test_header_length() -> None:
    """The length lies inside the file and the bound."""
    assert header_length(struct.pack("<Q", 100), 200) == 100


@pytest.mark.parametrize(
    ("prefix", "size"),
    [
        (b"short", 100),
        (struct.pack("<Q", 0), 100),
        (struct.pack("<Q", 93), 100),
        (struct.pack("<Q", 2**64 - 1), 2**50),
        (struct.pack("<Q", MAX_HEADER + 1), 2**50),
    ],
)
def test_hostile_lengths(prefix: bytes, size: int) -> None:
    """A length beyond the file or the bound is refused before anything is read."""
    with pytest.raises(BadFormat):
        header_length(prefix, size)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"a": 1}',
        b"[" * 100_000,
        b'{"a": {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 1]}}',
        b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 1]}}',
        b'{"a": {"dtype": "F32", "shape": [true], "data_offsets": [0, 1]}}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}',
        b'{"a": {"dtype": 5, "shape": [1], "data_offsets": [0, 1]}}',
    ],
)
def test_hostile_headers(raw: bytes) -> None:
    """Anything but tensors with dtype, shape and offsets is refused."""
    with pytest.raises(BadFormat):
        parse_header(raw)


def test_index() -> None:
    """The shards of an index come out once each, in order, and the rest without the weight map."""
    raw = json.dumps({"metadata": {"total_size": 5}, "weight_map": {"a": "1.st", "b": "2.st", "c": "1.st"}}).encode()
    assert parse_index(raw) == ({"metadata": {"total_size": 5}}, ("1.st", "2.st"))


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"weight_map": []}', b'{"weight_map": {"a": 1}}', b"[" * 100_000])
def test_hostile_indexes(raw: bytes) -> None:
    """An index without a proper weight map is refused."""
    with pytest.raises(BadFormat):
        parse_index(raw)


@given(st.binary(max_size=100))
def test_any_bytes(raw: bytes) -> None:
    """Random bytes parse or are refused."""
    for parse in (parse_header, parse_index):
        try:
            parse(raw)
        except BadFormat:
            continue
