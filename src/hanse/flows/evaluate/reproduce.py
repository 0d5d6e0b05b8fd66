"""Checking another's record, cheapest first, and laying two runs side by side.

V0  signature, digests and numbers of the record follow from its item table (`read_run`)
V1  the table follows from the transcript and the suite's scorer
V2  the weights are made to say the tokens of items that a checkpoint draws (`hanse.flows.evaluate.audit`)
V3  the suite is run again, here, and the paired test of the suite says whether both agree
V4  likewise, with a result that was committed to before the other one was shown (`hanse.flows.evaluate.countersign`)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from hanse.errors import Conflict, InputError, NotFoundError
from hanse.evals.builtin import is_harmful
from hanse.evals.compare import Pairing, pair
from hanse.evals.countersignature import Countersignature, Level, pairing_json
from hanse.evals.harness import DRIVEN
from hanse.evals.record import Comparison, compare
from hanse.evals.scorers.correction import calibration_of, corrected_json
from hanse.evals.scorers.registry import SCORERS, score
from hanse.evals.transcript import rescore
from hanse.flows.evaluate.runfolder import Read
from hanse.flows.evaluate.subject import Subject
from hanse.model.repo import parse_origin


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two runs of one suite. verdict: of the reproduction, for one model; pairing: of the scores, for two models too."""

    first: Read
    second: Read
    verdict: Comparison
    pairing: Pairing | None


def check_if_ours(read: Read) -> tuple[str, ...]:
    """Check level V1, unless a harness that was driven has scored by a scorer of its own: then outcomes are its word.

    Returns the reason that a countersignature names for that, if it is so; raises as `check_scores` does.
    """
    if DRIVEN in read.record.gaps and read.suite.scorer not in SCORERS:
        return ("scores-not-checked",)
    check_scores(read)
    return ()


def check_scores(read: Read) -> None:
    """Check level V1; raises VerificationFailed, or NotFoundError without the transcript."""
    if read.spoken is None:
        raise NotFoundError("the transcript was not passed on", hint="ask the evaluator for it; V0 and V3 need none")
    rescore(read.suite, read.spoken, partial(score, read.suite), read.run.table)


def require_same_model(read: Read, subject: Subject) -> None:
    """Raise Conflict unless the model that is there to be run is the one of the record."""
    if read.record.model != subject.tree:
        raise Conflict(
            f"the record is about files with the tree {read.record.model}, these have {subject.tree}",
            hint="get the revision that was evaluated",
        )


def side_by_side(first: Read, second: Read) -> SideBySide:
    """Return two runs of one suite side by side; raises InputError if they are of two suites."""
    if first.suite.digest != second.suite.digest:
        raise InputError(
            f"these are runs of two suites: {first.suite.name} {first.suite.version}, {second.suite.name} {second.suite.version}",
            hint="only runs of one suite, item by item, can be compared",
        )
    verdict = compare(first.run, second.run, first.suite)
    paired = pair(first.run.table.results(), second.run.table.results(), first.suite.terms)
    return SideBySide(first, second, verdict, paired)


def countersign(both: SideBySide) -> Countersignature:
    """Return what a run of one's own, the second, says of the first one (level V3), as its evaluator's word."""
    found, terms = both.verdict, both.first.suite.terms
    return Countersignature(
        both.first.record.digest,
        Level.V3,
        found.verdict,
        parse_origin(both.second.record.evaluator),
        found.reasons,
        own=both.second.record.digest,
        pairing=None if found.pairing is None else pairing_json(found.pairing, terms),
        same_numerics=found.same_class,
    )


def to_json(both: SideBySide) -> dict[str, Any]:
    """Return it as JSON; numbers are fixed-point texts, as in records."""
    found = both.verdict
    said: dict[str, Any] = {"verdict": found.verdict.value, "reasons": list(found.reasons), "sameNumerics": found.same_class}
    said |= {"first": run_json(both.first), "second": run_json(both.second)}
    terms = both.first.suite.terms
    return said | {"pairing": None if both.pairing is None else pairing_json(both.pairing, terms)}


def run_json(read: Read) -> dict[str, Any]:
    """Return what a run says, for people and programs: its record, its signer, and the rate corrected for the scorer's errors."""
    signer = None if read.signer is None else read.signer.fingerprint
    calibration = calibration_of(read.suite.scorer, harmful=is_harmful(read.suite))
    said = {"record": read.record.predicate(), "signer": signer}
    return said if calibration is None else said | {"corrected": corrected_json(calibration, read.record.score.to_json())}
