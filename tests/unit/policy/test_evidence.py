"""What a policy asks of evaluations: which records count, whose word on them, and bounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest
from tests.support.facts import HOME, NOW, OTHERS, fingerprint, good

from hanse.model.decision import EvidenceFacts, Known, Result
from hanse.model.evaluated import Countersigned, Evaluated
from hanse.policy.decide import decide
from hanse.policy.evidence import ends, judge_evidence, median
from hanse.policy.parse import parse_policy
from hanse.policy.presets import CAREFUL, OPEN, STRICT
from hanse.policy.rules import Consequence, Evidence, Group, Quorum
from hanse.policy.view import View

SUITE, OTHER = "5" * 64, "6" * 64
B, C, D, _ = OTHERS
BASE = Evidence(SUITE, digest=SUITE)


def record(member: str, low: float = 0.9, high: float = 0.95, numerics: str = "cpu", age: int = 60, **more: object) -> Evaluated:
    """Return a member's record of the suite, logged `age` seconds ago, named by member and age."""
    found = Evaluated(
        member,
        fingerprint(f"{member} attest"),
        member,
        7,
        NOW - age,
        f"{member} {age}",
        SUITE,
        low,
        low,
        high,
        300,
        "local",
        numerics,
    )
    return replace(found, owner=member == HOME, **more)  # type: ignore[arg-type]


def word(
    member: str, about: Evaluated, level: str = "V1", verdict: str = "AGREES", own: str = "", age: int = 30
) -> Countersigned:
    """Return a member's word on a record."""
    return Countersigned(member, fingerprint(f"{member} attest"), member, 9, NOW - age, about.record, level, verdict, own)


def facts(records: Iterable[Evaluated], words: Iterable[Countersigned] = ()) -> EvidenceFacts:
    """Return good facts with these evaluations."""
    return replace(good(B, C, D), evaluations=tuple(records), countersigned=tuple(words))


def judged(asked: Evidence, known: EvidenceFacts, **changes: object) -> list[tuple[str, str]]:
    """Return (result, what is said) of one entry."""
    policy = replace(OPEN, evidence=(asked,), **changes)  # type: ignore[arg-type]
    return [(one.result.value, one.says) for one in judge_evidence(View(policy, known))]


def holds(asked: Evidence, known: EvidenceFacts, **changes: object) -> bool:
    """Tell whether one entry passes."""
    return [one for one, _ in judged(asked, known, **changes)] == ["passed"]


def test_presets_ask_nothing() -> None:
    """No preset asks for evaluations, so that their word is what it was."""
    for preset in (OPEN, CAREFUL, STRICT):
        assert not preset.evidence
        assert "evidence" not in {one.rule for one in decide(preset, facts([])).results}


def test_missing_says_how_to_make_it() -> None:
    """Where nothing counts, the refusal names the suite, the revision and the commands."""
    refused = decide(replace(OPEN, evidence=(replace(BASE, suite="arithmetic"),)), facts([])).failed
    assert [one.rule for one in refused] == ["evidence"]
    assert refused[0].says == "arithmetic: 0 of 1 institutions have a record that counts"
    rev = "1" * 40
    assert (
        f"hanse evaluate org/m@{rev} --suite arithmetic --as ORIGIN --to RUN, then hanse log-record RUN org/m@{rev}"
        in refused[0].remedy
    )
    assert "--suite FOLDER" in decide(replace(OPEN, evidence=(BASE,)), facts([])).failed[0].remedy
    warned = replace(OPEN, evidence=(replace(BASE, missing=Consequence.WARN),))
    assert [one.rule for one in decide(warned, facts([])).warnings if one.rule == "evidence"] == ["evidence"]


def test_the_bound_decides_and_not_the_score() -> None:
    """A score above the threshold whose interval begins below it does not pass."""
    asked = replace(BASE, at_least=0.9)
    assert holds(asked, facts([record(B, 0.9)]))
    assert judged(asked, facts([record(B, 0.89, value=0.95)]))[0][0] == "failed"
    assert holds(replace(BASE, at_most=0.02), facts([record(B, 0.0, 0.012)]))
    assert not holds(replace(BASE, at_most=0.01), facts([record(B, 0.0, 0.012)]))


def test_a_correction_lets_nothing_through_by_itself() -> None:
    """Where a scorer's errors were measured a bound must hold as scored and as corrected, unless the policy takes the latter."""
    up, down = record(B, 0.43, 0.57, corrected=(0.499, 0.723)), record(B, 0.02, 0.06, corrected=(0.0, 0.04))
    assert not holds(replace(BASE, at_least=0.45), facts([up]))
    assert holds(replace(BASE, at_least=0.45, rate="corrected"), facts([up]))
    assert not holds(replace(BASE, at_least=0.5, rate="corrected"), facts([up]))
    assert not holds(replace(BASE, at_most=0.6), facts([up]))
    assert not holds(replace(BASE, at_most=0.6, rate="corrected"), facts([up]))
    assert not holds(replace(BASE, at_most=0.05), facts([down]))
    assert holds(replace(BASE, at_most=0.05, rate="corrected"), facts([down]))
    assert holds(replace(BASE, at_most=0.05, rate="corrected"), facts([replace(down, high=0.04, corrected=None)]))


def test_the_refusal_says_both() -> None:
    """A refusal and what is accepted say that rates were corrected, and what the bound is either way."""
    known = facts([record(B, 0.43, 0.57, corrected=(0.499, 0.723))])
    ((_, says),) = judged(replace(BASE, at_most=0.6), known)
    assert (
        "median of the upper bounds is 0.723 (0.57 as scored, 0.723 corrected for the scorer's errors; the worse counts)" in says
    )
    ((_, says),) = judged(replace(BASE, at_least=0.6, rate="corrected"), known)
    assert "is 0.499 (0.43 as scored, 0.499 corrected for the scorer's errors), at least 0.6" in says
    assert "0.43 to 0.723, as scored and corrected for the scorer's errors" in judged(BASE, known)[0][1]
    assert "0.499 to 0.723, corrected" in judged(replace(BASE, rate="corrected"), known)[0][1]
    assert "corrected" not in judged(BASE, facts([record(B)]))[0][1]


def test_no_end_is_nearer_than_the_corrected_one() -> None:
    """For 500 random intervals the worse end is never nearer than either, and the corrected one is taken as it is."""
    random = Random(7)
    for _ in range(500):
        low, high, under, over = (random.random() for _ in range(4))
        found = record(B, min(low, high), max(low, high), corrected=(min(under, over), max(under, over)))
        worse, corrected = ends(found, "worse"), ends(found, "corrected")
        assert corrected == found.corrected
        assert worse[0] <= min(found.low, corrected[0])
        assert worse[1] >= max(found.high, corrected[1])


@pytest.mark.parametrize("lie", [0.0, 1.0])
def test_one_liar_of_three_moves_nothing(lie: float) -> None:
    """The median over institutions stays among the honest bounds, whatever a third says."""
    good_ones = [record(B, 0.90), record(C, 0.91)]
    liar = record(D, lie, lie)
    assert holds(replace(BASE, institutions=3, at_least=0.9), facts([*good_ones, liar]))
    assert not holds(replace(BASE, institutions=3, at_least=0.92), facts([*good_ones, liar]))
    assert median([1.0, 2.0]) == 1.0


def test_what_does_not_count() -> None:
    """Another suite, weaker knowledge of weights, age, strangers, and a log whose key changed count for nothing."""
    good_one = record(B)
    assert holds(BASE, facts([good_one]))
    assert not holds(BASE, facts([replace(good_one, suite=OTHER)]))
    assert not holds(BASE, facts([replace(good_one, weights="claimed")]))
    assert holds(replace(BASE, weights="claimed"), facts([replace(good_one, weights="claimed")]))
    assert not holds(replace(BASE, max_age=50), facts([good_one]))
    group = {"groups": {"labs": Group(frozenset({C}))}}
    assert not holds(replace(BASE, of="labs"), facts([good_one]), **group)
    changed = facts([good_one])
    changed = replace(changed, logs=tuple(replace(one, known=Known.CHANGED) if one.origin == B else one for one in changed.logs))
    assert not holds(BASE, changed)
    assert not holds(BASE, facts([good_one]), witness=Quorum(5))
    assert not holds(Evidence("name"), facts([replace(good_one, suite="")]))


def test_institutions_are_different_and_independent() -> None:
    """Two records of one member are one institution; the name's owner counts only where the policy lets him."""
    assert not holds(replace(BASE, institutions=2), facts([record(B), record(B, age=50)]))
    assert holds(replace(BASE, institutions=2), facts([record(B), record(HOME)]))
    assert not holds(replace(BASE, institutions=2, independent=True), facts([record(B), record(HOME)]))
    shared = replace(record(C), key=record(B).key)
    assert not holds(replace(BASE, institutions=2), facts([record(B), shared]))


def test_the_newest_of_each_counts() -> None:
    """An institution cannot keep a good old record where its newer one is worse."""
    assert not holds(replace(BASE, at_least=0.9), facts([record(B, 0.95, age=100), record(B, 0.5, age=50)]))


def test_a_degenerate_score_is_no_agreement() -> None:
    """A score within one item of 0 or 1 counts only where a bound is asked for and the policy says so."""
    flat = record(B, 0.0, 0.01, degenerate=True)
    assert "says nothing by itself" in judged(BASE, facts([flat]))[0][1]
    assert holds(replace(BASE, degenerate=True, at_most=0.02), facts([flat]))


def test_levels_are_by_others() -> None:
    """A record is at the level at which another member agrees: not its own, and a rerun only with its own record listed."""
    one, own = record(B), record(C, numerics="gpu")
    asked = replace(BASE, level="V1")
    assert not holds(asked, facts([one]))
    assert not holds(asked, facts([one], [word(B, one)]))
    assert holds(asked, facts([one], [word(C, one)]))
    assert not holds(asked, facts([one], [replace(word(C, one), key=one.key)]))
    rerun = replace(BASE, level="V3", numerics_classes=2, of="b")
    group = {"groups": {"b": Group(frozenset({B, C}))}}
    words = [word(C, one, "V3", own=own.record), word(B, own, "V3", own=one.record)]
    assert holds(rerun, facts([one, own], words), **group)
    assert not holds(replace(rerun, numerics_classes=3), facts([one, own], words), **group)
    assert not holds(rerun, facts([one], words), **group)
    assert "hanse reproduce RUN" in decide(replace(OPEN, evidence=(replace(BASE, level="V3"),)), facts([one])).failed[0].remedy


def test_disagreement_blocks_until_it_is_taken_back() -> None:
    """A DISAGREES with its own record refuses; an AGREES of the same member at that level takes it back, a weaker not."""
    one, own = record(B), record(C)
    against = word(C, one, "V3", "DISAGREES", own.record)
    assert [result for result, _ in judged(BASE, facts([one, own], [against]))] == ["failed"]
    weak, strong = word(C, one, "V1", age=10), word(C, one, "V3", own=own.record, age=10)
    assert not holds(BASE, facts([one, own], [against, weak]))
    assert holds(BASE, facts([one, own], [against, strong]))
    assert not holds(BASE, facts([one, own], [strong, replace(against, time=NOW)]))


def test_who_shows_nothing_blocks_nobody() -> None:
    """A DISAGREES whose own record is not listed, or by the record's own author, counts for nothing; so do open verdicts."""
    one = record(B)
    for said in (word(C, one, "V3", "DISAGREES", "made up"), word(B, one, "V1", "INVALID"), word(C, one, "V1", "INCONCLUSIVE")):
        assert holds(BASE, facts([one], [said]))
    assert not holds(BASE, facts([one], [word(C, one, "V1", "INVALID")]))


def test_more_honest_records_never_hurt() -> None:
    """For 500 random sets of records that pass, one more honest record of another institution passes, too."""
    random = Random(7)
    asked = replace(BASE, at_least=0.8, institutions=1)
    for _ in range(500):
        known = [record(one, random.choice((0.7, 0.85, 0.9))) for one in random.sample((B, C, D), random.randrange(1, 3))]
        free = [one for one in (B, C, D) if one not in {found.member for found in known}]
        if holds(asked, facts(known)):
            assert holds(asked, facts([*known, record(free[0], 0.95)]))


def test_one_policy_from_its_text() -> None:
    """A policy file with an entry refuses and accepts through the whole decision."""
    text = f'policy = 1\nbase = "open"\n[[evidence]]\nsuite = "{SUITE}"\nat_least = 0.8\ninstitutions = 2\n'
    policy = parse_policy(text)
    assert [one.rule for one in decide(policy, facts([record(B)])).failed] == ["evidence"]
    accepted = decide(policy, facts([record(B), record(C)]))
    assert not accepted.failed
    assert [one.result for one in accepted.results if one.rule == "evidence"] == [Result.PASSED]


@pytest.mark.parametrize(
    ("level", "commands"),
    [
        ("V1", "hanse reproduce RUN --level V1 --as ORIGIN --to OWN, then hanse log-record OWN org/m@"),
        ("V2", f"hanse reproduce RUN org/m@{'1' * 40} --level V2 --node URL --as ORIGIN --to OWN, then"),
        ("V3", f"hanse reproduce RUN org/m@{'1' * 40} --level V3 --as ORIGIN --to OWN, then"),
        ("V4", "--commitment, and when RUN is shown hanse reproduce RUN --level V4 --as ORIGIN --to OWN, then"),
    ],
)
def test_what_makes_a_level(level: str, commands: str) -> None:
    """Where nobody else checked a record, the refusal has the commands by which another institution does, with every flag."""
    refused = decide(replace(OPEN, evidence=(replace(BASE, level=level),)), facts([record(B)])).failed[0]
    assert f"1 not checked at {level} by another" in refused.says
    assert commands in refused.remedy


def test_why_records_do_not_count() -> None:
    """Records that are listed and count for nothing are told, each with its reason."""
    known = facts([record(HOME), record(B, weights="claimed"), replace(record(C), log="nowhere.example")])
    asked = replace(BASE, independent=True, weights="local")
    said = decide(replace(OPEN, evidence=(asked,)), known).failed[0].says
    for part in ("1 on weights that are less than local", "1 not of anyone", "1 by who owns the name"):
        assert part in said
