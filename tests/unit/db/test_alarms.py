"""Alarms as rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanse.db import alarms
from hanse.db.alarms import Alarm
from hanse.db.engine import Database

FORK = Alarm("fork", "a.example.org", "two checkpoints of one size", b"both notes", 5)
TAKEN = Alarm("owner-change", "a.example.org", "another key", b"two leaves", 6, "model", "alice/m")


def test_an_alarm_is_raised_once(database: Database) -> None:
    """The same evidence raises no second alarm, also after a person closed the first."""
    with database.write() as conn:
        assert alarms.put(conn, FORK)
        assert not alarms.put(conn, replace(FORK, says="other words"))
        assert alarms.put(conn, TAKEN)
        newest, first = alarms.every(conn)
        assert replace(first, id=0) == FORK
        assert replace(newest, id=0) == TAKEN
        assert alarms.count(conn) == 2
        assert alarms.close(conn, first.id)
        assert not alarms.close(conn, first.id)
        assert not alarms.put(conn, FORK)
        assert [one.kind for one in alarms.every(conn)] == ["owner-change"]
        assert [one.closed for one in alarms.every(conn, closed=True)] == [False, True]
        assert len(alarms.every(conn, closed=True, limit=1)) == 1


def test_a_noisy_log_fills_no_table(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one origin and kind only so many are open, each of bounded size; others still get through."""
    monkeypatch.setattr(alarms, "MAX_OPEN", 3)
    monkeypatch.setattr(alarms, "MAX_EVIDENCE", 4)
    with database.write() as conn:
        assert [alarms.put(conn, replace(FORK, evidence=b"%d" % one)) for one in range(5)] == [True] * 3 + [False] * 2
        assert alarms.put(conn, replace(TAKEN, evidence=b"longer"))
        assert alarms.put(conn, replace(FORK, origin="b.example.org", evidence=b"9"))
        assert alarms.every(conn)[1].evidence == b"long"
        alarms.close(conn, alarms.every(conn)[-1].id)
        assert alarms.put(conn, replace(FORK, evidence=b"7"))
