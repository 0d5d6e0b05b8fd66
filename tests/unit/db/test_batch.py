"""Batches of rows."""

from __future__ import annotations

from sqlalchemy import select

from hanse.db.batch import BATCH, batches, insert_new
from hanse.db.engine import Database
from hanse.db.schema import claimed_namespaces


def test_batches_cover_everything_in_order() -> None:
    """Slices are of bounded length and lose nothing."""
    items = list(range(2 * BATCH + 1))
    parts = list(batches(items))
    assert [len(part) for part in parts] == [BATCH, BATCH, 1]
    assert [one for part in parts for one in part] == items
    assert list(batches([])) == []


def test_rows_that_exist_stay_as_they_are(database: Database) -> None:
    """The first writer of a key wins; no row is no statement."""
    with database.write() as conn:
        insert_new(conn, claimed_namespaces, [{"folded": "a", "origin": "one.example"}])
        insert_new(conn, claimed_namespaces, [{"folded": "a", "origin": "two.example"}, {"folded": "b", "origin": "two.example"}])
        insert_new(conn, claimed_namespaces, [])
        rows = conn.execute(select(claimed_namespaces.c.folded, claimed_namespaces.c.origin).order_by("folded")).all()
    assert [tuple(row) for row in rows] == [("a", "one.example"), ("b", "two.example")]
