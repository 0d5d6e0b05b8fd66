"""Countersignatures: written and read, bound to one record, and refused where a verdict has nothing to rest on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.evals import test_record as records
from tests.unit.evals.test_record import SUITE, plain, ran, run

from hanse.errors import BadFormat, VerificationFailed
from hanse.evals.compare import Verdict
from hanse.evals.countersignature import (
    Audit,
    Blind,
    Countersignature,
    Level,
    commitment,
    pairing_json,
    parse_countersignature,
)
from hanse.evals.record import compare, make_record
from hanse.model.digest import Sha256
from hanse.model.repo import Origin

OTHER = Origin("lab.example")
CHECKPOINT = Sha256("c" * 64)


def rerun(level: Level = Level.V3, *, seed: int = 2) -> Countersignature:
    """Return what a run of one's own comes to."""
    mine = run(ran(seed), evaluator=OTHER)
    found = compare(run(ran()), mine, SUITE)
    assert found.pairing is not None
    own = mine.record.digest
    blind = Blind("5a" * 32, commitment(own, "5a" * 32)) if level is Level.V4 else None
    paired = pairing_json(found.pairing, SUITE.terms)
    return Countersignature(
        plain().digest, level, found.verdict, OTHER, found.reasons, own, paired, None, blind, found.same_class
    )


def audited() -> Countersignature:
    """Return what an audit of tokens comes to."""
    audit = Audit(60, CHECKPOINT, 1200, "0.959000", "0.004000", "0.120000", "gaps-1")
    return Countersignature(plain().digest, Level.V2, Verdict.AGREES, OTHER, audit=audit)


@pytest.mark.parametrize(
    "one", [rerun(), rerun(Level.V4), audited(), Countersignature(plain().digest, Level.V1, Verdict.AGREES, OTHER)]
)
def test_written_and_read(one: Countersignature) -> None:
    """A countersignature is read as it was written, by way of the JSON in its statement, and is about its record."""
    assert parse_countersignature(json.loads(json.dumps(one.predicate()))) == one
    one.require_about(plain())
    assert one.independent(plain())


def test_replayed_for_another_record() -> None:
    """A countersignature of one record says nothing about another, which may differ in nothing but its evaluator."""
    other = make_record(SUITE, ran(), records.SAID | {"evaluator": "elsewhere.example"})
    with pytest.raises(VerificationFailed, match="about the record"):
        rerun().require_about(other)
    assert not Countersignature(other.digest, Level.V0, Verdict.AGREES, Origin("elsewhere.example")).independent(other)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"own": ""}, "an own record"),
        ({"pairing": None}, "an own record"),
        ({"level": "V2"}, "an audit"),
        ({"level": "V1"}, "another level"),
        ({"level": "V4"}, "opens a commitment"),
        ({"level": "V1", "verdict": "DISAGREES"}, "AGREES or INVALID"),
        ({"level": "V9"}, "the level"),
        ({"verdict": "FINE"}, "the verdict"),
        ({"sameNumerics": 1}, "true or false"),
        ({"reasons": ["NO SUCH"]}, "a reason"),
        ({"reasons": ["a"] * 33}, "at most 32"),
        ({"record": 1}, "the digest of a record"),
        ({"own": 0}, "own record"),
        ({"extra": 1}, "has the fields"),
        ({"blind": {"salt": "5a" * 32, "commitment": "0" * 64}}, "V4"),
    ],
)
def test_what_is_none(changes: dict[str, Any], says: str) -> None:
    """A verdict without what its level needs, figures of another level, and other forms are refused."""
    with pytest.raises(BadFormat, match=says):
        parse_countersignature(rerun().predicate() | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"n": -1},
        {"agreement": "1.500000"},
        {"agreement": "nan"},
        {"agreement": 1.0},
        {"ci90": ["0.500000", "0.100000"]},
        {"ci90": ["0.500000"]},
        {"discordant": [1]},
        {"discordant": [1, 10**9]},
        {"difference": "-2.000000"},
    ],
)
def test_figures_out_of_bounds(changes: dict[str, Any]) -> None:
    """Figures of a pairing are numbers within their bounds, in the form of records."""
    said = rerun().predicate()
    with pytest.raises(BadFormat):
        parse_countersignature(said | {"pairing": said["pairing"] | changes})


def test_an_opening_of_another_result() -> None:
    """At V4 the commitment that was logged must be to the record that is now shown."""
    said = rerun(Level.V4).predicate()
    with pytest.raises(BadFormat, match="another record"):
        parse_countersignature(said | {"own": "1" * 64})


def test_levels_are_ranked() -> None:
    """V3 does for V1, not the other way round."""
    assert Level.V3.reaches(Level.V1)
    assert Level.V1.reaches(Level.V1)
    assert not Level.V1.reaches(Level.V3)
