"""NumPy arrays: headers that are read, not evaluated."""

from __future__ import annotations

import pytest
from tests.samples.pickle import SYSTEM, npy, stream

from hanse.scan.dispatch import extract
from hanse.scan.facts import View
from hanse.scan.numpy import count, itemsize, literal
from hanse.scan.source import BytesSource
from hanse.scan.walk import Malformed


def views(data: bytes) -> dict[str, View]:
    """Return the views of `data` by format."""
    return {view.format: view for view in extract(BytesSource(data)).views}


def reasons(data: bytes) -> list[str]:
    """Return what is malformed in `data`."""
    return [str(one.data["reason"]) for one in views(data)["npy"].all("npy.malformed")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
            {"descr": "<f4", "fortran_order": False, "shape": (2, 3)},
        ),
        ("{'a': [('x', '<f4'), ('y', '|O', (2,))]}", {"a": [("x", "<f4"), ("y", "|O", (2,))]}),
        ("(1L,)", (1,)),
        ("()", ()),
        ("(1)", 1),
        ("[None, -1]", [None, -1]),
        ('{"a": {}}', {"a": {}}),
    ],
)
def test_literals(text: str, value: object) -> None:
    """What numpy writes is read as it means."""
    assert literal(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 2",
        "(",
        ")",
        "(]",
        "{'a'}",
        "{'a': 1, 'a': 2}",
        "__import__('os')",
        "{1: 2}",
        "(1,,2)",
        "," * 9,
        "(" * 50,
        "{'a': 1 'b': 2}",
        "'a' + 'b'",
    ],
)
def test_everything_else_is_malformed(text: str) -> None:
    """Expressions, repeated keys and bad brackets are no header."""
    with pytest.raises(Malformed):
        literal(text)


def test_item_sizes() -> None:
    """Structured types add up, objects anywhere make the array a pickle, the unknown is not guessed."""
    assert itemsize([("a", "<f4"), ("b", "<i8", (2, 3)), ("c", [("d", "|u1")])]) == 4 + 48 + 1
    assert itemsize([("a", [("b", "|O")])]) == 0
    assert itemsize("huh") == itemsize([("a",)]) == itemsize(None) == -1


def test_shapes() -> None:
    """Sizes multiply; what is negative, no number or endless is malformed."""
    assert count((2, 3)) == 6
    for shape in ((-1,), ("a",), (1 << 40, 1 << 40)):
        with pytest.raises(Malformed):
            count(shape)


def test_files() -> None:
    """A good file has a header, a short one is malformed, objects are followed as a pickle."""
    good = views(npy("'<f4'", "(2,)", bytes(8)))["npy"]
    assert dict(next(good.all("npy.header")).data)["expected"] == 8
    assert reasons(npy("'<f4'", "(3,)", bytes(8))) == ["array is longer than the file"]
    assert next(views(npy("'|O'", "(1,)", stream(SYSTEM)))["pickle"].all("pickle.call")).data["callable"] == "posix system"
    assert reasons(b"\x93NUMPY\x09\x00\x04\x00abcd") == ["header is cut, too long or of an unknown version"]
    assert reasons(b"\x93NUMPY\x01\x00\x02\x00{}") == ["header lacks a dict with descr, fortran_order and shape"]
