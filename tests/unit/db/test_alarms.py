"""Alarms as rows."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from hanse.db import alarms
from hanse.db.alarms import NewAlarm
from hanse.db.engine import Database
from hanse.model.repo import Origin

HERE, THERE = Origin("a.example.org"), Origin("b.example.org")
FORK = NewAlarm("fork", HERE, "two checkpoints of one size", b"both notes", 5)
TAKEN = NewAlarm("owner-change", HERE, "another key", b"two leaves", 6, "model", "alice/m")


def test_an_alarm_is_raised_once(database: Database) -> None:
    """The same evidence raises no second alarm, also after a person closed the first."""
    with database.write() as conn:
        assert alarms.put(conn, FORK)
        assert not alarms.put(conn, replace(FORK, says="other words"))
        (found,) = alarms.listed(conn)
        assert (found.kind, found.origin, found.evidence, found.closed) == ("fork", HERE, b"both notes", False)
        assert found.digest == hashlib.sha256(b"both notes").hexdigest()
        assert alarms.close(conn, found.id)
        assert not alarms.close(conn, found.id)
        assert not alarms.put(conn, FORK)
        assert alarms.listed(conn) == []
        assert [one.closed for one in alarms.listed(conn, open_only=False)] == [True]


def test_alarms_about_a_repository(database: Database) -> None:
    """A repository is concerned by alarms about it and about its whole origin, not by those of others."""
    with database.write() as conn:
        for new in (FORK, TAKEN, replace(TAKEN, repo="bob/m", evidence=b"3"), replace(FORK, origin=THERE, evidence=b"4")):
            assert alarms.put(conn, new)
        assert [one.kind for one in alarms.open_about(conn, HERE, "model", "alice/m")] == ["fork", "owner-change"]
        assert [one.kind for one in alarms.open_about(conn, HERE, "dataset", "alice/m")] == ["fork"]
        assert [one.evidence for one in alarms.open_about(conn, THERE, "model", "x/y")] == [b"4"]
        first = alarms.listed(conn, limit=1)[0]
        assert [one.id for one in alarms.listed(conn, after=first.id)] == [first.id + 1, first.id + 2, first.id + 3]


def test_a_noisy_log_fills_no_table(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one origin and kind only so many are open, each of bounded size; others still get through."""
    monkeypatch.setattr(alarms, "MAX_OPEN", 3)
    monkeypatch.setattr(alarms, "MAX_EVIDENCE", 4)
    with database.write() as conn:
        assert [alarms.put(conn, replace(FORK, evidence=b"%d" % one)) for one in range(5)] == [True] * 3 + [False] * 2
        assert alarms.put(conn, replace(TAKEN, evidence=b"longer", says="s" * 9999))
        assert alarms.put(conn, replace(FORK, origin=THERE, evidence=b"9"))
        cut = alarms.open_about(conn, HERE, "model", "alice/m")[-1]
        assert (cut.evidence, len(cut.says)) == (b"long", alarms.MAX_SAYS)
        alarms.close(conn, alarms.listed(conn)[0].id)
        assert alarms.put(conn, replace(FORK, evidence=b"7"))
