"""YAML's events made into plain values."""

from __future__ import annotations

import pytest

from hanse.scan.budget import Budget, limits_for
from hanse.scan.source import BytesSource, Source
from hanse.scan.walk import Walk
from hanse.scan.yamlevents import read


def _nothing(_source: Source, _member: str, _walk: Walk) -> None:
    """Describe nothing."""


def _read(text: str) -> tuple[list[object], bool, list[tuple[str, object]]]:
    walk = Walk(Budget(limits_for(0)), _nothing)
    with walk.view("yaml", "", BytesSource(b""), executes=True) as view:
        documents, whole = read(text, view)
    return documents, whole, [(one.kind, one.data.get("name")) for one in walk.views()[0].observations]


def test_documents_become_mappings_lists_and_texts() -> None:
    """Scalars stay texts; an alias of a scalar is that scalar, of anything else nothing."""
    text = "a: [1, &x two, {b: *x}]\n? c\n: &y {d: e}\nf: *y\n---\n- g\n"
    assert _read(text) == ([{"a": ["1", "two", {"b": "two"}], "c": {"d": "e"}, "f": ""}, ["g"]], True, [])


def test_tags_go_into_the_view() -> None:
    """Tags that unsafe loaders call are kept with what they name."""
    found = _read("a: !!python/name:x.y\nb: !new:z.W\nc: !!str d\n")[2]
    assert found == [("yaml.python", "x.y"), ("yaml.tag", "z.W")]


@pytest.mark.parametrize("text", ["- " * 5_000, "[" * 500, "a: [b\n", "- a\n" * 9_000, "a: \x00"])
def test_what_is_too_much_or_broken_is_said(text: str) -> None:
    """Depth, length and errors end the reading, and what was read so far is kept."""
    documents, whole, found = _read(text)
    assert not whole
    assert {kind for kind, _ in found} <= {"yaml.large", "yaml.malformed"}
    assert len(documents) <= 1
