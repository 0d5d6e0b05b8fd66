"""Rows of alarms."""

from __future__ import annotations

from dataclasses import replace

from hanse.db import alarms
from hanse.db.alarms import Alarm
from hanse.db.engine import Database

LIE = Alarm("equivocation", "example.com/log", "it signed two roots", b"evidence", 5)


def test_an_alarm_is_raised_once(database: Database) -> None:
    """The same evidence of the same kind about the same log is one alarm; after it is closed, too."""
    with database.write() as conn:
        assert alarms.put(conn, LIE)
        assert not alarms.put(conn, replace(LIE, says="again", created_at=9))
        (found,) = alarms.every(conn)
        assert replace(found, id=0) == LIE
        assert alarms.close(conn, found.id)
        assert not alarms.close(conn, found.id)
        assert not alarms.put(conn, LIE)
        assert (alarms.every(conn), alarms.count(conn)) == ([], 0)
        assert [one.closed for one in alarms.every(conn, closed=True)] == [True]


def test_whoever_lies_without_end_fills_no_disk(database: Database) -> None:
    """Of one kind about one log a bounded number is open, each with bounded evidence; others are still told."""
    with database.write() as conn:
        raised = [alarms.put(conn, replace(LIE, evidence=b"%d" % number)) for number in range(alarms.MAX_OPEN + 5)]
        assert raised == [True] * alarms.MAX_OPEN + [False] * 5
        assert alarms.put(conn, replace(LIE, origin="other", evidence=bytes(2 * alarms.MAX_EVIDENCE)))
        assert alarms.count(conn) == alarms.MAX_OPEN + 1
        assert len(alarms.every(conn)[0].evidence) == alarms.MAX_EVIDENCE
