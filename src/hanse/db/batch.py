"""Batches for the catalogue: many rows in few statements, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
BATCH = 500
"""Values in one IN list: far below the parameter bounds of both databases."""


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield `items` in slices of at most `BATCH`."""
    for at in range(0, len(items), BATCH):
        yield items[at : at + BATCH]


def insert_new(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows` into `table`; rows whose key exists already are left as they are. All rows name the same columns."""
    if not rows:
        return
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    conn.execute(dialect.insert(table).on_conflict_do_nothing(), [dict(row) for row in rows])


def insert_one(conn: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless its key exists already; tell whether it was inserted.

    PostgreSQL: waits for another transaction that inserts the same key.
    """
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    key = table.primary_key.columns[0]
    statement = dialect.insert(table).values(dict(row)).on_conflict_do_nothing().returning(key)
    return conn.execute(statement).one_or_none() is not None


def put_rows(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows` into `table`, each in the place of a row with the same primary key. All rows name all columns."""
    if rows:
        conn.execute(_put(table, conn.dialect.name), [dict(row) for row in rows])


@lru_cache(maxsize=64)
def _put(table: Table, dialect: str) -> Insert:
    statement = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    put: Insert = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    return put
