"""Facts survive their JSON form, and hold nothing that canonical JSON cannot say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.model.canonical import canonical
from hanse.scan.facts import Facts, Observation, View, facts_from_json, plain

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4) | st.tuples(inner),
    max_leaves=20,
)


@given(ANY)
def test_everything_becomes_canonical_json(value: object) -> None:
    """Whatever an engine passes can be hashed."""
    canonical({"value": plain(value)})


def test_large_numbers_are_text() -> None:
    """Numbers beyond 2^53 keep their value as text; absurd ones are only measured."""
    assert plain(1 << 60) == "0x1000000000000000"
    assert plain(1 << 100_000) == "integer of 100001 bits"
    assert plain(True) is True
    assert plain(1.5) == "1.5"


def test_unpaired_surrogates_and_long_texts() -> None:
    """Texts are cut and always encodable."""
    assert plain("\ud800") == "\\ud800"
    assert len(plain("x" * 10_000)) == 300
    assert plain(object()) == "object"


def test_facts_round_trip() -> None:
    """Facts read back from their JSON form are equal, views can be found by format and member."""
    seen = (Observation("zip.member", 4, {"name": "a"}), Observation("zip.odd"))
    facts = Facts("s", 9, (View("zip", "", 9, True, seen, "depth"),), {"depth": 1})
    again = facts_from_json(facts.to_json())
    assert again.to_json() == facts.to_json()
    view = next(again.of("zip", ""))
    assert [one.at for one in view.all("zip.member", "zip.odd")] == [4, None]
    assert view.first("zip.none") is None
    assert not list(again.of("tar"))


@pytest.mark.parametrize("value", [{}, {"scanner": "s", "size": 1, "views": [{}], "spent": {}}])
def test_what_is_no_facts_is_refused(value: dict[str, object]) -> None:
    """JSON of another shape raises."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        facts_from_json(value)


def test_views_by_format_and_member() -> None:
    """Views of a format come in their order, of one member if it is named."""
    views = tuple(View(name, member, 1, False, ()) for name, member in (("zip", ""), ("json", "a"), ("json", "b"), ("json", "a")))
    facts = Facts("s", 1, views, {})
    assert list(facts.of("json")) == [views[1], views[2], views[3]]
    assert list(facts.of("json", "a")) == [views[1], views[3]]
    assert list(facts.of("zip", "a")) == list(facts.of("text")) == []
