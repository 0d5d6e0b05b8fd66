"""What follows from a verdict."""

from __future__ import annotations

import pytest

from hanse.model.admission import ERROR, INCONCLUSIVE, Action, Outcome, Policy, blocking_rules, decide, outcome_of
from hanse.model.finding import Coverage, Finding, Gap, Judgement, Verdict

BAD, ODD, NOTE = Verdict.MALICIOUS, Verdict.SUSPICIOUS, Verdict.CAUTION


def _outcome(*rules: tuple[str, Verdict], coverage: Coverage = Coverage.COMPLETE, executes: bool = False) -> Outcome:
    verdict = max((severity for _, severity in rules), key=lambda one: one.rank, default=Verdict.SAFE)
    return Outcome(verdict, coverage, executes, tuple(rules))


@pytest.mark.parametrize(
    ("outcome", "action"),
    [
        (_outcome(), Action.SERVE),
        (_outcome(("N-N", NOTE)), Action.WARN),
        (_outcome(("S-S", ODD)), Action.HOLD),
        (_outcome(("M-M", BAD)), Action.REFUSE),
        (_outcome(coverage=Coverage.INCONCLUSIVE), Action.WARN),
        (_outcome(coverage=Coverage.INCONCLUSIVE, executes=True), Action.HOLD),
        (_outcome(coverage=Coverage.ERROR), Action.HOLD),
        (_outcome(("M-M", BAD), coverage=Coverage.ERROR), Action.REFUSE),
    ],
)
def test_defaults(outcome: Outcome, action: Action) -> None:
    """Malicious is refused, suspicious and what could run unseen is held, caution is served with a warning."""
    assert decide(outcome, Policy()) is action


def test_a_policy_may_say_otherwise() -> None:
    """Each verdict has its own consequence; a node that only reports blocks nothing."""
    assert decide(_outcome(("M-M", BAD)), Policy(malicious=Action.HOLD)) is Action.HOLD
    assert decide(_outcome(("M-M", BAD)), Policy(enforce=False)) is Action.WARN
    assert decide(_outcome(coverage=Coverage.ERROR), Policy(error=Action.WARN)) is Action.WARN


def test_a_waiver_puts_aside_what_it_names() -> None:
    """Only the named rules count no more; what is served so still carries a warning."""
    outcome = _outcome(("S-A", ODD), ("S-B", ODD))
    assert decide(outcome, Policy(), {"S-A": False}) is Action.HOLD
    assert decide(outcome, Policy(), {"S-A": False, "S-B": False}) is Action.WARN


def test_malicious_findings_need_an_operator() -> None:
    """A waiver of the namespace's own people never lets malicious files in."""
    outcome = _outcome(("M-M", BAD))
    assert decide(outcome, Policy(), {"M-M": False}) is Action.REFUSE
    assert decide(outcome, Policy(), {"M-M": True}) is Action.WARN


def test_coverage_is_waived_by_name() -> None:
    """What was not judged needs a waiver of its own."""
    outcome = _outcome(("S-A", ODD), coverage=Coverage.INCONCLUSIVE, executes=True)
    assert blocking_rules(outcome, Policy()) == ("S-A", INCONCLUSIVE)
    assert decide(outcome, Policy(), {"S-A": False}) is Action.HOLD
    assert decide(outcome, Policy(), {"S-A": False, INCONCLUSIVE: False}) is Action.WARN
    assert blocking_rules(_outcome(coverage=Coverage.ERROR), Policy()) == (ERROR,)


def test_a_verdict_without_rules_is_not_waived_away() -> None:
    """Where no rule explains the verdict, no waiver can name it."""
    assert decide(Outcome(BAD, Coverage.COMPLETE, executes=False), Policy(), {"M-M": True}) is Action.REFUSE


def _judgement(findings: tuple[Finding, ...] = (), gaps: tuple[Gap, ...] = ()) -> Judgement:
    verdict = findings[0].severity if findings else Verdict.SAFE
    coverage = Coverage.INCONCLUSIVE if gaps else Coverage.COMPLETE
    return Judgement("p", 1, verdict, coverage, findings, (), (), gaps, "s", "r")


def test_outcomes_keep_the_worst_of_each_rule() -> None:
    """A rule that is hit several times counts once, with its worst severity; the first finding gives the words."""
    findings = (Finding("A-A", ODD, "says", "remedy"), Finding("A-A", NOTE, "x", "y"), Finding("B-B", Verdict.SAFE, "x", "y"))
    outcome = outcome_of(_judgement(findings))
    assert (outcome.rules, outcome.says, outcome.remedy) == ((("A-A", ODD),), "says", "remedy")
    assert not outcome.clean
    assert outcome_of(_judgement()).clean


def test_a_gap_explains_itself() -> None:
    """Where nothing was found and a part was not read, that is what is said."""
    outcome = outcome_of(_judgement(gaps=(Gap("a.zip!/b", "pickle", "operations", executes=True),)))
    assert "a.zip!/b" in outcome.says
    assert outcome.executes
