"""Whom this node asks for cosignatures of its log: rows of `cosigners` (LISTED STATE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from hanse.db.schema_trust import cosigners


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness or mirror of somebody else.

    vkey: its key as text, one a line if it has several; url: what comes before `/add-checkpoint`; size: of our log when it
    cosigned last, 0 before; asked_at: when it was asked last, seconds; failure: what it answered then instead, "" for nothing.
    """

    name: str
    kind: str
    vkey: str
    url: str
    added_at: int
    size: int = 0
    asked_at: int = 0
    failure: str = ""


def _cosigner(row: Row[Any]) -> Cosigner:
    return Cosigner(**{name: getattr(row, name) for name in Cosigner.__slots__})


def every(conn: Connection) -> list[Cosigner]:
    """Return all cosigners, by name."""
    return [_cosigner(row) for row in conn.execute(select(cosigners).order_by(cosigners.c.name, cosigners.c.kind))]


def find(conn: Connection, name: str, kind: str) -> Cosigner | None:
    """Return a cosigner by name and kind (witness, mirror)."""
    row = conn.execute(select(cosigners).where(cosigners.c.name == name, cosigners.c.kind == kind)).one_or_none()
    return None if row is None else _cosigner(row)


def put(conn: Connection, cosigner: Cosigner) -> None:
    """Add a cosigner, or change the one of its name and kind."""
    remove(conn, cosigner.name, cosigner.kind)
    conn.execute(insert(cosigners).values({name: getattr(cosigner, name) for name in Cosigner.__slots__}))


def remove(conn: Connection, name: str, kind: str) -> bool:
    """Ask a cosigner no more; tell whether it was asked before."""
    return conn.execute(delete(cosigners).where(cosigners.c.name == name, cosigners.c.kind == kind)).rowcount == 1


def record(conn: Connection, cosigner: Cosigner, *, size: int, asked_at: int, failure: str) -> None:
    """Record how asking a cosigner ended; `size` is where it stands as far as is known."""
    here = (cosigners.c.name == cosigner.name) & (cosigners.c.kind == cosigner.kind)
    conn.execute(update(cosigners).where(here).values(size=size, asked_at=asked_at, failure=failure))
