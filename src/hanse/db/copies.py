"""Copies of members' revisions as rows of `copies`, and what the planning of them asks the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, exists, func, or_, select, update

from hanse.db.batch import insert_new
from hanse.db.blobs import FileRow
from hanse.db.schema import files, repo_files, repos
from hanse.db.schema_copies import copies as table
from hanse.db.schema_trust import sightings
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.repo import Origin

WANTED, LEFT, HELD, REFUSED = "wanted", "left", "held", "refused"
WITHDRAWN, RELEASED = "withdrawn", "released"
_SAYS = 1000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Copy:
    """A settled revision of a member.

    repo: `namespace/name` in lower case; state: `wanted` (to be fetched), `left` (to others), `held`, `refused` (by the scanner),
    `withdrawn` (by its home, still to be let go), `released`; size: bytes, licence: of the card, None while unknown; moved: bytes
    fetched for it; tries: failures in a row; times: seconds.
    """

    origin: Origin
    type: str
    repo: str
    rev: GitOid
    tree: Sha256
    settled_at: int
    state: str
    size: int | None = None
    licence: str | None = None
    moved: int = 0
    tries: int = 0
    says: str = ""
    changed_at: int = 0

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What names the row."""
        return self.origin, self.type, self.repo, self.rev


def _copy(row: Row[Any]) -> Copy:
    told = {name: getattr(row, name) for name in Copy.__slots__}
    return Copy(**told | {"origin": Origin(row.origin), "rev": GitOid(row.rev), "tree": Sha256(row.tree)})


def _here(key: tuple[str, str, str, str]) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in zip(("origin", "type", "repo", "rev"), key, strict=True)))


def unplanned(conn: Connection, origins: Collection[Origin], limit: int, *only: ColumnElement[bool]) -> list[Copy]:
    """Return revisions that members settled in their own logs and that no row speaks of yet, oldest first.

    only: conditions over `sightings` besides.
    """
    same = and_(*(table.c[name] == sightings.c[name] for name in ("origin", "type", "repo", "rev")))
    query = select(sightings).where(
        sightings.c.log == sightings.c.origin, sightings.c.manifest, sightings.c.origin.in_(sorted(origins)), *only
    )
    query = query.where(~exists(select(table.c.rev).where(same))).order_by(sightings.c.time, sightings.c.log, sightings.c.index)
    found: dict[tuple[str, str, str, str], Copy] = {}
    for row in conn.execute(query.limit(limit)):
        made = Copy(Origin(row.origin), row.type, row.repo, GitOid(row.rev), Sha256(row.tree), row.time, LEFT)
        found.setdefault(made.key, made)
    return list(found.values())


def put_new(conn: Connection, rows: Sequence[Copy]) -> None:
    """Record revisions that are not known yet; known ones stay as they are."""
    insert_new(conn, table, [{name: getattr(row, name) for name in Copy.__slots__} for row in rows])


def get(conn: Connection, key: tuple[str, str, str, str]) -> Copy | None:
    """Return one row, by `Copy.key`."""
    row = conn.execute(select(table).where(_here(key))).one_or_none()
    return None if row is None else _copy(row)


def set_state(conn: Connection, key: tuple[str, str, str, str], state: str, now: int, **values: object) -> None:
    """Change a row; values: further columns. One that was withdrawn meanwhile stays so unless it is released."""
    query = update(table).where(_here(key))
    if state != RELEASED:
        query = query.where(table.c.state != WITHDRAWN)
    if "says" in values:
        values["says"] = str(values["says"])[:_SAYS].replace("\0", "")
    conn.execute(query.values(state=state, changed_at=now, **values))


def add_moved(conn: Connection, key: tuple[str, str, str, str], size: int) -> None:
    """Count bytes that were fetched for a revision."""
    conn.execute(update(table).where(_here(key)).values(moved=table.c.moved + size))


def in_state(conn: Connection, states: Sequence[str], limit: int, after: Copy | None = None) -> list[Copy]:
    """Return rows in these states behind one, by when they were settled and by name."""
    order = (table.c.settled_at, table.c.origin, table.c.type, table.c.repo, table.c.rev)
    query = select(table).where(table.c.state.in_(states)).order_by(*order)
    if after is not None:
        query = query.where(_after(order, (after.settled_at, *after.key)))
    return [_copy(row) for row in conn.execute(query.limit(limit))]


def held_repos(conn: Connection) -> dict[tuple[str, str, str], GitOid]:
    """Return the repositories of which something is held for others, (origin, type, repo) -> one of the commits."""
    named = (table.c.origin, table.c.type, table.c.repo)
    query = select(*named, func.max(table.c.rev)).where(table.c.state == HELD).group_by(*named)
    return {(row[0], row[1], row[2]): GitOid(row[3]) for row in conn.execute(query)}


def newest(conn: Connection, states: Sequence[str], limit: int) -> list[Copy]:
    """Return the rows in these states that were settled last, the newest first."""
    query = select(table).where(table.c.state.in_(states)).order_by(table.c.settled_at.desc(), table.c.rev)
    return [_copy(row) for row in conn.execute(query.limit(limit))]


def _after(order: Sequence[Any], place: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition that the columns come after a place in lexical order."""
    return or_(
        *(
            and_(*(column == value for column, value in zip(order[:at], place[:at], strict=True)), order[at] > place[at])
            for at in range(len(order))
        )
    )


def counts(conn: Connection) -> dict[str, tuple[int, int, int]]:
    """Return state -> (revisions, bytes of their files as far as known, bytes fetched for them)."""
    sums = (func.count(), func.coalesce(func.sum(table.c.size), 0), func.coalesce(func.sum(table.c.moved), 0))
    rows = conn.execute(select(table.c.state, *sums).group_by(table.c.state))
    return {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in rows}


def withdraw(conn: Connection, repo: tuple[Origin, str, str], *, rev: str | None, now: int) -> None:
    """Record that a member took a revision of its own (origin, type, name) back, or (rev None) all that it has settled of it.

    What was never planned is recorded as let go, so that it is not planned later.
    """
    which = (sightings.c.type == repo[1], sightings.c.repo == repo[2], *(() if rev is None else (sightings.c.rev == rev,)))
    while new := unplanned(conn, [repo[0]], _AT_ONCE, *which):
        put_new(conn, [replace(one, state=RELEASED, changed_at=now) for one in new])
    conn.execute(update(table).where(_named(repo, rev), table.c.state != RELEASED).values(state=WITHDRAWN, changed_at=now))


def restore(conn: Connection, repo: tuple[Origin, str, str], *, rev: str | None) -> None:
    """Forget that a member took a revision, or all of a repository, back: it is planned anew, like what was just settled."""
    conn.execute(delete(table).where(_named(repo, rev), table.c.state.in_([WITHDRAWN, RELEASED])))


def _named(repo: tuple[Origin, str, str], rev: str | None) -> ColumnElement[bool]:
    here = and_(*(table.c[name] == value for name, value in zip(("origin", "type", "repo"), repo, strict=True)))
    return here if rev is None else and_(here, table.c.rev == rev)


def held_bytes(conn: Connection, origin: Origin) -> int:
    """Return how many bytes of files this node holds for others; origin: its own. A file that several share counts once."""
    mine = exists(
        select(repo_files.c.file_id)
        .join(repos, repos.c.id == repo_files.c.repo_id)
        .where(repo_files.c.file_id == files.c.id, repos.c.origin == origin)
    )
    theirs = exists(
        select(repo_files.c.file_id)
        .join(repos, repos.c.id == repo_files.c.repo_id)
        .join(table, and_(table.c.origin == repos.c.origin, table.c.state == HELD))
        .where(repo_files.c.file_id == files.c.id)
    )
    query = select(func.coalesce(func.sum(files.c.size), 0)).where(~files.c.erased, theirs, ~mine)
    return int(conn.execute(query).scalar_one())


def alike(conn: Connection, scope: ColumnElement[bool], size: int, limit: int) -> list[FileRow]:
    """Return files of about this size that a commit names in a repository of `scope`, the newest first."""
    held = exists(
        select(repo_files.c.file_id)
        .join(repos, repos.c.id == repo_files.c.repo_id)
        .where(repo_files.c.file_id == files.c.id, repo_files.c.state == "live", scope)
    )
    near = files.c.size.between(size - size // 50, size + size // 50)
    query = select(files).where(near, ~files.c.erased, files.c.terms.is_not(None), held).order_by(files.c.id.desc())
    rows = conn.execute(query.limit(limit))
    return [FileRow(row.id, XetHash(row.xet), Sha256(row.sha256), row.size, row.terms, row.chunks) for row in rows]


def holders(conn: Connection, copy: Copy) -> dict[Origin, int]:
    """Return whose logs say that they hold a revision with this tree, and since when (seconds, by their own word)."""
    query = select(sightings.c.log, func.min(sightings.c.time)).where(
        sightings.c.manifest,
        sightings.c.tree == copy.tree,
        sightings.c.rev == copy.rev,
        sightings.c.origin == copy.origin,
        sightings.c.type == copy.type,
        sightings.c.repo == copy.repo,
    )
    return {Origin(row[0]): int(row[1]) for row in conn.execute(query.group_by(sightings.c.log))}
