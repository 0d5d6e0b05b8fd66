"""What copies of others' logs hold, found by what it is about: rows of `foreign_*`, made again from the copies."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select, update

from hanse.db.batch import batches, insert_new
from hanse.db.schema_foreign import foreign_bundles as bundles
from hanse.db.schema_foreign import foreign_checkpoints as checkpoints
from hanse.db.schema_foreign import foreign_leaves as leaves
from hanse.db.schema_foreign import foreign_logs as logs
from hanse.db.schema_foreign import foreign_replays as replays
from hanse.model.leaf_fields import MAX_INT

KEY, REF, LIST, REPO, COPY, ADVISORY = "key", "ref", "list", "repo", "copy", "adv"
KEEP_CHECKPOINTS = 64


@dataclass(frozen=True, slots=True)
class Listed:
    """A leaf about a key, a ref, a repository, an advisory, or a version of a federation's list.

    subject: of a ref its key in the map of refs, in hex; of a list ROLE/VERSION/DIGEST, with 32 hex digits; else "". place: of a
    ref, a repository or its copies `place_of` it; of a list the federation, if the leaf names it; else "".
    """

    index: int
    kind: str
    subject: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint at which a copy was cosigned here. root: hex; note: signed by the log."""

    size: int
    root: str
    note: str


def indexed(conn: Connection, log: str) -> int:
    """Return how many leaves of a copy were looked through."""
    return conn.execute(select(logs.c.size).where(logs.c.log == log)).scalar_one_or_none() or 0


def put_leaves(conn: Connection, log: str, rows: Sequence[Listed], size: int) -> None:
    """Record leaves of a copy, which is looked through up to `size` from now on; what is known stays as it is."""
    count = sum(one.kind == ADVISORY for one in rows)
    for some in batches(rows):
        named = [{"log": log, "index": one.index, "kind": one.kind, "subject": one.subject, "place": one.place} for one in some]
        insert_new(conn, leaves, named)
    insert_new(conn, logs, [{"log": log, "size": size, "advisories": 0}])
    conn.execute(update(logs).where(logs.c.log == log).values(size=size, advisories=logs.c.advisories + count))


def key_leaves(conn: Connection, log: str, before: int, limit: int) -> list[int]:
    """Return the indexes below `before` of the leaves about keys, in their order."""
    query = select(leaves.c.index).where(leaves.c.log == log, leaves.c.kind == KEY, leaves.c.index < before)
    return list(conn.execute(query.order_by(leaves.c.index).limit(limit)).scalars())


def ref_leaves(conn: Connection, log: str, subject: str, before: int, limit: int) -> list[int]:
    """Return the newest indexes below `before` of the leaves that set a ref, newest first."""
    here = (leaves.c.log == log, leaves.c.kind == REF, leaves.c.subject == subject, leaves.c.index < before)
    return list(conn.execute(select(leaves.c.index).where(*here).order_by(leaves.c.index.desc()).limit(limit)).scalars())


def advisory_leaves(conn: Connection, log: str, before: int, limit: int) -> list[int]:
    """Return the newest indexes below `before` of the leaves about advisories, in their order."""
    query = select(leaves.c.index).where(leaves.c.log == log, leaves.c.kind == ADVISORY, leaves.c.index < before)
    return sorted(conn.execute(query.order_by(leaves.c.index.desc()).limit(limit)).scalars())


def advisories_known(conn: Connection) -> int:
    """Return a number that grows with every leaf about an advisory in the copies and every statement of one that came, or 0.

    It is kept with each log, so that asking costs one row a log, however many advisories there are.
    """
    return int(conn.execute(select(func.sum(logs.c.advisories))).scalar_one() or 0)


def note_advisories(conn: Connection, log: str, start: int, end: int) -> None:
    """Count again the leaves about advisories from `start` to before `end`: only now does the copy have them for its readers."""
    here = (leaves.c.log == log, leaves.c.index >= start, leaves.c.index < end, leaves.c.kind == ADVISORY)
    found = select(func.count()).select_from(leaves).where(*here).scalar_subquery()
    conn.execute(update(logs).where(logs.c.log == log).values(advisories=logs.c.advisories + found))


def newest_list(conn: Connection, log: str) -> int:
    """Return the index of the newest leaf of a log that names a version of a federation's list, -1 without one."""
    found = conn.execute(select(func.max(leaves.c.index)).where(leaves.c.log == log, leaves.c.kind == LIST)).scalar_one()
    return -1 if found is None else int(found)


def lists(conn: Connection, log: str, limit: int, before: int = MAX_INT) -> list[Listed]:
    """Return the newest leaves of a log, below an index, that name versions of federations' lists, newest first."""
    here = (leaves.c.log == log, leaves.c.kind == LIST, leaves.c.index < before)
    query = select(leaves.c.index, leaves.c.subject, leaves.c.place).where(*here).order_by(leaves.c.index.desc())
    return [Listed(index, LIST, subject, place) for index, subject, place in conn.execute(query.limit(limit))]


def place_of(origin: str, kind: str, repo: str) -> str:
    """Return what a repository (`namespace/name` in any case) is found by."""
    return hashlib.sha256(f"{origin} {kind} {repo.lower()}".encode()).hexdigest()


def newest_refs(conn: Connection, log: str, place: str, before: int, limit: int) -> list[int]:
    """Return the index below `before` of the newest leaf of each ref of a repository, newest first."""
    here = (leaves.c.log == log, leaves.c.kind == REF, leaves.c.place == place, leaves.c.index < before)
    newest = func.max(leaves.c.index)
    query = select(newest).where(*here).group_by(leaves.c.subject).order_by(newest.desc())
    return list(conn.execute(query.limit(limit)).scalars())


def newest_repo(conn: Connection, log: str, place: str, before: int, kind: str = REPO) -> int | None:
    """Return the index below `before` of the newest leaf about a repository, or its copies, None if there is none."""
    here = (leaves.c.log == log, leaves.c.kind == kind, leaves.c.place == place, leaves.c.index < before)
    found: int | None = conn.execute(select(func.max(leaves.c.index)).where(*here)).scalar_one()
    return found


def places(conn: Connection, log: str, start: int, end: int) -> set[str]:
    """Return which repositories the leaves with indexes from `start` to before `end` are about, as `place_of` them."""
    here = (leaves.c.log == log, leaves.c.index >= start, leaves.c.index < end, leaves.c.place != "")
    return set(conn.execute(select(leaves.c.place).where(*here).distinct()).scalars())


def put_checkpoint(conn: Connection, log: str, found: KeptCheckpoint) -> None:
    """Keep a checkpoint of a copy, and forget all but the newest ones."""
    insert_new(conn, checkpoints, [{"log": log, "size": found.size, "root": found.root, "note": found.note}])
    kept = [one.size for one in kept_checkpoints(conn, log)]
    if len(kept) > KEEP_CHECKPOINTS:
        conn.execute(delete(checkpoints).where(checkpoints.c.log == log, checkpoints.c.size < kept[KEEP_CHECKPOINTS - 1]))


def kept_checkpoints(conn: Connection, log: str) -> list[KeptCheckpoint]:
    """Return the kept checkpoints of a log, the largest first."""
    query = select(checkpoints).where(checkpoints.c.log == log).order_by(checkpoints.c.size.desc())
    return [KeptCheckpoint(row.size, row.root, row.note) for row in conn.execute(query)]


def put_bundle(conn: Connection, log: str, index: int, data: bytes) -> None:
    """Keep the statement that a leaf lists, compressed."""
    insert_new(conn, bundles, [{"log": log, "index": index, "data": data}])


def put_advisory(conn: Connection, log: str, index: int, data: bytes) -> None:
    """Keep the statement of an advisory that a leaf lists, compressed, so that whoever knew it without looks again."""
    put_bundle(conn, log, index, data)
    conn.execute(update(logs).where(logs.c.log == log).values(advisories=logs.c.advisories + 1))


def bundle(conn: Connection, log: str, index: int) -> bytes | None:
    """Return the kept statement that a leaf lists, compressed; None if there is none."""
    found = conn.execute(select(bundles.c.data).where(bundles.c.log == log, bundles.c.index == index)).scalar_one_or_none()
    return None if found is None else bytes(found)


def put_replay(conn: Connection, log: str, parts: Sequence[bytes]) -> None:
    """Keep the replayed state of a copy, given in parts, in the place of the former one."""
    conn.execute(delete(replays).where(replays.c.log == log))
    insert_new(conn, replays, [{"log": log, "part": number, "data": data} for number, data in enumerate(parts)])


def kept_replay(conn: Connection, log: str) -> list[bytes]:
    """Return the parts of the kept state of a copy, none if there is none."""
    return [
        bytes(data)
        for data in conn.execute(select(replays.c.data).where(replays.c.log == log).order_by(replays.c.part)).scalars()
    ]
