"""The persistent dictionary against an ordinary one, and copies that nothing changes."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from hanse.tlog.trie import Trie

CHANGES = st.lists(st.tuples(st.integers(0, 300), st.one_of(st.none(), st.integers())), max_size=400)


@dataclass(frozen=True)
class Colliding:
    """A key of which all have one hash."""

    number: int

    def __hash__(self) -> int:
        return 7


@settings(max_examples=60, deadline=None)
@given(CHANGES, st.booleans())
def test_it_holds_what_a_dictionary_holds(changes: list[tuple[int, int | None]], collide: bool) -> None:
    """After any puts and removals (None) both have the same entries, also if all hashes are the same."""
    trie, plain = Trie[object, int](), dict[object, int]()
    for number, value in changes:
        key = Colliding(number) if collide else f"key {number}"
        if value is None:
            trie = trie.remove(key)
            plain.pop(key, None)
        else:
            trie = trie.put(key, value)
            plain[key] = value
        assert trie.get(key) == plain.get(key)
    assert dict(trie.items()) == plain
    assert set(trie) == plain.keys()
    assert len(trie) == len(plain)


def test_copies_stay_as_they_were() -> None:
    """A put or a removal never shows in the trie that it was made from."""
    many = Trie[int, int]()
    for number in range(1000):
        many = many.put(number, number)
    before = dict(many.items())
    many.put(5, -1)
    many.remove(6)
    many.put(5000, 1)
    assert dict(many.items()) == before


def test_removing_what_is_not_there_is_no_change() -> None:
    """The same trie is returned."""
    trie = Trie[str, int]().put("a", 1)
    assert trie.remove("b") is trie
    assert trie.get("b") is None


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.integers(0, 2000), st.integers(), max_size=400), st.booleans())
def test_made_at_once_it_is_the_same(entries: dict[int, int], collide: bool) -> None:
    """A trie made from a dictionary has its entries, and changes as one that was made by puts."""
    plain = {Colliding(number) if collide else number: value for number, value in entries.items()}
    trie = Trie.of(plain)
    assert dict(trie.items()) == plain
    assert len(trie) == len(plain)
    for key, value in plain.items():
        assert trie.get(key) == value
        trie = trie.put(key, -1).remove(key)
    assert len(trie) == 0
    assert not list(trie)
