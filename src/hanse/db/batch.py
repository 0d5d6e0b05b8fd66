"""Batches for the catalogue: many rows in few statements, on SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

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
        conn.execute(put_into(table, conn.dialect.name), [dict(row) for row in rows])


def run_many(conn: Connection, statement: ClauseElement, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run a statement that is kept for as long as the program runs, once for each row of its parameters, in one call.

    Values go to the driver as they are (texts, integers, None), which costs half of what going through SQLAlchemy's types does.
    """
    if not rows:
        return
    sql, names, fixed = _compiled(statement, conn.dialect, tuple(rows[0]))
    if names is None:
        conn.exec_driver_sql(sql, [{**fixed, **row} for row in rows])
    else:
        conn.exec_driver_sql(sql, [tuple([row[name] if name in row else fixed[name] for name in names]) for row in rows])


@lru_cache(maxsize=256)
def _compiled(
    statement: ClauseElement, dialect: Dialect, columns: tuple[str, ...]
) -> tuple[str, tuple[str, ...] | None, dict[str, Any]]:
    """Return the text of a statement, the order of its parameters where they have no names, and those that are fixed."""
    made = statement.compile(dialect=dialect, column_keys=list(columns))
    assert isinstance(made, SQLCompiler)
    return str(made), tuple(made.positiontup or ()) if made.positional else None, dict(made.params)


@lru_cache(maxsize=64)
def put_into(table: Table, dialect: str) -> Insert:
    """Return the statement of `put_rows` for a database: `postgresql` or `sqlite`."""
    statement = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    put: Insert = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    return put
