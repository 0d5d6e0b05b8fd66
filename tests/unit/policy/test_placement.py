"""Every member places copies alike; who joins or leaves moves nothing but what he has to hold or held."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hanse.model.repo import Origin, RepoId, RepoType
from hanse.policy.placement import MAX_COPIES, Site, holds, moves, ranking, wanted

HOME = Origin("home.example")
REPOS = [RepoId(HOME, RepoType.MODEL, "org", f"m{number}") for number in range(300)]
_sites = st.dictionaries(st.integers(0, 30), st.integers(0, 2**53 - 1), min_size=1, max_size=12)


def _of(capacities: dict[int, int]) -> list[Site]:
    return [Site(Origin(f"m{number}.example"), capacity) for number, capacity in capacities.items()]


@given(_sites, st.integers(0, 299), st.randoms(use_true_random=False))
def test_everybody_comes_to_the_same_order(capacities: dict[int, int], number: int, random: object) -> None:
    """The order depends on neither who asks nor how the list is sorted, and has everybody who offers capacity once."""
    sites = _of(capacities)
    mixed = list(sites)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    order = ranking(REPOS[number], sites)
    assert order == ranking(REPOS[number], mixed)
    assert sorted(order) == sorted(one.origin for one in sites if one.capacity)
    assert HOME not in ranking(REPOS[number], [*sites, Site(HOME, 10)])


@given(_sites, st.integers(0, 30), st.integers(0, 299))
def test_who_leaves_changes_nobody_else(capacities: dict[int, int], gone: int, number: int) -> None:
    """Without one member the order of the others is what it was: only his copies move, and only to the next ones."""
    left = {one: capacity for one, capacity in capacities.items() if one != gone}
    before = ranking(REPOS[number], _of(capacities))
    assert ranking(REPOS[number], _of(left)) == tuple(one for one in before if one != f"m{gone}.example")


def test_only_what_must_move_moves() -> None:
    """A fourth member of four alike takes about a quarter of all copies, and none moves between the others."""
    four = [Site(Origin(f"m{at}.example"), 100) for at in range(4)]
    three = four[:3]
    before = {repo: ranking(repo, three)[:1] for repo in REPOS}
    after = {repo: ranking(repo, four)[:1] for repo in REPOS}
    moved = [repo for repo in REPOS if before[repo] != after[repo]]
    assert {after[repo] for repo in moved} == {("m3.example",)}
    assert moves(before, after) == len(moved)
    assert 45 < len(moved) < 105


def test_capacity_weighs() -> None:
    """Who offers three times as much comes first about three times as often."""
    first = Counter(ranking(repo, [Site(Origin("big"), 3 * 10**12), Site(Origin("small"), 10**12)])[0] for repo in REPOS)
    assert 195 < first[Origin("big")] < 255


def test_how_many() -> None:
    """The home's own copy counts while it is there, and nobody is asked for fewer than none or more than the bound."""
    assert [wanted(3, home=True), wanted(3, home=False), wanted(0, home=True)] == [2, 3, 0]
    assert wanted(10**6, home=False) == MAX_COPIES


def test_the_next_ones_take_the_places_of_the_late() -> None:
    """The first ones hold; the others only once these had their time, and no more of them than copies are missing."""
    a, b, c, d = order = (Origin("a"), Origin("b"), Origin("c"), Origin("d"))
    assert [holds(me, order, 2, (), late=False) for me in order] == [True, True, False, False]
    assert [holds(me, order, 2, {a}, late=True) for me in order] == [True, True, True, False]
    assert [holds(me, order, 2, {a, b}, late=True) for me in order] == [True, True, False, False]
    assert [holds(me, order, 2, {a, c}, late=True) for me in (c, d)] == [True, False]
    assert not holds(Origin("stranger"), order, 2, (), late=True)
