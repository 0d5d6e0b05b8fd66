"""From verified statements to what a policy judges of evaluations.

A record counts if it is about exactly the wanted files and by the member whose log lists it; a countersignature, if it is by the
member whose log lists it. What says something else counts for nothing, and neither does what a node signs with the key of a
namespace: its owner is no institution with a log of his own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hanse.errors import HanseError
from hanse.evals.countersignature import parse_countersignature
from hanse.evals.record import Record, parse_record
from hanse.evals.scorers.correction import corrected_score
from hanse.flows.attested import Attested
from hanse.flows.suites.find import calibration_by
from hanse.model.evaluated import Countersigned, Evaluated
from hanse.model.key_leaf import KeyUse
from hanse.model.predicates import COUNTERSIGNATURE, EVALUATION
from hanse.sign.statement import Statement

MAX_COUNTED = 1000
"""Records, and words on them, that are looked at, at most."""


def facts_of(attested: Sequence[Attested], tree: str, home: str) -> tuple[tuple[Evaluated, ...], tuple[Countersigned, ...]]:
    """Return the records about `tree` and the words on records among statements about one revision.

    home: origin of the log that answers for the name, "" if none does.
    """
    listed = [one for one in attested if one.place is not None and one.record is not None and one.record.use is KeyUse.ATTEST]
    records = tuple(_records(listed[:MAX_COUNTED], tree, home))
    return records, tuple(_words(listed[:MAX_COUNTED]))


@dataclass(frozen=True, slots=True)
class Listed:
    """Where a statement is listed: by which member and key, in which log; index, time: of its leaf."""

    member: str
    key: str
    log: str
    index: int
    time: int

    def fields(self) -> dict[str, Any]:
        """Return them by name."""
        return asdict(self)


def _records(listed: Iterable[Attested], tree: str, home: str) -> Iterable[Evaluated]:
    for one in listed:
        place = _place(one)
        if place is not None and one.statement.predicate_type == EVALUATION:
            found = evaluated(one.statement, tree, place)
            if found is not None:
                yield replace(found, owner=one.member == home)


def _words(listed: Iterable[Attested]) -> Iterable[Countersigned]:
    for one in listed:
        place = _place(one)
        if place is not None and one.statement.predicate_type == COUNTERSIGNATURE:
            found = countersigned(one.statement, place)
            if found is not None:
                yield found


def _place(one: Attested) -> Listed | None:
    where = one.place
    if where is None:
        return None
    return Listed(one.member, one.verified.key.fingerprint, where.log.origin, where.index, where.leaf.time)


def evaluated(said: Statement, tree: str, by: Listed) -> Evaluated | None:
    """Return what a record says, None if it is malformed, about other files than `tree`, or by another than who lists it."""
    try:
        record = parse_record(said.predicate)
    except HanseError:
        return None
    if record.model != tree or record.evaluator != by.member:
        return None
    score = record.score
    return Evaluated(
        **by.fields(),
        record=record.digest,
        suite=record.suite,
        value=float(score.value),
        low=float(score.low),
        high=float(score.high),
        n=score.n,
        weights=record.weights.value,
        numerics=record.numerics_class,
        degenerate=score.degenerate,
        se=float(score.se),
        clusters=score.clusters,
        corrected=_corrected(record),
    )


def _corrected(record: Record) -> tuple[float, float] | None:
    """Return the interval of the corrected rate, where the scorer of the record's suite was held against people's labels."""
    calibration = calibration_by(record.suite)
    if calibration is None:
        return None
    score = record.score
    found = corrected_score(calibration, float(score.value), float(score.se), score.n, score.clusters)
    return found.interval.low, found.interval.high


def countersigned(said: Statement, by: Listed) -> Countersigned | None:
    """Return what a countersignature says, None if it is malformed or by another than who lists it."""
    try:
        found = parse_countersignature(said.predicate)
    except HanseError:
        return None
    if found.evaluator != by.member:
        return None
    return Countersigned(**by.fields(), record=found.record, level=found.level.value, verdict=found.verdict.value, own=found.own)
