"""Constants and what decoders make of them."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from hanse.scan.budget import Budget, limits_for
from hanse.scan.python.values import UNKNOWN, Folder, Value, add, arithmetic, merge


@pytest.mark.parametrize(
    ("name", "values", "result"),
    [
        ("base64.b64decode", ["cHJpbnQ="], b"print"),
        ("bytes.fromhex", ["6162"], b"ab"),
        ("codecs.decode", ["nop", "rot13"], "abc"),
        ("zlib.decompress", [zlib.compress(b"aa")], b"aa"),
        ("?.join", ["", ("a", None, "b")], "ab"),
        ("?.format", ["a {} b {x:>3}"], f"a {UNKNOWN} b {UNKNOWN}"),
        ("os.path.join", ["~", None, "x"], f"~/{UNKNOWN}/x"),
        ("base64.b64decode", [3], None),
        ("zlib.decompress", [b"no"], None),
        ("unknown", ["x"], None),
    ],
)
def test_folding(name: str, values: list[Any], result: Any) -> None:
    """Known pure functions of constants are computed; everything else is unknown, never an error."""
    assert Folder(Budget(limits_for(10))).call(name, values) == result


def test_operators() -> None:
    """Sums keep unknown parts visible, and nothing grows without bound."""
    assert add("a", None) == (f"a{UNKNOWN}", True)
    assert add("a", "b") == ("ab", False)
    assert arithmetic("%", "x %s y %s", ("a", None)) == f"x a y {UNKNOWN}"
    assert arithmetic("*", "a", 1 << 60) is None
    assert arithmetic("*", 1 << 70, 2) is None


def test_labels_are_bounded() -> None:
    """However much flows together, the same few labels stay."""
    many = [Value(None, None, frozenset({f"file:{index}", "decoded"})) for index in range(100)]
    assert len(merge(many)) == 8
    assert "decoded" in merge(many)
