"""Fields are read as the encoding says, and never outside what holds them."""

from __future__ import annotations

import pytest
from tests.samples.wire import field, varint

from hanse.scan.budget import Budget, OverBudget
from hanse.scan.protobuf import BYTES, FIXED32, MAX_ATTACHED, VARINT, Wire, begins_message, shape
from hanse.scan.source import BytesSource
from hanse.scan.walk import Malformed

SCHEMA = {"Outer": {1: "number", 2: "text", 3: "Inner", 4: "span"}, "Inner": {1: "text", 2: "Inner"}}


def _wire(data: bytes, operations: int = 1_000_000) -> Wire:
    return Wire(BytesSource(data), Budget({"operations": operations}))


def test_numbers_and_lengths() -> None:
    """A number of several bytes and a value behind a length are found where they are."""
    data = field(1, 300) + field(2, "abc") + varint(5 << 3 | FIXED32) + bytes(4)
    fields = shape(_wire(data), 0, len(data))
    assert fields is not None
    assert [(one.number, one.wire, one.value) for one in fields] == [(1, VARINT, 300), (2, BYTES, 3), (5, FIXED32, 0)]


@pytest.mark.parametrize("data", [b"\x00", b"\x0b", b"\x0a\x05ab", b"\x08" + b"\xff" * 11, b"\x08", b"\x0d\0\0"])
def test_what_is_no_field(data: bytes) -> None:
    """Field 0, groups, values longer than the message and endless numbers are malformed."""
    with pytest.raises(Malformed):
        _wire(data).field(0, len(data))


def test_messages_come_inner_first() -> None:
    """Messages are yielded from the inside out, with texts, numbers and spans of each, the outermost last."""
    data = field(1, 7) + field(2, "a") + field(2, "b") + field(3, field(1, "x") + field(2, field(1, "y"))) + field(4, "zz")
    found = list(_wire(data).messages(SCHEMA, "Outer", len(data), attach=("Inner",)))
    assert [one.name for one in found] == ["Inner", "Inner", "Outer"]
    assert [found[0].text(1), found[1].text(1)] == ["y", "x"]
    assert (found[2].text(2), found[2].number(1), found[2].number(9), found[2].text(9)) == ("b", 7, 0, "")
    assert found[2].all(3)[0] is found[1]
    assert found[2].all(4) == [(len(data) - 2, 2)]


def test_skipped_messages() -> None:
    """What the caller does not want is not read."""
    data = field(3, b"\xff\xff")
    assert [one.name for one in _wire(data).messages(SCHEMA, "Outer", len(data), wanted=lambda _one, _number: False)] == ["Outer"]


def test_a_field_of_another_kind_is_skipped() -> None:
    """A known number with another wire type is an unknown field to every reader."""
    data = field(1, "text") + field(2, 5)
    assert next(iter(_wire(data).messages(SCHEMA, "Outer", len(data)))).values == {}


def test_depth_and_counts_are_bounded() -> None:
    """Nesting beyond the library's own bound is malformed, too many kept messages run out of budget."""
    data = b""
    for _ in range(200):
        data = field(2, data)
    with pytest.raises(Malformed):
        list(_wire(data).messages(SCHEMA, "Inner", len(data)))
    many = field(3, b"") * (MAX_ATTACHED + 1)
    with pytest.raises(OverBudget):
        list(_wire(many).messages(SCHEMA, "Outer", len(many), attach=("Inner",)))


def test_fields_spend() -> None:
    """Millions of fields run out of operations."""
    data = field(9, b"") * 5_000
    with pytest.raises(OverBudget):
        list(_wire(data, 10_000).messages(SCHEMA, "Outer", len(data)))


def test_a_broken_message_has_no_shape() -> None:
    """Bytes that are no fields have no shape."""
    assert shape(_wire(b"\x0b\x0b"), 0, 2) is None


def test_beginnings_of_messages() -> None:
    """Content begins like a message if its first fields are whole or go on behind the head; nothing else does."""
    assert begins_message(b"\x08\x07", 2)
    assert begins_message(field(1, 7) + field(2, b"x" * 9_000)[:4000], 9_010)
    assert begins_message(field(6, "") * 2048, 20_000)
    assert not begins_message(b"", 0)
    assert not begins_message(b"\x08\x07" + bytes(30), 32)
    assert not begins_message(b"\x80\x04}q\x00.", 6)
