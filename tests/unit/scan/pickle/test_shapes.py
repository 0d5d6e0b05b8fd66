"""Shapes of arguments."""

from __future__ import annotations

from typing import Any

import pytest

from hanse.scan.pickle import shapes

STORAGE = {"p": 1}
NONE: dict[str, Any] = {}


def _fits(tokens: str, *args: Any) -> bool:
    return shapes.fits(tokens.split(" / "), list(args), lambda name: name.partition(" ")[2][:1].isupper())


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "none"),
        (True, "bool"),
        (3, "int"),
        ({"f": "1.5"}, "float"),
        ({"s": "a"}, "str"),
        ({"b": 3, "head": "00"}, "bytes"),
        ([1], "tuple"),
        ({"g": "os system"}, "import"),
        ({"c": "builtins set"}, "obj"),
        ({"k": "frozenset"}, "set"),
        ({"t": "bytearray"}, "bytes"),
        (STORAGE, "storage"),
        ({"u": 1}, "unknown"),
        (1.5, "unknown"),
    ],
)
def test_kinds(value: Any, kind: str) -> None:
    """Every form that a value has in facts is of one kind."""
    assert shapes.kind(value) == kind


def test_number_of_arguments() -> None:
    """Arguments may be missing where the shape says so, and never be more than it has."""
    assert _fits("int / int?", 1)
    assert _fits("int / int?", 1, 2)
    assert not _fits("int / int?", 1, 2, 3)
    assert not _fits("int / int")
    assert _fits("int / any*", 1, 2, 3)
    assert not _fits("int*", 1, {"s": "a"})
    assert not _fits("int", 1, {"more": 4})


@pytest.mark.parametrize(
    ("token", "good", "bad"),
    [
        ("ints", [1, 2], [1, True]),
        ("ints", {"c": "torch Size"}, {"c": "os system"}),
        ("word", {"s": "cuda:0"}, {"s": "/etc/passwd"}),
        ("name", {"s": "a.b"}, {"s": "a.__b__"}),
        ("path", {"s": "Europe/Paris"}, {"s": "../x"}),
        ("map", {"k": "dict"}, {"c": "torch Size"}),
        ("map", {"c": "collections OrderedDict"}, {"k": "list"}),
        ("class", {"g": "a B"}, {"g": "a b"}),
        ("g:typing ", {"g": "typing Union"}, {"g": "os system"}),
        ("=latin1,utf8", {"s": "latin1"}, {"s": "rot13"}),
        ("=latin1,utf8", {"s": "utf8"}, {"t": "str"}),
        ("~latin1,utf8", {"t": "str"}, {"t": "int"}),
        ("str|none", None, 1),
        ("data", {"c": "x y"}, {"g": "x y"}),
        ("storage", STORAGE, [1]),
        ("num", {"f": "1.0"}, {"s": "1"}),
    ],
)
def test_tokens(token: str, good: Any, bad: Any) -> None:
    """Each token takes what it names and nothing else."""
    assert _fits(token, good)
    assert not _fits(token, bad)


def test_what_was_not_kept_fits_only_anything() -> None:
    """Arguments that were not kept do not pass for a shape."""
    assert shapes.fits(["any*"], {"t": "tuple"}, bool)
    assert not shapes.fits(["int"], {"t": "tuple"}, bool)
    assert shapes.partly_known({"t": "tuple"})
    assert shapes.partly_known([1, {"t": "str"}])
    assert not shapes.partly_known([1, {"s": "a"}])


def test_imports_are_found_everywhere() -> None:
    """Imports inside tuples and as values of dicts are found, renamed or not."""
    value = [[{"g": "a b"}], {"k": "dict", "keys": ["f"], "links": {"f": {"g": "c d"}}}]
    assert list(shapes.imports_in(value)) == ["a b", "c d"]
    assert list(shapes.imports_in(shapes.renamed(value, str.upper))) == ["A B", "C D"]


def test_places_and_simple_values() -> None:
    """Paths, addresses and commands are told from words; structures are not simple."""
    assert shapes.like_a_place([{"s": "http://x"}])
    assert not shapes.like_a_place([{"s": "bilinear"}])
    assert shapes.simple([1, {"s": "RED"}, [None]])
    assert not shapes.simple([{"s": "rm -rf"}])
    assert not shapes.simple([{"k": "list"}])
    assert not shapes.simple([{"t": "str"}])


def test_arguments_are_described_shortly() -> None:
    """People read what the arguments are, cut where they are long."""
    assert shapes.described([1, {"s": "x" * 99}, {"g": "os system"}, {"b": 4}, [2], {"k": "dict"}, {"f": "1.0"}]) == (
        f"1, '{'x' * 60}', os.system, 4 bytes, (2), a dict, ..."
    )
    assert shapes.described({"t": "tuple"}) == "a tuple"
