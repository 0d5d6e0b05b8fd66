"""Groups are unions, and counting never counts a key or a member twice."""

from __future__ import annotations

from hanse.policy.rules import ANYONE, Consequence, Group, Quorum, Threshold, flatten, is_in, most

GROUPS = {
    "north": Group(members=frozenset({"a.example", "b.example"})),
    "south": Group(members=frozenset({"c.example"}), keys=frozenset({"k1"})),
    "all": Group(groups=frozenset({"north", "south"})),
    "loop": Group(members=frozenset({"d.example"}), groups=frozenset({"loop", "all"})),
}


def test_membership() -> None:
    """A member or key is in a group if it, or a group in it, names him; empty names are nobody's."""
    assert is_in(GROUPS, "all", "a.example", "")
    assert is_in(GROUPS, "all", "", "k1")
    assert is_in(GROUPS, ANYONE, "x.example", "k9")
    assert not is_in(GROUPS, "north", "c.example", "k1")
    assert not is_in(GROUPS, "ghosts", "a.example", "k1")
    assert not is_in({"g": Group(frozenset({""}), frozenset({""}))}, "g", "", "")


def test_a_loop_ends() -> None:
    """A group that contains itself has the members that it names, and no reader hangs."""
    assert flatten(GROUPS, "loop").members == {"a.example", "b.example", "c.example", "d.example"}


def test_most() -> None:
    """What counts is pairs that are different in both member and key."""
    assert most([]) == 0
    assert most([("a", "1"), ("b", "2")]) == 2
    assert most([("a", "1"), ("a", "2")]) == 1
    assert most([("a", "1"), ("b", "1")]) == 1
    assert most([("", "1"), ("", "2"), ("a", "1")]) == 2
    assert most([("a", "1"), ("b", "1"), ("b", "2")]) == 2
    assert most([("a", "1"), ("b", "1"), ("c", "1"), ("c", "2"), ("c", "3")]) == 2
    assert most([("a", "1"), ("a", "2"), ("b", "1"), ("b", "3"), ("c", "1"), ("d", "3")]) == 3


def test_quorums() -> None:
    """A quorum asks if it has a threshold, or a tlog-policy for that log."""
    assert not Quorum(0).asks("a.example")
    assert Quorum(0, logs={"a.example": "quorum none"}).asks("a.example")
    assert Quorum(0, files={"a.example": "x"}).own("a.example")
    assert Quorum(0, also=(Threshold(1, "north"),)).parts == (Threshold(1, "north"),)
    assert [one.rank for one in Consequence] == [0, 1, 2]
