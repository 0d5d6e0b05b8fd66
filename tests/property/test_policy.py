"""Policies under arbitrary facts and texts: monotone, total, and closed to everything that is not a policy."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.anyfacts import KEYS, MEMBERS, any_facts, any_policy, grown
from tests.support.signers import signer

from hanse.errors import HanseError, PolicyError
from hanse.model.decision import Decision, State
from hanse.policy.decide import decide
from hanse.policy.explain import RULES, explain, to_toml
from hanse.policy.parse import parse_policy
from hanse.policy.presets import PRESETS
from hanse.policy.rules import ANYONE, Group, flatten, is_in, most
from hanse.tlog.cosignature import cosigner_key
from hanse.tlog.tlogpolicy import TlogPolicy, blocking, overlap, parse_tlog_policy, quorum_size

SOME = settings(max_examples=60, deadline=None)
WORLDS = 1000
"""Decisions are cheap: so many random worlds are tried, from fixed seeds."""


def accepted(decision: Decision) -> bool:
    """Tell whether a decision lets the revision be used."""
    return decision.state is not State.REFUSED


def test_decisions_are_total() -> None:
    """Whatever the facts, there is a decision, every rule has said something, and every failure has a remedy."""
    random, states = Random(1), Counter[State]()
    for _ in range(WORLDS):
        policy, facts = any_policy(random), any_facts(random)
        decision = decide(policy, facts)
        states[decision.state] += 1
        assert {one.rule for one in decision.results} <= RULES.keys()
        assert all(one.says for one in decision.results)
        assert all(one.remedy for one in decision.failed)
        assert explain(decision)
        assert decide(policy, facts) == decision
    assert min(states[state] for state in State) > WORLDS // 40, "the worlds tried are one-sided"


def test_more_evidence_never_refuses() -> None:
    """A further signature, cosignature or log, or a fresher one, never turns an acceptance into a refusal."""
    random, gained = Random(2), 0
    for _ in range(WORLDS):
        policy, facts = any_policy(random), any_facts(random)
        before, after = decide(policy, facts), decide(policy, grown(random, facts))
        assert after.rung.rank >= before.rung.rank
        assert accepted(after) or not accepted(before)
        gained += accepted(after) and not accepted(before)
    assert gained > WORLDS // 50


def test_stricter_presets_accept_less() -> None:
    """What a stricter preset accepts, each looser one accepts."""
    random, counts = Random(3), Counter[int]()
    for _ in range(WORLDS):
        facts = any_facts(random)
        verdicts = [accepted(decide(policy, facts)) for policy in PRESETS.values()]
        assert all(loose or not hard for loose, hard in pairwise(verdicts))
        counts[sum(verdicts)] += 1
    assert min(counts[number] for number in range(4)) > WORLDS // 50


@pytest.mark.soak
def test_higher_thresholds_accept_less() -> None:
    """One more asked for never turns a refusal into an acceptance."""
    random, lost = Random(4), 0
    for _ in range(WORLDS):
        policy, facts = any_policy(random), any_facts(random)
        hardened = [
            replace(policy, signers=replace(policy.signers, need=policy.signers.need + 1)),
            replace(policy, witness=replace(policy.witness, need=policy.witness.need + 1)),
            replace(policy, mirror=replace(policy.mirror, need=policy.mirror.need + 1)),
        ]
        for harder in hardened:
            assert accepted(decide(policy, facts)) or not accepted(decide(harder, facts))
            lost += accepted(decide(policy, facts)) and not accepted(decide(harder, facts))
    assert lost > WORLDS // 50


NAMES = st.sampled_from(("g0", "g1", "g2", "g3"))
ANY_GROUPS = st.dictionaries(
    NAMES,
    st.builds(
        Group, st.frozensets(st.sampled_from(MEMBERS)), st.frozensets(st.sampled_from(KEYS)), st.frozensets(NAMES, max_size=2)
    ),
)


@SOME
@given(ANY_GROUPS, NAMES, NAMES)
def test_groups_are_unions(groups: dict[str, Group], one: str, other: str) -> None:
    """The union of two groups has exactly whom either has, in whatever order, also where groups contain each other."""
    both = groups | {"union": Group(groups=frozenset({one, other}))}
    for member in MEMBERS:
        for key in KEYS:
            assert is_in(both, "union", member, key) == (is_in(both, one, member, key) or is_in(both, other, member, key))
    left, right = flatten(both, one), flatten(both, other)
    assert flatten(both, "union") == Group(left.members | right.members, left.keys | right.keys)
    assert is_in(both, ANYONE, "", "")


PAIRS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("1234")), max_size=10)


def brute(pairs: list[tuple[str, str]]) -> int:
    """Return the size of the largest set of pairs without a common part, by trying all."""
    if not pairs:
        return 0
    (member, key), *rest = pairs
    apart = [one for one in rest if one[0] != member and one[1] != key]
    return max(brute(rest), 1 + brute(apart))


@SOME
@given(PAIRS)
def test_most_is_a_maximum_matching(pairs: list[tuple[str, str]]) -> None:
    """The count of different members is exact."""
    assert most(pairs) == brute(pairs)


@SOME
@given(st.text(st.sampled_from("[]={}\"'\n. #policybasewtnsgroup0123-"), max_size=200) | st.text(max_size=100))
def test_no_text_crashes_the_parser(text: str) -> None:
    """Any text is a policy or a PolicyError."""
    with pytest.raises(PolicyError):
        parse_policy(text)


@SOME
@given(st.sampled_from(sorted(PRESETS)), st.integers(0, 3000), st.integers(0, 20), st.text(max_size=10))
def test_damaged_policies(name: str, at: int, cut: int, put: str) -> None:
    """A policy with a part cut out or put in is another policy or a PolicyError, and never a milder one by an unknown word."""
    text = to_toml(PRESETS[name])
    try:
        found = parse_policy(text[:at] + put + text[at + cut :])
    except PolicyError:
        return
    assert parse_policy(to_toml(found)) == found


def test_policies_are_printed_and_read() -> None:
    """Printing and reading loses nothing, where the parser takes the policy at all."""
    random, read = Random(5), 0
    for _ in range(300):
        policy = any_policy(random)
        with suppress(PolicyError):
            assert parse_policy(to_toml(policy)) == policy
            read += 1
    assert read > 100


# tlog-policy.

VKEYS = [cosigner_key(f"w{number}.example", signer(f"w{number}").public).text for number in range(6)]


@st.composite
def _tlog_policies(draw: st.DrawFn) -> TlogPolicy:
    """Return a policy whose groups are nested at random."""
    lines = [f"witness w{number} {vkey}" for number, vkey in enumerate(VKEYS)]
    free = [f"w{number}" for number in range(len(VKEYS))]
    for number in range(draw(st.integers(1, 4))):
        chosen = draw(st.lists(st.sampled_from(free), min_size=1, max_size=4, unique=True))
        lines.append(f"group g{number} {draw(st.integers(1, len(chosen)))} {' '.join(chosen)}")
        free = [one for one in free if one not in chosen] + [f"g{number}"]
    return parse_tlog_policy("\n".join([*lines, f"quorum {lines[-1].split()[1]}", ""]))


def subsets(policy: TlogPolicy) -> list[frozenset[str]]:
    """Return every quorum."""
    names = sorted(policy.witnesses)
    every = [frozenset(name for at, name in enumerate(names) if bits >> at & 1) for bits in range(1 << len(names))]
    return [one for one in every if policy.satisfied(one)]


@settings(max_examples=60, deadline=None)
@given(_tlog_policies())
def test_quorum_arithmetic_is_exact(policy: TlogPolicy) -> None:
    """Sizes, overlaps and blocking sets of nested groups are those found by trying every set."""
    quorums = subsets(policy)
    minimal = [one for one in quorums if not any(other < one for other in quorums)]
    assert quorum_size(policy) == min(map(len, minimal))
    assert overlap(policy) == min(len(one & other) for one in minimal for other in minimal)
    everyone = frozenset(policy.witnesses)
    silent = [one for one in map(frozenset, _all(everyone)) if not policy.satisfied(everyone - one)]
    assert blocking(policy) == min(map(len, silent))


def _all(names: frozenset[str]) -> list[set[str]]:
    listed = sorted(names)
    return [{name for at, name in enumerate(listed) if bits >> at & 1} for bits in range(1 << len(listed))]


@SOME
@given(_tlog_policies(), st.sets(st.sampled_from([f"w{number}" for number in range(6)])), st.sampled_from(range(6)))
def test_more_cosigners_are_no_worse(policy: TlogPolicy, cosigners: set[str], one: int) -> None:
    """A further cosigner never undoes a quorum."""
    assert policy.satisfied(cosigners | {f"w{one}"}) or not policy.satisfied(cosigners)


@SOME
@given(
    st.lists(
        st.sampled_from(
            [
                "log",
                "witness",
                "group",
                "quorum",
                "none",
                "any",
                "all",
                "1",
                "2",
                "a",
                "b",
                VKEYS[0],
                VKEYS[1],
                "\n",
                "\n",
                "\t",
                "#",
                "\r",
                "\x00",
                "é",
            ]
        ),
        max_size=30,
    ),
    st.binary(max_size=40),
)
def test_no_text_crashes_the_tlog_parser(words: list[str], noise: bytes) -> None:
    """Any octets are a tlog-policy or an error of ours; what parses can be asked."""
    for data in (noise, " ".join(words).encode() + b"\n", noise + b"\nquorum none\n"):
        try:
            policy = parse_tlog_policy(data)
        except HanseError:
            continue
        assert policy.satisfied(set(policy.witnesses))
        assert 0 <= overlap(policy) <= quorum_size(policy)
