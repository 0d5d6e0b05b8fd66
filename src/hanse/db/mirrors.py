"""Mirrors as rows: where each comes from, the revisions that its upstream claims, and the contents that were taken in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from hanse.db.batch import batches, insert_one, put_rows
from hanse.db.schema_mirror import mirror_contents as contents_table
from hanse.db.schema_mirror import mirror_revisions as revisions_table
from hanse.db.schema_mirror import mirrors as table
from hanse.model.digest import GitOid, Sha256, XetHash


@dataclass(frozen=True, slots=True)
class Mirror:
    """Where a mirrored repository comes from.

    url: of the upstream hub, "" if none is known; times: seconds since 1970, 0 for never; failure: what the last asking came to
    instead of an answer, "" for an answer.
    """

    repo_id: int
    url: str
    asked_at: int = 0
    seen_at: int = 0
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A revision as it was claimed first.

    source: `upstream` or `cache`; state: `partial`, `complete` or `refused`; pins: as `hanse.flows.mirror.claims` packs them,
    pinned: SHA-256 of what they say; words: JSON; says: why it is refused; times: seconds since 1970.
    """

    repo_id: int
    rev: GitOid
    source: str
    state: str
    pins: bytes = field(repr=False)
    pinned: Sha256
    words: str
    says: str
    first_seen: int
    completed_at: int | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """A content with the names that its bytes were found to have."""

    sha256: Sha256
    xet: XetHash
    size: int


def put(conn: Connection, row: Mirror) -> None:
    """Record where a repository comes from, in the place of what was known."""
    put_rows(conn, table, [{name: getattr(row, name) for name in Mirror.__slots__}])


def get(conn: Connection, repo: int) -> Mirror | None:
    """Return where a repository comes from."""
    row = conn.execute(select(table).where(table.c.repo_id == repo)).one_or_none()
    return None if row is None else Mirror(row.repo_id, row.url, row.asked_at, row.seen_at, row.failure)


def note(conn: Connection, repo: int, now: int, failure: str = "") -> None:
    """Record that an upstream was asked, and answered unless a failure is told."""
    values: dict[str, object] = {"asked_at": now, "failure": failure[:2000].replace("\0", "")}
    conn.execute(update(table).where(table.c.repo_id == repo).values(values if failure else values | {"seen_at": now}))


def every(conn: Connection) -> list[Mirror]:
    """Return all mirrors, in order of repository."""
    rows = conn.execute(select(table).order_by(table.c.repo_id))
    return [Mirror(row.repo_id, row.url, row.asked_at, row.seen_at, row.failure) for row in rows]


def _claimed(row: Row[Any]) -> Claimed:
    found = {name: getattr(row, name) for name in Claimed.__slots__}
    return Claimed(**found | {"pins": bytes(row.pins)})


def claim(conn: Connection, row: Claimed) -> Claimed:
    """Pin a revision at its first claim, and return what is pinned: an earlier claim stays as it is."""
    insert_one(conn, revisions_table, {name: getattr(row, name) for name in Claimed.__slots__})
    found = claimed(conn, row.repo_id, row.rev)
    assert found is not None
    return found


def claimed(conn: Connection, repo: int, rev: str) -> Claimed | None:
    """Return what is pinned of a revision."""
    query = select(revisions_table).where(revisions_table.c.repo_id == repo, revisions_table.c.rev == rev)
    row = conn.execute(query).one_or_none()
    return None if row is None else _claimed(row)


def of_repo(conn: Connection, repo: int) -> list[Claimed]:
    """Return the revisions that were claimed, in the order in which they were first seen."""
    query = select(revisions_table).where(revisions_table.c.repo_id == repo)
    return [_claimed(row) for row in conn.execute(query.order_by(revisions_table.c.first_seen, revisions_table.c.rev))]


def set_state(conn: Connection, repo: int, rev: str, state: str, *, says: str = "", now: int | None = None) -> None:
    """Put a claimed revision into a state; now: when it became complete."""
    here = (revisions_table.c.repo_id == repo) & (revisions_table.c.rev == rev)
    values = {"state": state, "says": says[:2000].replace("\0", ""), "completed_at": now}
    conn.execute(update(revisions_table).where(here).values(values))


def confirm(conn: Connection, repo: int, rev: str, words: str) -> None:
    """Record that the upstream itself says what only a cache on this machine had told."""
    here = (revisions_table.c.repo_id == repo) & (revisions_table.c.rev == rev)
    conn.execute(update(revisions_table).where(here).values(source="upstream", words=words))


def pin_again(conn: Connection, repo: int, rev: str, pins: bytes, pinned: Sha256) -> None:
    """Replace the pins of a revision of which not every file is here yet."""
    here = (revisions_table.c.repo_id == repo) & (revisions_table.c.rev == rev) & (revisions_table.c.state == "partial")
    conn.execute(update(revisions_table).where(here).values(pins=pins, pinned=pinned))


def put_contents(conn: Connection, repo: int, found: Mapping[GitOid, Content]) -> None:
    """Record contents that were taken in."""
    rows = [
        {"repo_id": repo, "git_oid": oid, "sha256": one.sha256, "xet": one.xet, "size": one.size} for oid, one in found.items()
    ]
    put_rows(conn, contents_table, rows)


def contents(conn: Connection, repo: int, oids: Iterable[GitOid]) -> dict[GitOid, Content]:
    """Return the contents that were taken in, of those asked for, by git blob id."""
    found: dict[GitOid, Content] = {}
    wanted: Sequence[GitOid] = sorted(set(oids))
    for some in batches(wanted):
        query = select(contents_table).where(contents_table.c.repo_id == repo, contents_table.c.git_oid.in_(some))
        for row in conn.execute(query):
            found[GitOid(row.git_oid)] = Content(Sha256(row.sha256), XetHash(row.xet), row.size)
    return found


def drop(conn: Connection, repo: int) -> None:
    """Forget what an upstream claimed about a repository."""
    for one in (table, revisions_table, contents_table):
        conn.execute(delete(one).where(one.c.repo_id == repo))
