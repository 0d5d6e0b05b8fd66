"""Walking documents without recursion."""

from __future__ import annotations

import pytest

from hanse.scan.budget import Budget, OverBudget, limits_for
from hanse.scan.source import Source
from hanse.scan.tree import mappings
from hanse.scan.walk import Walk


def _nothing(_source: Source, _member: str, _walk: Walk) -> None:
    """Describe nothing."""


def _walk() -> Walk:
    return Walk(Budget(limits_for(0)), _nothing)


def test_every_mapping_comes_with_its_path_in_document_order() -> None:
    """Lists and mappings are entered, outer ones first."""
    value = {"a": {"b": [{"c": 1}, 2, [{"d": 3}]]}, "e": {}}
    assert [path for path, _ in mappings(value, _walk())] == ["", "a", "a/b/0", "a/b/2/0", "e"]


def test_depth_is_no_limit() -> None:
    """Nesting beyond the interpreter's recursion limit is walked like any other."""
    value: dict[str, object] = {}
    for _ in range(5_000):
        value = {"x": value}
    assert sum(1 for _ in mappings(value, _walk())) == 5_001


@pytest.mark.soak
def test_the_walk_is_budgeted() -> None:
    """A document that refers to itself over and over ends with the budget."""
    value: list[object] = []
    value.extend([value] * 100)
    with pytest.raises(OverBudget):
        list(mappings(value, _walk()))
