"""Sums for the status of the node: rows of `tallies` (LISTED STATE)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select, update

from hanse.db.batch import insert_new
from hanse.db.schema_status import tallies


def add(conn: Connection, amounts: Mapping[str, int]) -> None:
    """Add to sums by their names; one that was never added to begins with 0."""
    names = sorted(amounts)  # always in one order, so that two processes never wait for each other
    insert_new(conn, tallies, [{"name": name, "value": 0} for name in names])
    for name in names:
        here = tallies.c.name == name
        conn.execute(update(tallies).where(here).values(value=tallies.c.value + amounts[name]))


def every(conn: Connection) -> dict[str, int]:
    """Return all sums."""
    return {row.name: row.value for row in conn.execute(select(tallies))}
