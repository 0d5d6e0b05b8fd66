"""The first derailment number: how many members must disappear before bytes are lost."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.policy.loss import loss

MEMBERS = "abcd"
CHUNKS = [bytes([number]) for number in range(6)]
FILES = st.dictionaries(st.sampled_from(["f", "g", "h"]), st.lists(st.sampled_from(CHUNKS), max_size=4), min_size=1)


def _lost(gone: frozenset[str], wanted: set[str], chunks: dict[str, list[bytes]], held: dict[str, set[str]]) -> bool:
    """Tell whether something of the wanted files is nowhere once these members are gone."""
    left = {one for member, files in held.items() if member not in gone for file in files for one in chunks[file]}
    return any(one not in left for file in wanted for one in chunks[file])


@given(FILES, st.data())
def test_the_number_is_the_smallest_set_without_which_something_is_missing(
    chunks: dict[str, list[bytes]], data: st.DataObject
) -> None:
    """No smaller set of members than the number takes a chunk away, and the members named do."""
    names = sorted(chunks)
    held = {member: set(data.draw(st.lists(st.sampled_from(names)))) for member in MEMBERS}
    wanted = set(data.draw(st.lists(st.sampled_from(names), min_size=1)))
    if not any(chunks[file] for file in wanted):
        return
    found = loss(wanted, chunks, held)
    losing = [
        some
        for count in range(len(MEMBERS) + 1)
        for some in combinations(MEMBERS, count)
        if _lost(frozenset(some), wanted, chunks, held)
    ]
    assert found.number == min(map(len, losing))
    assert len(found.members) == found.number
    assert found.members == min(some for some in losing if len(some) == found.number)


def test_chunks_count_wherever_they_are() -> None:
    """A file whose chunks another member holds under another name is lost only with both; the weakest file is named."""
    chunks = {"base": [b"1", b"2"], "tuned": [b"1", b"3"], "copy": [b"1", b"2"]}
    found = loss({"base"}, chunks, {"a": {"base"}, "b": {"copy"}, "c": {"tuned"}})
    assert (found.number, found.members, found.chunks, found.of) == (2, ("a", "b"), 1, 2)
    weak = loss({"base", "tuned"}, chunks, {"a": {"base", "tuned"}, "b": {"copy"}})
    assert (weak.number, weak.members, weak.files) == (1, ("a",), ("tuned",))


def test_what_nobody_holds_is_lost_already() -> None:
    """The number of what is nowhere is 0; of files without bytes, that of those who have them."""
    assert loss({"f"}, {"f": [b"1"]}, {"a": set(), "b": set()}).number == 0
    empty = loss({"e"}, {"e": []}, {"a": {"e"}, "b": {"e"}, "c": set()})
    assert (empty.number, empty.members, empty.files) == (2, ("a", "b"), ("e",))
    with pytest.raises(KeyError):
        loss({"f"}, {}, {"a": {"f"}})
