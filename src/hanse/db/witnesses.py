"""Logs that this node witnesses: rows of `witnessed` (LISTED STATE: a lost row means a new witness key)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update

from hanse.db.batch import insert_new
from hanse.db.schema_trust import witnessed


@dataclass(frozen=True, slots=True)
class WitnessedLog:
    """A log and the newest of its checkpoints that was cosigned.

    vkeys: text of the keys it may sign with; url: where it is served, "" if that is not known; root and mirrored_root: hex;
    note: that checkpoint with the log's signatures and ours, "" before the first; time: when it was cosigned, seconds;
    mirrored: size up to which it is held here, replayed and found true; mirror_note: the last checkpoint cosigned as a mirror;
    followed_at: when it was last read at its address; failure: what is in the way of following it, "" for nothing; wanted: how
    many leaves a reader says to have seen of it, 0 if nobody said more since it was last read.
    """

    origin: str
    vkeys: tuple[str, ...]
    url: str
    size: int
    root: str
    note: str
    time: int
    mirrored: int
    mirrored_root: str
    mirror_note: str
    followed_at: int
    failure: str
    wanted: int

    @property
    def origin_hash(self) -> str:
        """SHA-256 of the origin, in hex: how addresses name the log (tlog-witness)."""
        return origin_hash(self.origin)


def origin_hash(origin: str) -> str:
    """Return the SHA-256 of a log's origin, in hex."""
    return hashlib.sha256(origin.encode()).hexdigest()


def _log(row: Row[Any]) -> WitnessedLog:
    values = {name: getattr(row, name) for name in WitnessedLog.__slots__ if name != "vkeys"}
    return WitnessedLog(vkeys=tuple(row.vkey.splitlines()), **values)


def find(conn: Connection, origin: str) -> WitnessedLog | None:
    """Return a log by its origin."""
    row = conn.execute(select(witnessed).where(witnessed.c.origin == origin)).one_or_none()
    return None if row is None else _log(row)


def find_hashed(conn: Connection, digest: str) -> WitnessedLog | None:
    """Return a log by the hash of its origin."""
    row = conn.execute(select(witnessed).where(witnessed.c.origin_hash == digest)).one_or_none()
    return None if row is None else _log(row)


def every(conn: Connection) -> list[WitnessedLog]:
    """Return all logs, by origin."""
    return [_log(row) for row in conn.execute(select(witnessed).order_by(witnessed.c.origin))]


def add(conn: Connection, origin: str, vkeys: tuple[str, ...], url: str, empty_root: str) -> None:
    """Witness a log from its beginning; one that is known already gets the new keys and address and keeps its size."""
    row = {
        "origin": origin,
        "origin_hash": origin_hash(origin),
        "vkey": "\n".join(vkeys),
        "url": url,
        "size": 0,
        "root": empty_root,
        "note": "",
        "time": 0,
        "mirrored": 0,
        "mirrored_root": empty_root,
        "mirror_note": "",
        "followed_at": 0,
        "failure": "",
        "wanted": 0,
    }
    insert_new(conn, witnessed, [row])
    conn.execute(update(witnessed).where(witnessed.c.origin == origin).values(vkey=row["vkey"], url=url))


def advance(conn: Connection, seen: WitnessedLog, new: WitnessedLog) -> bool:
    """Move a log to a `new` checkpoint (size, root, note, time) if it still stands where it was `seen`; tell whether it did.

    The comparison and the change are one statement, so that of two requests that were both checked against `seen` one fails.
    """
    here = (witnessed.c.origin == seen.origin) & (witnessed.c.size == seen.size) & (witnessed.c.root == seen.root)
    changed = {"size": new.size, "root": new.root, "note": new.note, "time": new.time}
    return conn.execute(update(witnessed).where(here, witnessed.c.time <= new.time).values(changed)).rowcount == 1


def set_mirrored(conn: Connection, seen: WitnessedLog, size: int, root: str, note: str = "") -> bool:
    """Record up to where a log was replayed, unless another process did so since it was `seen`; tell which.

    note: the checkpoint of that size with our cosignature as a mirror, "" if the log made none of it.
    """
    here = (witnessed.c.origin == seen.origin) & (witnessed.c.mirrored == seen.mirrored) & (witnessed.c.mirrored <= size)
    changed = {"mirrored": size, "mirrored_root": root} | ({"mirror_note": note} if note else {})
    return conn.execute(update(witnessed).where(here).values(changed)).rowcount == 1


def set_followed(conn: Connection, origin: str, at: int) -> None:
    """Record that a log was read at its address, and nothing is in the way."""
    conn.execute(update(witnessed).where(witnessed.c.origin == origin).values(followed_at=at, failure="", wanted=0))


def set_failure(conn: Connection, origin: str, failure: str) -> None:
    """Record what is in the way of following a log."""
    changed = (witnessed.c.failure != failure) | (witnessed.c.wanted != 0)
    conn.execute(update(witnessed).where(witnessed.c.origin == origin, changed).values(failure=failure, wanted=0))


def want(conn: Connection, origin: str, size: int) -> None:
    """Record that a reader saw a log with more leaves than are held here, unless that is known."""
    short = (witnessed.c.origin == origin) & (witnessed.c.mirrored < size) & (witnessed.c.wanted == 0) & (witnessed.c.url != "")
    conn.execute(update(witnessed).where(short).values(wanted=size))
