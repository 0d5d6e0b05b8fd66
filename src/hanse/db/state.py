"""The node's own few facts in the catalogue, table `node_state`: origin, cas_epoch, catalogue."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, insert, select, update

from hanse.db.batch import insert_new
from hanse.db.schema import node_state

# Asked with every Xet token: built once.
_FACT = select(node_state.c.value).where(node_state.c.key == bindparam("key"))


def get_state(connection: Connection) -> dict[str, str]:
    """Return every fact by its key; empty before the first start."""
    return {row.key: row.value for row in connection.execute(select(node_state))}


def get_fact(connection: Connection, key: str) -> str | None:
    """Return one fact, None if it was never fixed."""
    value: str | None = connection.execute(_FACT, {"key": key}).scalar_one_or_none()
    return value


def insert_state(connection: Connection, facts: dict[str, str]) -> None:
    """Add facts; raises SQLAlchemy's IntegrityError if another process has added one of them."""
    connection.execute(insert(node_state), [{"key": key, "value": value} for key, value in facts.items()])


def set_state(connection: Connection, key: str, value: str) -> None:
    """Change a fact that exists."""
    connection.execute(update(node_state).where(node_state.c.key == key).values(value=value))


def put_fact(connection: Connection, key: str, value: str) -> None:
    """Set a fact, whether it exists or not."""
    insert_new(connection, node_state, [{"key": key, "value": value}])
    set_state(connection, key, value)
