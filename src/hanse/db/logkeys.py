"""Keys that the log says something about: rows of `log_keys`, written when the `key` leaf is queued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update

from hanse.db.batch import insert_one
from hanse.db.schema_trust import log_keys
from hanse.model.digest import Sha256


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key for one use.

    use: `log`, `witness`, `mirror`, `attest`, `ref` or `namespace`; namespace: in lower case, "" but for use namespace; key:
    fingerprint; spki: base64 of DER; holder: `operator` or `owner`, "" but for use namespace; state: `active`, `retired` or
    `distrusted`; since: seconds since 1970.
    """

    use: str
    namespace: str
    key: Sha256
    spki: str
    holder: str
    state: str
    since: int


def _key(row: Row[Any]) -> LogKey:
    return LogKey(row.use, row.namespace, Sha256(row.key), row.spki, row.holder, row.state, row.since)


def add(conn: Connection, key: LogKey) -> bool:
    """Enter a key unless it is there for this use already, whatever its state; tell whether it was entered.

    PostgreSQL: waits for another transaction that enters the same key.
    """
    return insert_one(conn, log_keys, {name: getattr(key, name) for name in LogKey.__slots__})


def of_use(conn: Connection, use: str, namespace: str = "") -> list[LogKey]:
    """Return the keys for a use, in whatever state, oldest first."""
    query = select(log_keys).where(log_keys.c.use == use, log_keys.c.namespace == namespace)
    return [_key(row) for row in conn.execute(query.order_by(log_keys.c.since, log_keys.c.key))]


def get(conn: Connection, use: str, namespace: str, key: str, *, hold: bool = False) -> LogKey | None:
    """Return a key for a use; None if the log never said anything about it.

    hold: its state cannot change until the transaction ends (PostgreSQL: row lock, shared with others who ask).
    """
    query = select(log_keys).where(log_keys.c.use == use, log_keys.c.namespace == namespace, log_keys.c.key == key)
    row = conn.execute(query.with_for_update(read=True) if hold else query).one_or_none()
    return None if row is None else _key(row)


def every(conn: Connection) -> list[LogKey]:
    """Return all keys, by use and namespace."""
    query = select(log_keys).order_by(log_keys.c.use, log_keys.c.namespace, log_keys.c.since, log_keys.c.key)
    return [_key(row) for row in conn.execute(query)]


def set_state(conn: Connection, key: str, state: str, *, use: str | None = None, namespace: str = "") -> None:
    """Put a key into a state, for one use (and namespace), or for all it has if `use` is None."""
    there = log_keys.c.key == key
    if use is not None:
        there = there & (log_keys.c.use == use) & (log_keys.c.namespace == namespace)
    conn.execute(update(log_keys).where(there).values(state=state))
