"""Cosignatures that were gathered: rows of `cosignatures`, the newest of each cosigner for each size of a log."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, select, update

from hanse.db.batch import insert_new
from hanse.db.schema_trust import cosignatures


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified cosignature of the checkpoint (origin, size, root).

    name, key_id (4 bytes in hex): whose; kind: witness or mirror; root: hex; time: when it was made, seconds, as signed; line:
    the signature line without its newline.
    """

    origin: str
    size: int
    name: str
    key_id: str
    kind: str
    root: str
    time: int
    line: str


class Made(NamedTuple):
    """Who cosigned a checkpoint when, without the signature: fields as in `Cosignature`."""

    name: str
    key_id: str
    kind: str
    time: int


def _cosignature(row: Row[Any]) -> Cosignature:
    return Cosignature(**{name: getattr(row, name) for name in Cosignature.__slots__})


def put(conn: Connection, found: Iterable[Cosignature]) -> None:
    """Keep cosignatures, each in the place of an older one of the same cosigner for the same size."""
    for one in found:
        values = {name: getattr(one, name) for name in Cosignature.__slots__}
        insert_new(conn, cosignatures, [values])
        conn.execute(update(cosignatures).where(_same(one), cosignatures.c.time < one.time).values(values))


def _same(one: Cosignature) -> Any:
    table = cosignatures.c
    return (table.origin == one.origin) & (table.size == one.size) & (table.name == one.name) & (table.key_id == one.key_id)


def of_size(conn: Connection, origin: str, size: int) -> list[Cosignature]:
    """Return the cosignatures of a log's checkpoint of one size, by name."""
    here = (cosignatures.c.origin == origin) & (cosignatures.c.size == size)
    query = select(cosignatures).where(here).order_by(cosignatures.c.name, cosignatures.c.key_id)
    return [_cosignature(row) for row in conn.execute(query)]


def made(conn: Connection, origin: str, least: int, limit: int = 64) -> dict[int, list[Made]]:
    """Return who cosigned the newest sizes of a log, from `least` on, the largest first."""
    table = cosignatures.c
    newest = select(table.size).where(table.origin == origin, table.size >= least).distinct()
    newest = newest.order_by(table.size.desc()).limit(limit)
    query = select(table.size, table.name, table.key_id, table.kind, table.time)
    query = query.where(table.origin == origin, table.size.in_(newest.scalar_subquery()))
    found: dict[int, list[Made]] = {}
    for row in conn.execute(query.order_by(table.size.desc(), table.name, table.key_id)):
        found.setdefault(row.size, []).append(Made(row.name, row.key_id, row.kind, row.time))
    return found


def sizes(conn: Connection, origin: str, limit: int) -> list[int]:
    """Return the newest sizes of a log that anybody cosigned, the largest first."""
    query = select(cosignatures.c.size).where(cosignatures.c.origin == origin).distinct()
    return list(conn.execute(query.order_by(cosignatures.c.size.desc()).limit(limit)).scalars())


def largest(conn: Connection, origin: str) -> Cosignature | None:
    """Return a cosignature of the largest size of a log that anybody cosigned."""
    query = select(cosignatures).where(cosignatures.c.origin == origin).order_by(cosignatures.c.size.desc()).limit(1)
    row = conn.execute(query).one_or_none()
    return None if row is None else _cosignature(row)


def newest_size(conn: Connection, origin: str, kind: str, quorum: int) -> int | None:
    """Return the largest size of a log that at least `quorum` cosigners of a kind cosigned, None if there is none."""
    query = select(cosignatures.c.size).where(cosignatures.c.origin == origin, cosignatures.c.kind == kind)
    query = query.group_by(cosignatures.c.size).having(func.count(cosignatures.c.name.distinct()) >= quorum)
    return conn.execute(query.order_by(cosignatures.c.size.desc()).limit(1)).scalar_one_or_none()


def newest(conn: Connection, origin: str) -> list[Cosignature]:
    """Return of each cosigner of a log the cosignature of the largest size that it cosigned, by name."""
    table = cosignatures
    last = select(table.c.name, table.c.kind, func.max(table.c.size).label("size")).where(table.c.origin == origin)
    ends = last.group_by(table.c.name, table.c.kind).subquery()
    same = (table.c.name == ends.c.name) & (table.c.kind == ends.c.kind) & (table.c.size == ends.c.size)
    query = select(table).join(ends, same).where(table.c.origin == origin)
    found: dict[tuple[str, str], Cosignature] = {}
    for row in conn.execute(query.order_by(table.c.name, table.c.kind, table.c.time)):
        found[row.name, row.kind] = _cosignature(row)  # of several keys of one cosigner the one that signed last
    return list(found.values())


def times(conn: Connection, origin: str, size: int) -> dict[str, int]:
    """Return when each cosigner last cosigned the checkpoint of one size: name -> seconds."""
    found = of_size(conn, origin, size)
    return {one.name: max(other.time for other in found if other.name == one.name) for one in found}


def first_size(conn: Connection, origin: str, index: int) -> int | None:
    """Return the smallest size of a log with the leaf at `index` that anybody cosigned, as far as is kept; else None."""
    table = cosignatures.c
    query = select(func.min(table.size)).where(table.origin == origin, table.size > index)
    return conn.execute(query).scalar_one_or_none()


def prune(conn: Connection, origin: str, keep: int, leaves: Sequence[int] = ()) -> None:
    """Forget all but the newest `keep` sizes of a log, and for each cosigner the last size it cosigned.

    leaves: indexes whose first cosigned size stays, too, as `first_size` has it.
    """
    kept = set(sizes(conn, origin, keep))
    if leaves:
        known = sorted(conn.execute(select(cosignatures.c.size).where(cosignatures.c.origin == origin).distinct()).scalars())
        places = (bisect_right(known, index) for index in leaves)
        kept |= {known[at] for at in places if at < len(known)}
    last = select(func.max(cosignatures.c.size)).where(cosignatures.c.origin == origin).group_by(cosignatures.c.name)
    kept |= set(conn.execute(last).scalars())
    conn.execute(delete(cosignatures).where(cosignatures.c.origin == origin, cosignatures.c.size.not_in(kept)))
