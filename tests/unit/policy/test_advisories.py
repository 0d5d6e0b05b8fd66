"""Whose word refuses, whose warns, and how many maps must be known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.facts import good

from hanse.errors import PolicyError
from hanse.model.decision import Advised, EvidenceFacts, Known, Result
from hanse.policy.advisories import judge_advisories
from hanse.policy.decide import decide
from hanse.policy.explain import to_toml
from hanse.policy.parse import parse_policy
from hanse.policy.presets import CAREFUL, OPEN, PRESETS, STRICT
from hanse.policy.rules import Policy
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
