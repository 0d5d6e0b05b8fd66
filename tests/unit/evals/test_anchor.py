"""The anchor sample: the same twenty items for everybody, in a class that is recognised by what was observed."""

from __future__ import annotations

from dataclasses import replace

from tests.support.openaiserver import sums

from hanse.evals.anchor import ITEMS, REFERENCE, alike, is_reference, output_digest, sample


def test_everybody_takes_the_same() -> None:
    """A suite decides its sample; a small suite is its own."""
    assert sample(sums(100)) == sample(sums(100))
    assert len({one.id for one in sample(sums(100))}) == ITEMS
    assert sample(sums(100)) != sample(replace(sums(100), version="2"))
    assert sample(sums(7)) == sums(7).items


def test_the_reference_class() -> None:
    """One other thread or kind of keys is another class."""
    assert is_reference(dict(REFERENCE) | {"arch": "x86_64"})
    assert not is_reference(dict(REFERENCE) | {"threads": "2"})
    assert not is_reference({})


def test_compared() -> None:
    """Two anchors are compared by the answers that both have."""
    first = {"a": output_digest("1"), "b": output_digest("2")}
    assert alike(first, {"a": output_digest("1"), "b": output_digest("3"), "c": output_digest("4")}) == 0.5
    assert alike(first, {}) is None
