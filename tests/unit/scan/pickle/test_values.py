"""Constants: decoded from their position, as the standard library decodes them."""

from __future__ import annotations

import pytest

from hanse.scan.pickle.values import LIKE, Constants, Thing
from hanse.scan.source import BytesSource


def shape(data: bytes) -> object:
    """Return the shape of the constant at the start of `data`."""
    constants = Constants(BytesSource(data))
    constants.load(0)
    return constants.shape(0)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"N", None),
        (b"\x88", True),
        (b"I01\n", True),
        (b"I1\n", 1),
        (b"I-12\n", -12),
        (b"Inonsense\n", {"s": "huge integer"}),
        (b"K\xff", 255),
        (b"M\x01\x02", 513),
        (b"J\xff\xff\xff\xff", -1),
        (b"L12L\n", 12),
        (b"\x8a\x01\xff", -1),
        (b"\x8b\x02\x00\x00\x00\x00\x01", 256),
        (b"G\x3f\xf0\x00\x00\x00\x00\x00\x00", {"f": "1.0"}),
        (b"F1.5\n", {"f": "1.5"}),
        (b"X\x02\x00\x00\x00\xc3\xa9", {"s": "é"}),
        (b"\x8c\x01a", {"s": "a"}),
        (b"S'a\\x41\\n\\101\\''\n", {"s": "aA\nA'"}),
        (b"Va\\u00e9\\U0001f600\n", {"s": "aé😀"}),
        (b"V\\Uffffffff\n", {"s": "?"}),
        (b"U\x01a", {"s": "a"}),
        (b"C\x02\x80\x04", {"b": 2, "head": "8004"}),
        (b"}", {"t": "dict"}),
        (b"\xff", {"t": "unknown"}),
    ],
)
def test_shapes(data: bytes, expected: object) -> None:
    """Each kind of constant has its JSON form."""
    assert shape(data) == expected


def test_numbers_are_only_numbers() -> None:
    """A text is no number, and a number of thousands of bits is not computed."""
    for data in (b"\x8c\x011", b"\x8b\x00\x10\x00\x00" + bytes(4096), b"L" + b"9" * 5000 + b"L\n"):
        assert Constants(BytesSource(data)).number(0) is None


def test_long_names_are_cut() -> None:
    """A name of a megabyte is decoded as far as MAX_NAME."""
    assert len(Constants(BytesSource(b"X\x40\x42\x0f\x00" + b"a" * 1_000_000)).text(0) or "") == 1000


def test_what_texts_are_like() -> None:
    """A text is told by the patterns it matches, other constants by their opcode."""
    found = Constants(BytesSource(b"\x8c\x05a.b_c")).likeness(0) - 256
    assert found == (1 << len(LIKE)) - 1
    assert Constants(BytesSource(b"\x8c\x04rm $")).likeness(0) == 256
    assert Constants(BytesSource(b"N")).likeness(0) == ord("N")


def test_things_have_shapes() -> None:
    """Imports, results, persistent objects, extensions and the unknown are told apart."""
    assert Thing("import", "a b").shape() == {"g": "a b"}
    assert Thing("call", "a b", "c d").shape() == {"c": "a b", "of": "c d"}
    assert Thing("instance", "a b").shape() == {"c": "a b"}
    assert Thing("persistent").shape() == {"p": 1}
    assert Thing("extension", detail="7").shape() == {"x": "7"}
    assert Thing("unknown").shape() == {"u": 1}


def test_windows_move() -> None:
    """What lies far behind the window is read again from the source."""
    data = b"\x8c\x03abc" + bytes(3_000_000) + b"K\x07"
    constants = Constants(BytesSource(data))
    constants.load(3_000_005)
    assert constants.base > 2_000_000
    assert constants.text(0) == "abc"
    assert constants.number(3_000_005) == 7
