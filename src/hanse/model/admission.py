"""Admission: what a verdict means for a file here, under the node's policy and the waivers that hold.

A verdict is the same everywhere; what follows from it is each node's own choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from hanse.model.finding import Coverage, Judgement, Verdict, worst

INCONCLUSIVE = "COVERAGE-INCONCLUSIVE"
ERROR = "COVERAGE-ERROR"
"""What a waiver names, as it names rules, where a part of a file was not judged."""
MAX_RULES = 50


class Action(str, Enum):
    """What is done with a file, from the mildest on: served; served with a warning; held back from others; refused."""

    SERVE = "serve"
    WARN = "warn"
    HOLD = "hold"
    REFUSE = "refuse"

    @property
    def blocks(self) -> bool:
        """Tell whether others do not get the bytes."""
        return self in (Action.HOLD, Action.REFUSE)


@dataclass(frozen=True, slots=True)
class Policy:
    """What follows from which verdict. enforce: False only warns, whatever the verdict."""

    enforce: bool = True
    malicious: Action = Action.REFUSE
    suspicious: Action = Action.HOLD
    inconclusive: Action = Action.HOLD
    error: Action = Action.HOLD


@dataclass(frozen=True, slots=True)
class Outcome:
    """What admission needs of a judgement.

    executes: a loader could run what was not judged; rules: (rule id, severity), the worst first, safe ones left out; says,
    remedy: of the worst finding.
    """

    verdict: Verdict
    coverage: Coverage
    executes: bool
    rules: tuple[tuple[str, Verdict], ...] = ()
    says: str = ""
    remedy: str = ""

    @property
    def clean(self) -> bool:
        """Tell whether there is nothing to be said about the file."""
        return self.verdict is Verdict.SAFE and self.coverage is Coverage.COMPLETE


def outcome_of(judgement: Judgement) -> Outcome:
    """Return what admission needs of a judgement."""
    rules: dict[str, Verdict] = {}
    for finding in judgement.findings:
        if finding.severity is not Verdict.SAFE:
            rules[finding.rule] = worst((finding.severity, rules.get(finding.rule, Verdict.SAFE)))
    first = judgement.findings[0] if judgement.findings else None
    says, remedy = (first.says, first.remedy) if first is not None else ("", "")
    if first is None and judgement.gaps:
        gap = judgement.gaps[0]
        says = f"{gap.member or 'the file'} could not be read to its end as {gap.format} ({gap.reason})"
        remedy = "publish it in a form that can be read whole, such as safetensors"
    listed = tuple(sorted(rules.items(), key=lambda item: -item[1].rank))[:MAX_RULES]
    return Outcome(judgement.verdict, judgement.coverage, judgement.executes, listed, says, remedy)


def blocking_rules(outcome: Outcome, policy: Policy) -> tuple[str, ...]:
    """Return the names that a waiver must have for the file to be served, under a policy that is enforced."""
    names = [name for name, severity in outcome.rules if _of_verdict(severity, policy).blocks]
    if outcome.coverage is Coverage.ERROR and policy.error.blocks:
        names.append(ERROR)
    if outcome.coverage is Coverage.INCONCLUSIVE and outcome.executes and policy.inconclusive.blocks:
        names.append(INCONCLUSIVE)
    return tuple(names)


def decide(outcome: Outcome, policy: Policy, waived: Mapping[str, bool] | None = None) -> Action:
    """Return what is done with a file.

    waived: names that waivers have -> whether an operator of the node gave one; malicious findings need his.
    """
    given = waived or {}
    left = [severity for name, severity in outcome.rules if not _covers(given, name, severity)]
    # A verdict without rules that explain it is not waived away.
    verdict = worst(left) if outcome.rules else outcome.verdict
    actions = [_of_verdict(verdict, policy), _of_coverage(outcome, policy, given)]
    if not outcome.clean:
        actions.append(Action.WARN)
    found = max(actions, key=list(Action).index)
    return Action.WARN if found.blocks and not policy.enforce else found


def _covers(given: Mapping[str, bool], name: str, severity: Verdict) -> bool:
    return name in given and (given[name] or severity is not Verdict.MALICIOUS)


def _of_verdict(verdict: Verdict, policy: Policy) -> Action:
    if verdict is Verdict.MALICIOUS:
        return policy.malicious
    if verdict is Verdict.SUSPICIOUS:
        return policy.suspicious
    return Action.WARN if verdict is Verdict.CAUTION else Action.SERVE


def _of_coverage(outcome: Outcome, policy: Policy, given: Mapping[str, bool]) -> Action:
    if outcome.coverage is Coverage.ERROR and ERROR not in given:
        return policy.error
    if outcome.coverage is Coverage.INCONCLUSIVE and outcome.executes and INCONCLUSIVE not in given:
        return policy.inconclusive
    return Action.SERVE if outcome.coverage is Coverage.COMPLETE else Action.WARN
