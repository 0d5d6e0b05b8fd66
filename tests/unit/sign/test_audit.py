"""Statements about audits, and what they are drawn from."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.predicates import AUDIT
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.sign.audit import LABEL, Record, Sample, Seed, audit_statement
from hanse.sign.statement import parse_statement

SEED = Seed(Origin("a.example"), Origin("b.example"), (7, "1" * 64), (9, "2" * 64), 3)


def test_everything_changes_the_seed() -> None:
    """Another auditor, member, log of either side or number is another audit."""
    others = [
        replace(SEED, auditor=Origin("c.example")),
        replace(SEED, member=Origin("c.example")),
        replace(SEED, own=(7, "3" * 64)),
        replace(SEED, theirs=(10, "2" * 64)),
        replace(SEED, number=4),
    ]
    assert len({one.digest for one in [SEED, *others]}) == 6
    assert len({one.point() for one in [SEED, *others]}) == 6
    assert len(SEED.point()) == 40


@given(st.integers(0, 100), st.integers(1, 2**60))
def test_positions_are_within_their_bound(sample: int, bound: int) -> None:
    """Whoever draws again draws the same, from 0 to below the bound."""
    assert 0 <= SEED.draw(sample, bound) < bound
    assert SEED.draw(sample, bound) == SEED.draw(sample, bound)


def test_positions_are_spread() -> None:
    """Over many samples every part of a file is asked for."""
    assert {SEED.draw(sample, 8) for sample in range(200)} == set(range(8))


def test_a_statement_says_what_it_is_worth() -> None:
    """It is about the revision, names seed and ranges, and says that it is evidence of serving only."""
    repo = RepoId(Origin("a.example"), RepoType.MODEL, "org", "m")
    sample = Sample("w.bin", XetHash("4" * 64), 5, 70, "served")
    made = audit_statement(
        repo,
        GitOid("5" * 40),
        Sha256("6" * 64),
        seed=SEED,
        samples=[sample],
        record=Record(9, 8, 1, failing=False),
        time=1_800_000_000,
    )
    read = parse_statement(made.encode())
    assert read.predicate_type == AUDIT
    assert read.subjects[0].digest == {"gitCommit": "5" * 40, "sha256": "6" * 64}
    assert read.predicate["label"] == LABEL == "evidence of serving, not proof of storing"
    assert read.predicate["seed"]["own"] == {"size": 7, "root": "1" * 64}
    assert read.predicate["samples"] == [{"path": "w.bin", "xet": "4" * 64, "start": 5, "end": 70, "outcome": "served"}]
    assert read.predicate["record"] == {"asked": 9, "served": 8, "inARow": 1, "failing": False}
