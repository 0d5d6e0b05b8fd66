"""Sums."""

from __future__ import annotations

from hanse.db import tallies
from hanse.db.engine import Database


def test_amounts_add_up(database: Database) -> None:
    """A sum begins with nothing and takes what is added, also beyond 2^31."""
    with database.write() as conn:
        assert tallies.every(conn) == {}
        tallies.add(conn, {"a": 5, "b": 2**40})
        tallies.add(conn, {"b": 1})
        tallies.add(conn, {})
        assert tallies.every(conn) == {"a": 5, "b": 2**40 + 1}
