"""Whose word refuses, whose warns, and how many maps must be known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.facts import good

from hanse.errors import PolicyError
from hanse.model.decision import Advised, EvidenceFacts, Known, NameKind, Result
from hanse.policy.advisories import judge_advisories
from hanse.policy.decide import decide
from hanse.policy.explain import to_toml
from hanse.policy.parse import parse_policy
from hanse.policy.presets import CAREFUL, OPEN, PRESETS, STRICT
from hanse.policy.rules import Group, Obeyed, Policy
from hanse.policy.view import View

LAB = """
policy = 1
base = "careful"
[advisories]
need = 3
of = "all"
maps = "quorum"
obey = [{ of = "lab", kinds = ["license"] }]
[groups.lab]
members = ["l.example"]
[groups.all]
members = ["b.example", "c.example", "d.example", "l.example"]
"""


def said(member: str, kind: str = "malicious", **more: object) -> Advised:
    """Return a member's advisory."""
    return replace(Advised(member, f"{member}-1", kind, "it is bad"), **more)  # type: ignore[arg-type]


def results(policy: Policy, *advised: Advised, facts: EvidenceFacts | None = None) -> list[Result]:
    """Return how the rule `advised` ends."""
    found = replace(facts or good("b.example", "c.example"), advised=advised)
    return [one.result for one in judge_advisories(View(policy, found)) if one.rule == "advised"]


@pytest.mark.parametrize("name", PRESETS)
def test_one_warns_two_refuse_the_publisher_at_once(name: str) -> None:
    """In every preset: one word warns, two members' refuse, the publisher's own refuses alone; one member's two are one."""
    policy = PRESETS[name]
    assert results(policy) == []
    assert results(policy, said("b.example")) == [Result.WARNED]
    assert results(policy, said("b.example"), said("b.example", id="other")) == [Result.WARNED]
    assert results(policy, said("b.example"), said("c.example", "license")) == [Result.FAILED]
    assert results(policy, said("a.example", own=True)) == [Result.FAILED]
    assert results(policy, said("a.example", own=True, blocks=False), said("b.example", blocks=False)) == [Result.WARNED]


def test_whom_a_policy_obeys() -> None:
    """One whom the policy obeys refuses alone, for his kinds; strangers to the group only ever warn."""
    policy = parse_policy(LAB)
    assert results(policy, said("l.example", "license")) == [Result.FAILED]
    assert results(policy, said("l.example")) == [Result.WARNED]
    assert results(policy, *(said(f"{one}.example") for one in "bcx")) == [Result.WARNED]
    assert results(policy, *(said(f"{one}.example") for one in "bcd"), said("x.example")) == [Result.FAILED, Result.WARNED]
    assert parse_policy(to_toml(policy)).advisories == policy.advisories


def test_a_key_that_does_not_count() -> None:
    """Under a policy that refuses new keys, what a log met for the first time says is not heard."""
    assert results(STRICT, said("b.example", known=Known.NEW), said("c.example", known=Known.NEW)) == []
    assert results(OPEN, said("b.example", known=Known.NEW)) == [Result.WARNED]


def test_how_many_maps() -> None:
    """`quorum` asks for the maps of all members but need - 1; strict refuses without them, careful warns."""
    facts = good("b.example", "c.example")
    maps = sum(log.advisories for log in facts.logs)
    for members, wanted in ((0, Result.PASSED), (maps + 1, Result.PASSED), (maps + 2, Result.FAILED)):
        found = judge_advisories(View(STRICT, replace(facts, members=members)))
        assert [one.result for one in found] == [wanted]
    none = replace(facts, logs=tuple(replace(log, advisories=False) for log in facts.logs))
    assert [judge_advisories(View(one, none))[0].result for one in (CAREFUL, STRICT)] == [Result.WARNED, Result.FAILED]


def five(*silent: str, policy: Policy = STRICT, **changes: object) -> list[Result]:
    """Return how the rule `advisories` ends where five members are known, and the maps of some of them are not shown."""
    facts = good("b.example", "c.example", "d.example", "e.example")
    logs = tuple(replace(log, advisories=log.origin not in silent) for log in facts.logs)
    found = judge_advisories(View(policy, replace(facts, logs=logs, members=5, **changes)))  # type: ignore[arg-type]
    return [one.result for one in found if one.rule == "advisories"]


def test_whose_map_must_be_there() -> None:
    """One map may be missing, but not the publisher's, nor that of somebody whom the policy obeys: their word alone refuses."""
    assert five("e.example") == [Result.PASSED]
    assert five("a.example") == [Result.FAILED]
    assert [five("a.example", policy=one) for one in (OPEN, CAREFUL)] == [[Result.WARNED]] * 2
    assert five("a.example", kind=NameKind.MIRRORED) == [Result.PASSED]
    obeying = replace(STRICT, groups={"lab": Group(frozenset({"e.example"}))})
    obeying = replace(obeying, advisories=replace(STRICT.advisories, obey=(Obeyed("lab"),)))
    assert five("d.example", policy=obeying) == [Result.PASSED]
    assert five("e.example", policy=obeying) == [Result.FAILED]


def test_a_map_that_is_missing_counts_beside_a_warning() -> None:
    """Who warns leaves room for one map less that is missing; kinds that never refuse, and strangers to the group, do not."""
    assert five("e.example", advised=(said("b.example"),)) == [Result.FAILED]
    assert five("e.example", advised=(said("b.example", blocks=False),)) == [Result.PASSED]
    assert five(advised=(said("b.example"),)) == [Result.PASSED]
    assert five("b.example", advised=(said("b.example"),)) == [Result.PASSED], "nobody counts twice"
    some = replace(STRICT, groups={"some": Group(frozenset({"c.example"}))}, advisories=replace(STRICT.advisories, of="some"))
    assert five("e.example", policy=some, advised=(said("b.example"),)) == [Result.PASSED]


def test_maps_of_strangers_do_not_count() -> None:
    """Where the members are known, logs that anybody could have made up do not stand in for theirs, nor old ones for new ones."""
    facts = replace(good("b.example", "c.example", "d.example", "e.example"), members=5)
    for changes in ({"known": Known.NEW}, {"advisories": False}, {"mirrors": (), "witnesses": (), "time": 0}):
        logs = tuple(replace(log, **changes) if log.origin in "d.example e.example" else log for log in facts.logs)
        (found,) = judge_advisories(View(CAREFUL, replace(facts, logs=logs)))
        assert (found.result, found.says[:6]) == (Result.WARNED, "3 of 4")


@pytest.mark.parametrize("name", PRESETS)
def test_a_publisher_who_is_no_member(name: str) -> None:
    """The map of a publisher from outside counts as his, though not as one of the members': it is asked for and then found."""
    facts = replace(good("b.example", "c.example", "d.example", "e.example"), members=4)
    known = replace(facts, logs=tuple(replace(log, known=Known.PINNED) if log.home else log for log in facts.logs))
    (found,) = judge_advisories(View(PRESETS[name], known))
    assert (found.result, found.says[:6]) == (Result.PASSED, "4 maps")
    hidden = replace(known, logs=tuple(replace(log, advisories=False) if log.home else log for log in known.logs))
    (found,) = judge_advisories(View(PRESETS[name], hidden))
    assert "not that of the publisher" in found.says


@given(st.sets(st.sampled_from("bcde")), st.sets(st.sampled_from("abcde")), st.integers(1, 4))
def test_no_choice_of_maps_hides_that_enough_warn(warners: set[str], shown: set[str], need: int) -> None:
    """Whichever maps are left out, what `need` members warn of is refused; nothing is if fewer warn or are silent."""
    policy = replace(STRICT, advisories=replace(STRICT.advisories, need=need))
    facts = good("b.example", "c.example", "d.example", "e.example")
    logs = tuple(replace(log, advisories=log.origin[0] in shown) for log in facts.logs)
    advised = tuple(said(f"{one}.example") for one in sorted(warners & shown))
    found = judge_advisories(View(policy, replace(facts, logs=logs, members=5, advised=advised)))
    refused = any(one.result is Result.FAILED for one in found)
    if len(warners) >= need or "a" not in shown:
        assert refused
    if "a" in shown and len((warners & shown) | (set("bcde") - shown)) < need:
        assert not refused


@pytest.mark.parametrize(
    "text",
    [
        "need = 0",
        "need = 'x'",
        "maps = 'some'",
        "maps = 0",
        "of = 'nobody'",
        "obey = 7",
        "obey = [{ of = 'anyone' }]",
        "obey = [{ of = 'nobody' }]",
        "obey = [{ of = 'lab', kinds = ['odd'] }]",
        "obey = [{ kinds = ['license'] }]",
    ],
)
def test_forms_that_are_none(text: str) -> None:
    """A value of another form, or a group that there is not, makes the policy unusable."""
    with pytest.raises(PolicyError):
        parse_policy(f"policy = 1\nbase = 'open'\n[groups.lab]\nmembers = ['l.example']\n[advisories]\n{text}\n")


@given(st.lists(st.tuples(st.sampled_from("bcde"), st.sampled_from(["malicious", "license"])), max_size=12))
def test_one_member_alone_blocks_nothing(words: list[tuple[str, str]]) -> None:
    """However much one other member says, and under however many ids, it takes a second one to refuse."""
    advised = tuple(said(f"{who}.example", kind, id=f"{number}") for number, (who, kind) in enumerate(words))
    decision = decide(CAREFUL, replace(good("b.example", "c.example"), advised=advised))
    refused = any(one.rule == "advised" for one in decision.failed)
    assert refused == (len({who for who, _ in words}) >= 2)
