"""Challenges: drawn by a checkpoint and a record, the same for everybody, and hard to slip past."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.evals.test_record import plain, ran

from hanse.errors import BadFormat
from hanse.evals.challenge import checkpoint_digest, draw, first_after, missed, seed_of
from hanse.evals.itemtable import ItemTable, Status

TEXT = b"uni.example\n12\nAAAA\n"


def test_everybody_draws_the_same() -> None:
    """One checkpoint and one record give one challenge, of different items; another of either gives another one."""
    table, record = ran(), plain().digest
    drawn = draw(seed_of(TEXT, record), table, 60)
    assert drawn == draw(seed_of(TEXT, record), table, 60)
    assert len(set(drawn)) == 60
    assert drawn != draw(seed_of(b"uni.example\n13\nAAAA\n", record), table, 60)
    assert drawn != draw(seed_of(TEXT, "0" * 64), table, 60)
    assert draw(bytes(32), table, 60)[:3] == (("q-002", 0), ("q-014", 0), ("q-027", 0))


def test_only_what_ended() -> None:
    """Items without an answer are not drawn; of a small run every item is."""
    table = ran()
    rows = [replace(row, status=Status.INFRA_ERROR, outcome=None) if at < 390 else row for at, row in enumerate(table.rows)]
    drawn = draw(seed_of(TEXT, plain().digest), ItemTable(tuple(rows)), 60)
    assert drawn == tuple((row.item, row.epoch) for row in table.rows[390:])
    with pytest.raises(BadFormat):
        draw(b"", table, 0)


def test_the_first_checkpoint_that_has_it() -> None:
    """The seed is of the smallest checkpoint that covers the leaf: nobody chooses among later ones."""
    assert first_after(7, [12, 8, 7, 20]) == 1
    with pytest.raises(BadFormat, match="no checkpoint"):
        first_after(20, [12, 20])


def test_how_often_inventions_are_missed() -> None:
    """5 % of invented items escape 60 draws in less than 4.6 % of audits, and 100 draws in less than 0.6 %."""
    assert 0.03 < missed(0.05, 60, 1000) < 0.046
    assert missed(0.05, 100, 1000) < 0.006
    assert missed(0.05, 1000, 1000) == 0
    assert checkpoint_digest(TEXT) != checkpoint_digest(TEXT + b"x")
