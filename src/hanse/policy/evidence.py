"""The rule about evaluations: which records count, what others said of them, and whether the bounds of their scores suffice.

Of every institution the newest record of a suite counts. A bound is compared with the end of a score's interval, never with the
score; over institutions with the median of these ends, the worse of the middle two, so that one of three who lies moves nothing.
Where the errors of a suite's scorer were measured, each end is the worse of the score's and of the corrected rate's: a correction
holds for answers like those that people labelled, so it lets nothing through unless the policy says that it may.
A suite on which the model scored within one item of 0 or 1 says nothing by agreement alone.

A member's word on a record stands until he says otherwise: an AGREES at the same level or a stronger one takes back what he said
against it. From V3 on, for and against, only a word counts whose own record is listed, too: anybody can recompute the verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hanse.model.decision import Result, RuleResult
from hanse.model.evaluated import LEVELS, RERUN, WEIGHTS, Countersigned, Evaluated
from hanse.policy.form import duration
from hanse.policy.rules import Consequence, Evidence, most
from hanse.policy.view import View

_WITH_MODEL = {"V2", "V3"}
_RESULTS = {Consequence.ALLOW: Result.PASSED, Consequence.WARN: Result.WARNED, Consequence.REFUSE: Result.FAILED}


@dataclass(slots=True)
class Standing:
    """What words on one record come to. level: the strongest at which a member agrees, by member; against: who does not.

    classes: numerics classes of reruns that agree.
    """

    level: dict[str, str] = field(default_factory=dict)
    against: dict[str, str] = field(default_factory=dict)
    classes: set[str] = field(default_factory=set)

    def best(self) -> str:
        """Return the strongest level that a member agrees at, V0 if nobody says anything."""
        return max(self.level.values(), default="V0")


def judge_evidence(view: View) -> list[RuleResult]:
    """Return the results of every `[[evidence]]` entry of a policy, in its order."""
    return [found for one in view.policy.evidence for found in _Judging(view, one).results()]


def counted(view: View, one: Evidence) -> list[Evaluated]:
    """Return the records that count for an entry: of each member the newest that is of the suite and weights that it asks for."""
    newest: dict[str, Evaluated] = {}
    for record in sorted(view.facts.evaluations, key=lambda found: (found.time, found.index)):
        of_suite = bool(one.digest) and record.suite == one.digest
        if of_suite and at_least(WEIGHTS, record.weights, one.weights) and _speaks(view, one, record):
            newest[record.member] = record
    return [record for record in newest.values() if not (one.independent and record.owner)]


def at_least(order: Sequence[str], found: str, asked: str) -> bool:
    """Tell whether `found` is not below `asked` in an order; what is in no order is below everything."""
    return found in order and order.index(found) >= order.index(asked)


def standing(
    record: Evaluated, words: Iterable[Countersigned], records: Iterable[Evaluated], weights: str = WEIGHTS[0]
) -> Standing:
    """Return what the words of other members on a record come to.

    records: all that are listed, among them those of reruns, which count if as much is known of their weights as `weights` says.
    """
    listed = {(found.member, found.record): found for found in records}
    found = Standing()
    for word in sorted(words, key=lambda said: (said.time, said.index)):
        if word.record != record.record or word.member == record.member or word.key == record.key:
            continue
        own = listed.get((word.member, word.own))
        if at_least(LEVELS, word.level, RERUN) and not _rests(own, record, weights):
            continue
        _take(found, word)
        if own is not None and word.verdict == "AGREES":
            found.classes.add(own.numerics)
    return found


def _rests(own: Evaluated | None, record: Evaluated, weights: str) -> bool:
    """Tell whether a rerun is listed as a record of the same suite, on weights that are known as well as is asked for."""
    return own is not None and own.suite == record.suite and at_least(WEIGHTS, own.weights, weights)


def _take(found: Standing, word: Countersigned) -> None:
    before = found.against.get(word.member)
    if word.verdict in {"DISAGREES", "INVALID"}:
        found.against[word.member] = max(word.level, before or "")
        found.level.pop(word.member, None)
    elif word.verdict == "AGREES" and (before is None or word.level >= before):
        found.against.pop(word.member, None)
        found.level[word.member] = max(word.level, found.level.get(word.member, ""))


def _speaks(view: View, one: Evidence, said: Evaluated | Countersigned) -> bool:
    """Tell whether a member's word counts: of the group, by a key that counts, in a log that is witnessed as the policy asks."""
    log = view.log(said.log)
    if log is None or not view.counts(log.known) or not view.is_member(said.member, said.key, one.of):
        return False
    return not view.policy.witness.asks(log.origin) or view.time(log, mirror=False) is not None


class _Judging:
    """One entry on the facts."""

    def __init__(self, view: View, one: Evidence) -> None:
        self.view = view
        self.one = one
        self.records = counted(view, one)
        words = [word for word in view.facts.countersigned if _speaks(view, one, word)]
        self.others = {record.record: standing(record, words, view.facts.evaluations, one.weights) for record in self.records}

    def results(self) -> Iterable[RuleResult]:
        """Yield what is missing, who disagrees, or that all is there."""
        lacking = self._lacking()
        against = self._against()
        if lacking is not None:
            yield self._result(self.one.missing, *lacking)
        if against:
            says = f"{', '.join(against)} disagrees, and has not taken it back"
            yield self._result(self.one.disagree, says, "see both item tables (hanse compare), or use another revision")
        if lacking is None and not against:
            yield self._result(Consequence.ALLOW, self._fine(self._able()), "")

    def _result(self, consequence: Consequence, says: str, remedy: str) -> RuleResult:
        result = _RESULTS[consequence]
        return RuleResult("evidence", result, f"{self.one.suite}: {says}", "" if result is Result.PASSED else remedy)

    def _able(self) -> list[Evaluated]:
        """Return the records that are young enough, checked at the level, and do not say nothing."""
        return [one for one in self._young() if self._checked(one) and (self.one.degenerate or not one.degenerate)]

    def _young(self) -> list[Evaluated]:
        age = self.one.max_age
        return [one for one in self.records if not age or self.view.facts.now - one.time <= age]

    def _checked(self, record: Evaluated) -> bool:
        return at_least(LEVELS, self.others[record.record].best(), self.one.level)

    def _lacking(self) -> tuple[str, str] | None:
        """Return what the evidence lacks, and the command that makes it; None if nothing."""
        one, able = self.one, self._able()
        count = most((found.member, found.key) for found in able)
        if count < one.institutions:
            return f"{count} of {one.institutions} institutions have a record that counts{self._why()}", self._make()
        classes = {found.numerics for found in able}.union(*(self.others[found.record].classes for found in able))
        if len(classes) < one.numerics_classes:
            says = f"run in {len(classes)} of {one.numerics_classes} numerics classes"
            return says, f"another engine or device: {self._make()}"
        return self._outside(able)

    def _outside(self, able: Sequence[Evaluated]) -> tuple[str, str] | None:
        one = self.one
        low, high = _median_ends([ends(found, one.rate) for found in able])
        remedy = "use another revision; a larger suite narrows the interval"
        if one.at_least is not None and low < one.at_least:
            says = f"the median of the lower bounds is {low:g}{self._both(able, 0)}, at least {one.at_least:g} is asked for"
            return says, remedy
        if one.at_most is not None and high > one.at_most:
            says = f"the median of the upper bounds is {high:g}{self._both(able, 1)}, at most {one.at_most:g} is asked for"
            return says, remedy
        return None

    def _both(self, able: Sequence[Evaluated], end: int) -> str:
        """Return an end as scored and as corrected for the scorer's errors, "" where these are not known."""
        if all(found.corrected is None for found in able):
            return ""
        scored = _median_ends([(found.low, found.high) for found in able])[end]
        corrected = _median_ends([ends(found, "corrected") for found in able])[end]
        worse = "; the worse counts" if self.one.rate == "worse" else ""
        return f" ({scored:g} as scored, {corrected:g} corrected for the scorer's errors{worse})"

    def _why(self) -> str:
        """Return why records that are there do not count."""
        old = len(self.records) - len(self._young())
        flat = sum(found.degenerate and not self.one.degenerate for found in self._young())
        unchecked = sum(not self._checked(found) for found in self._young())
        said = [f"{old} older than {duration(self.one.max_age)}"] if old else []
        said += [f"{flat} within one item of 0 or 1, which says nothing by itself"] if flat else []
        said += [f"{unchecked} not checked at {self.one.level} by another"] if unchecked else []
        said += self._left_out()
        return f" ({'; '.join(said)})" if said else ""

    def _left_out(self) -> list[str]:
        """Return why records of the suite that are listed are none of those that count, each by the first reason."""
        view, one = self.view, self.one
        weak = strange = own = 0
        for found in view.facts.evaluations if one.digest else ():
            if found.suite != one.digest or found in self.records:
                continue
            if not at_least(WEIGHTS, found.weights, one.weights):
                weak += 1
            elif not _speaks(view, one, found):
                strange += 1
            elif one.independent and found.owner:
                own += 1
        said = [f"{weak} on weights that are less than {one.weights}"] if weak else []
        said += [f"{strange} not of {one.of}, or in a log that is not known and witnessed as the policy asks"] if strange else []
        return [*said, *([f"{own} by who owns the name"] if own else [])]

    def _make(self) -> str:
        """Return the commands that make what is missing."""
        one, name = self.one, f"{self.view.facts.repo.partition('/')[2] or 'NAMESPACE/NAME'}@{self.view.facts.rev or 'REVISION'}"
        suite = one.suite if one.suite != one.digest else "FOLDER, of the suite with this digest,"
        run = f"hanse evaluate {name} --suite {suite} --as ORIGIN --to"
        if all(self._checked(found) for found in self._young()):
            served = ", or a member who serves them attests" if one.weights == "bound" else ""
            weights = "" if one.weights == "claimed" else f", on files that it hashed itself{served}"
            return f"an institution{weights}: {run} RUN, then hanse log-record RUN {name}"
        known = " --node URL" if one.level == "V2" else ""
        model = f" {name}" if one.level in _WITH_MODEL else ""
        again = f"hanse reproduce RUN{model} --level {one.level}{known} --as ORIGIN --to OWN"
        before = f"{run} OWN, hanse log-record OWN {name} --commitment, and when RUN is shown " if one.level == "V4" else ""
        return f"another institution: {before}{again}, then hanse log-record OWN {name}"

    def _against(self) -> list[str]:
        return sorted({f"{member} ({level})" for found in self.others.values() for member, level in found.against.items()})

    def _fine(self, able: Sequence[Evaluated]) -> str:
        count = len({found.member for found in able})
        low, high = _median_ends([ends(found, self.one.rate) for found in able])
        how = ""
        if any(found.corrected is not None for found in able):
            how = f",{' as scored and' if self.one.rate == 'worse' else ''} corrected for the scorer's errors"
        return f"{count} institution{'' if count == 1 else 's'}, median of the bounds {low:g} to {high:g}{how}"


def ends(record: Evaluated, rate: str) -> tuple[float, float]:
    """Return the ends of a record's interval that bounds are held against: `rate` is one of `RATES`.

    Never nearer than those of the corrected rate, whose interval has the uncertainty of the calibration in it.
    """
    if record.corrected is None:
        return record.low, record.high
    low, high = record.corrected
    return (low, high) if rate == "corrected" else (min(low, record.low), max(high, record.high))


def _median_ends(found: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the medians of lower and of upper ends, of the middle two the worse."""
    return median([low for low, _ in found]), -median([-high for _, high in found])


def median(values: Sequence[float]) -> float:
    """Return the median, of an even number the lower of the middle two; 0 of none."""
    return sorted(values)[(len(values) - 1) // 2] if values else 0.0
