"""JSON of others: what two parsers could read differently is not read at all."""

from __future__ import annotations

import pytest

from hanse.errors import BadFormat, TooLarge
from hanse.model.strictjson import MAX_DEPTH, parse_strict


def _parse(data: bytes) -> object:
    return parse_strict(data, "a thing", 1000)


def test_any_form_is_read() -> None:
    """Spaces, order and doubles are free: the document need not be canonical."""
    assert _parse(b' {"b": 1.5,\n "a": [true, null, "\\u00e9"]} ') == {"b": 1.5, "a": [True, None, "é"]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"1",
        b'{"a": 1, "a": 2}',
        b'{"x": [{"a": 1, "a": 1}]}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"a": "\xff"}',
        b'{"a": 1} {"a": 1}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": ' + b"1" * 900 + b"e}",
    ],
)
def test_what_is_refused(data: bytes) -> None:
    """Duplicates, numbers without a value, half surrogates, other encodings, other values than one object."""
    with pytest.raises(BadFormat):
        _parse(data)


def test_bounds() -> None:
    """Size, nesting and the number of values are bounded before anything is built from them."""
    with pytest.raises(TooLarge):
        _parse(b'{"a": "' + b"x" * 1000 + b'"}')
    with pytest.raises(TooLarge, match="more values"):
        parse_strict(b'{"a": [1, 2, 3, 4]}', "a thing", 1000, marks=4)
    deepest = b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    assert _parse(deepest)
    with pytest.raises(BadFormat, match="nests"):
        _parse(deepest.replace(b"[]", b"[[]]"))
    with pytest.raises(BadFormat):
        parse_strict(b'{"a":' + b"[" * 200_000, "a thing", 1 << 20)
