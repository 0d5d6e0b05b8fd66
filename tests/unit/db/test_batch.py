"""Batches of rows."""

from __future__ import annotations

from sqlalchemy import bindparam, select, update

from hanse.db.batch import BATCH, batches, insert_new, insert_one, put_into, put_rows, run_many
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


def test_one_row_tells_whether_it_was_new(database: Database) -> None:
    """Inserting a row tells whether its key was free; the row that was there stays."""
    with database.write() as conn:
        assert insert_one(conn, claimed_namespaces, {"folded": "a", "origin": "one.example"})
        assert not insert_one(conn, claimed_namespaces, {"folded": "a", "origin": "two.example"})
        assert conn.execute(select(claimed_namespaces.c.origin)).scalars().all() == ["one.example"]


def test_rows_take_the_place_of_others(database: Database) -> None:
    """A row with a key that exists replaces all of the old row; no row is no statement."""
    with database.write() as conn:
        for origin, active in (("one.example", True), ("two.example", False)):
            rows = [{"folded": name, "origin": origin, "active": active} for name in ("a", origin)]
            put_rows(conn, claimed_namespaces, rows)
        put_rows(conn, claimed_namespaces, [])
        found = conn.execute(select(claimed_namespaces).order_by("folded")).all()
    assert [tuple(row) for row in found] == [
        ("a", "two.example", False), ("one.example", "one.example", True), ("two.example", "two.example", False),
    ]  # fmt: skip


def test_a_statement_runs_once_for_each_row(database: Database) -> None:
    """Its parameters go where they belong on each database, beside what is fixed in it; no row is no statement."""
    table = claimed_namespaces
    close = update(table).where(table.c.folded == bindparam("b_folded")).values(active=False, origin=bindparam("b_origin"))
    with database.write() as conn:
        put = put_into(table, conn.dialect.name)
        run_many(conn, put, [{"folded": name, "origin": "one.example", "active": True} for name in ("a", "b%s", "c?")])
        run_many(conn, put, [{"folded": "a", "origin": "two.example", "active": True}])
        run_many(conn, close, [{"b_folded": "b%s", "b_origin": "x"}, {"b_origin": "y", "b_folded": "c?"}])
        run_many(conn, close, [])
        found = conn.execute(select(table).order_by("folded")).all()
    assert [tuple(row) for row in found] == [("a", "two.example", True), ("b%s", "x", False), ("c?", "y", False)]
