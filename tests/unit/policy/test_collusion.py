"""The second derailment number: how many must collude before a reader accepts something false, against brute force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from hanse.policy import collusion
from hanse.policy.collusion import Pool, Protection, Way, smallest, ways
from hanse.policy.rules import Advisories, Consequence

DAY = 86_400
HOME, OTHERS = "a", ("b", "c", "d", "e")
EVERYBODY = (HOME, *OTHERS)
FIVE = Protection(
    home=HOME,
    members=frozenset(EVERYBODY),
    signers=(Pool(2, frozenset(EVERYBODY)),),
    witness=(Pool(3, frozenset(OTHERS)),),
    mirror=(Pool(3, frozenset(OTHERS)),),
    keys_need=3,
    keys=5,
    advisories=Advisories(max_age=DAY, maps=0, stale=Consequence.REFUSE),
)


def pools(names: tuple[str, ...]) -> st.SearchStrategy[Pool]:
    """Return thresholds over some of these members."""
    groups = st.frozensets(st.sampled_from(names), min_size=1)
    return groups.flatmap(lambda group: st.builds(Pool, st.integers(1, len(group)), st.just(group)))


def by_kind(found: Protection) -> dict[str, Way]:
    """Return the ways by their names."""
    return {one.kind: one for one in ways(found)}


def least(succeeds: Callable[[frozenset[str]], bool]) -> int | None:
    """Return the size of the smallest set of members that succeeds, None if all of them together do not."""
    sizes = (len(some) for count in range(6) for some in combinations(EVERYBODY, count) if succeeds(frozenset(some)))
    return min(sizes, default=None)


def _splits(pool: Pool, who: frozenset[str]) -> bool:
    """Tell whether two quorums can be had at once if `who` signs twice and everybody else once."""
    honest = sorted(pool.of - who)
    twice = len(pool.of & who)
    sides = product((0, 1), repeat=len(honest))
    return any(min(twice + sum(side), twice + len(honest) - sum(side)) >= pool.need for side in sides)


@settings(max_examples=60)
@given(st.lists(pools(EVERYBODY), max_size=2), st.lists(pools(OTHERS), max_size=2), st.lists(pools(OTHERS), max_size=2))
def test_every_way_takes_as_many_as_brute_force_needs(signers: list[Pool], witness: list[Pool], mirror: list[Pool]) -> None:
    """For any thresholds, each way needs exactly the smallest set of members that succeeds, and names one that does."""
    protection = replace(FIVE, signers=tuple(signers), witness=tuple(witness), mirror=tuple(mirror))
    timed = mirror or witness

    def enough(some: list[Pool], who: frozenset[str]) -> bool:
        return all(len(pool.of & who) >= pool.need for pool in some)

    expected: dict[str, Callable[[frozenset[str]], bool]] = {
        "statement": lambda who: HOME in who and enough(signers, who),
        "two-logs": lambda who: HOME in who and all(_splits(pool, who) for pool in (*witness, *mirror)),
        "old-state": lambda who: enough(timed, who) if timed else HOME in who,
    }
    found = by_kind(protection)
    for kind, succeeds in expected.items():
        assert found[kind].number == least(succeeds), kind
        assert found[kind].number is None or succeeds(frozenset(found[kind].members)), kind


@given(st.integers(0, 6), st.integers(1, 6), st.sampled_from(Consequence))
def test_warnings_are_withheld_only_without_a_word(maps: int, need: int, stale: Consequence) -> None:
    """A reader hears nothing of members who warn where the others' maps are enough, or where none are needed."""
    others = len(EVERYBODY) - need
    unheard = others >= 0 and (stale is Consequence.ALLOW or (maps != 0 and others >= maps))
    found = by_kind(replace(FIVE, advisories=Advisories(DAY, maps, stale, need)))
    assert ("advisories" in found) == unheard
    if unheard:
        assert (found["advisories"].number, found["advisories"].members) == (0, ())
        assert found["advisories"].says.startswith("nobody: whoever carries")


def test_five_members_under_a_usual_policy() -> None:
    """Of five members the cheapest lie is that of two signers; the ways are in order, with who takes part and what helps."""
    found = ways(FIVE)
    numbers = {one.kind: one.number for one in found}
    assert numbers == {"statement": 2, "federation": 3, "old-state": 3, "two-logs": 3}
    assert found[0].members == ("a", "b")
    assert found[0].says == "a and 2 of a, b, c, d, e"
    assert all(one.better for one in found)


def test_one_key_or_one_member_is_one() -> None:
    """A federation that one key changes, and a home that signs alone, are derailed by one."""
    alone = Protection(HOME, frozenset({HOME}), keys_need=1, keys=1)
    assert {one.kind: one.number for one in ways(alone)} == {"federation": 1, "statement": 1, "two-logs": 1, "old-state": 1}


def test_a_mirrored_name_has_no_home() -> None:
    """A name of an upstream falls with as many observers as must agree, and with one if none is said."""
    assert by_kind(replace(FIVE, home=""))["statement"].number == 2
    assert by_kind(replace(FIVE, home="", signers=()))["statement"].number == 1
    assert "two-logs" not in by_kind(replace(FIVE, home=""))


def test_what_nobody_can_do_has_no_number() -> None:
    """A threshold that is larger than its group cannot be reached, by liars either, and comes last."""
    found = ways(replace(FIVE, signers=(Pool(3, frozenset("ab")),), keys_need=0))
    assert (found[-1].kind, found[-1].number) == ("statement", None)
    assert found[-1].says.startswith("not possible")


def test_nested_groups_say_themselves_what_two_quorums_share() -> None:
    """Where quorums are more than numbers, what any two of them share is taken as it is given."""
    pool = Pool(3, frozenset(OTHERS), shared=1)
    assert by_kind(replace(FIVE, witness=(pool,), mirror=()))["two-logs"].number == 2


def test_too_many_combinations_give_a_bound_that_is_not_too_high() -> None:
    """Beyond the bound on work the answer is what the largest need alone asks for."""
    groups = [frozenset(f"{group}{at}" for at in range(100)) for group in "xyz"]
    found = smallest((), [(90, group) for group in groups])
    assert collusion.MAX_STATES < 91**3
    assert found is not None
    assert len(found) == 90
