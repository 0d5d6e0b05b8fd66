"""Revisions and refs in the catalogue: rows of `revisions` and `refs`, and what a revision name means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, literal, select, update

from hanse.db.batch import insert_new, put_into, run_many
from hanse.db.schema import refs, revisions
from hanse.model.digest import NO_GIT_OID, GitOid, Sha256, is_git_oid
from hanse.model.repo import RefName

MIN_PREFIX = 7
"""Shortest commit id prefix that names a revision."""
_HEX = frozenset("0123456789abcdef")
_SEEN_STATES = ("live", "retired", "withdrawn", "erased")


@dataclass(frozen=True, slots=True)
class Revision:
    """One commit of a repository.

    tree: root of the Merkle map of its files; object: SHA-256 of its revision object; parent: None for a root commit;
    state: `pending` (its leaf is not applied yet), `live`, `retired`, `withdrawn` or `erased`; files and bytes: of all its
    entries; times: seconds since 1970.
    """

    id: int
    repo_id: int
    rev: GitOid
    tree: Sha256
    object: Sha256
    parent: GitOid | None
    title: str
    message: str
    author: str
    created_at: int
    state: str
    files: int
    bytes: int
    retired_at: int | None


@dataclass(frozen=True, slots=True)
class RefRow:
    """An applied position of a ref; an all-zero `rev` means that the ref is deleted and its chain goes on.

    leaf_hash: of the newest leaf of the chain; message: of an annotated tag.
    """

    repo_id: int
    ref: RefName
    seq: int
    rev: GitOid
    tree: Sha256
    leaf_hash: Sha256
    message: str
    updated_at: int


def _revision(row: Row[Any]) -> Revision:
    return Revision(
        id=row.id,
        repo_id=row.repo_id,
        rev=GitOid(row.rev),
        tree=Sha256(row.tree),
        object=Sha256(row.object),
        parent=None if row.parent is None else GitOid(row.parent),
        title=row.title,
        message=row.message,
        author=row.author,
        created_at=row.created_at,
        state=row.state,
        files=row.files,
        bytes=row.bytes,
        retired_at=row.retired_at,
    )


def _ref(row: Row[Any]) -> RefRow:
    return RefRow(
        repo_id=row.repo_id,
        ref=RefName(row.ref),
        seq=row.seq,
        rev=GitOid(row.rev),
        tree=Sha256(row.tree),
        leaf_hash=Sha256(row.leaf_hash),
        message=row.message,
        updated_at=row.updated_at,
    )


# Asked with every request: built once, because building a statement costs more than running it.
_GET = select(revisions).where(revisions.c.repo_id == bindparam("repo"), revisions.c.rev == bindparam("rev"))
_NAMED = (
    select(revisions, refs.c.ref)
    .join(refs, and_(refs.c.repo_id == revisions.c.repo_id, refs.c.rev == revisions.c.rev))
    .where(refs.c.repo_id == bindparam("repo"), refs.c.ref.in_([bindparam("first"), bindparam("second")]))
)


def get(conn: Connection, repo: int, rev: str) -> Revision | None:
    """Return the revision with exactly that commit id, in whatever state."""
    row = conn.execute(_GET, {"repo": repo, "rev": rev}).one_or_none()
    return None if row is None else _revision(row)


def all_of(conn: Connection, repo: int, states: Sequence[str] = _SEEN_STATES) -> list[Revision]:
    """Return the revisions of a repository in these states, oldest row first."""
    query = select(revisions).where(revisions.c.repo_id == repo, revisions.c.state.in_(states)).order_by(revisions.c.id)
    return [_revision(row) for row in conn.execute(query)]


def retired_before(conn: Connection, time: int, limit: int) -> list[Revision]:
    """Return retired revisions of any repository whose retirement lies before `time`, oldest first."""
    query = select(revisions).where(revisions.c.state == "retired", revisions.c.retired_at < time)
    return [_revision(row) for row in conn.execute(query.order_by(revisions.c.retired_at, revisions.c.id).limit(limit))]


def insert_pending(conn: Connection, rows: Iterable[dict[str, object]]) -> None:
    """Insert revisions in state `pending`; each row has all other columns but `id` and `retired_at`.

    A commit that the repository has already (made again, or on another ref) stays as it is.
    """
    insert_new(conn, revisions, [{**row, "state": "pending"} for row in rows])


def set_state(conn: Connection, repo: int, revs: Iterable[str], state: str, now: int) -> None:
    """Put revisions into a state; `retired_at` is set when they leave `live` and cleared when they return."""
    values: dict[str, Any] = {"state": state, "retired_at": None if state in ("pending", "live") else now}
    listed = list(revs)
    for at in range(0, len(listed), 500):
        named = revisions.c.rev.in_(listed[at : at + 500])
        conn.execute(update(revisions).where(revisions.c.repo_id == repo, named).values(values))


def ref(conn: Connection, repo: int, name: str) -> RefRow | None:
    """Return the applied position of a ref, deleted ones included."""
    row = conn.execute(select(refs).where(refs.c.repo_id == repo, refs.c.ref == name)).one_or_none()
    return None if row is None else _ref(row)


def all_refs(conn: Connection, repo: int, prefix: str = "refs/", *, deleted: bool = False) -> list[RefRow]:
    """Return the refs whose names start with `prefix`, by name; deleted ones only if asked for."""
    query = select(refs).where(refs.c.repo_id == repo, refs.c.ref.startswith(prefix, autoescape=True)).order_by(refs.c.ref)
    if not deleted:
        query = query.where(refs.c.rev != NO_GIT_OID)
    return [_ref(row) for row in conn.execute(query)]


_LIVE = update(revisions).where(revisions.c.repo_id == bindparam("b_repo"), revisions.c.rev == bindparam("b_rev"))
_LIVE = _LIVE.values(state="live", retired_at=None)


def put_refs(conn: Connection, rows: Sequence[RefRow]) -> None:
    """Set the applied positions of refs, each of which is named once."""
    run_many(conn, put_into(refs, conn.dialect.name), [dict(zip(_REF_FIELDS, _ref_values(row), strict=True)) for row in rows])


_REF_FIELDS = RefRow.__slots__
_ref_values = attrgetter(*_REF_FIELDS)


def resign_ref(conn: Connection, repo: int, ref: str, seq: int, leaf_hash: Sha256) -> None:
    """Give a ref, which stays where it is, the place of a further leaf in its chain."""
    there = (refs.c.repo_id == repo) & (refs.c.ref == ref)
    conn.execute(update(refs).where(there).values(seq=seq, leaf_hash=leaf_hash))


def make_live(conn: Connection, pairs: Sequence[tuple[int, str]]) -> None:
    """Put revisions, given as (repository, rev), into the state `live`."""
    run_many(conn, _LIVE, [{"b_repo": repo, "b_rev": rev} for repo, rev in pairs])


def drop_refs(conn: Connection, repo: int) -> None:
    """Forget all refs of a repository (its chains ended)."""
    conn.execute(delete(refs).where(refs.c.repo_id == repo))


def resolve(conn: Connection, repo: int, name: str) -> Revision | None:
    """Return the revision that a client's revision name means, or None.

    In this order: full commit id (no branch can take its place), `HEAD` for `main`, branch, tag, full ref (`refs/…`), commit
    id prefix of at least 7 digits that fits one revision only. Pending revisions have no name yet.
    """
    if is_git_oid(name):
        return _by_commit(conn, repo, name)
    name = "main" if name == "HEAD" else name
    first, second = (name, name) if name.startswith("refs/") else (f"refs/heads/{name}", f"refs/tags/{name}")
    # A deleted ref points at zeros, which is no revision.
    found = {row.ref: row for row in conn.execute(_NAMED, {"repo": repo, "first": first, "second": second})}
    if first in found or second in found:
        return _revision(found.get(first) or found[second])
    return _by_commit(conn, repo, name)


def _by_commit(conn: Connection, repo: int, name: str) -> Revision | None:
    if not MIN_PREFIX <= len(name) <= 40 or not _HEX.issuperset(name):
        return None
    query = select(revisions).where(revisions.c.repo_id == repo, revisions.c.state.in_(_SEEN_STATES))
    if is_git_oid(name):
        query = query.where(revisions.c.rev == name)
    else:
        query = query.where(revisions.c.rev >= name, revisions.c.rev < name + "g").limit(2)
    rows = conn.execute(query).all()
    return _revision(rows[0]) if len(rows) == 1 else None


def history(conn: Connection, repo: int, rev: str, limit: int, skip: int = 0) -> list[Revision]:
    """Return `rev` and its ancestors, newest first: `limit` of them after the first `skip`."""
    columns = (revisions.c.rev, revisions.c.parent)
    first = select(*columns, literal(0).label("depth")).where(revisions.c.repo_id == repo, revisions.c.rev == rev)
    chain = first.cte("chain", recursive=True)
    step = select(*columns, chain.c.depth + 1).where(revisions.c.repo_id == repo, revisions.c.rev == chain.c.parent)
    chain = chain.union_all(step.where(chain.c.depth + 1 < skip + limit))
    query = select(revisions).join(chain, revisions.c.rev == chain.c.rev).where(revisions.c.repo_id == repo)
    return [_revision(row) for row in conn.execute(query.where(chain.c.depth >= skip).order_by(chain.c.depth))]


def history_length(conn: Connection, repo: int, rev: str) -> int:
    """Return how many commits `history` of `rev` has in all."""
    return len(reachable(conn, repo, [rev]))


def reachable(conn: Connection, repo: int, revs: Iterable[str]) -> set[GitOid]:
    """Return the commit ids of these revisions and all their ancestors."""
    listed = sorted(set(revs))
    if not listed:
        return set()
    chain = select(revisions.c.rev, revisions.c.parent).where(revisions.c.repo_id == repo, revisions.c.rev.in_(listed))
    walk = chain.cte("walk", recursive=True)
    step = select(revisions.c.rev, revisions.c.parent).where(revisions.c.repo_id == repo, revisions.c.rev == walk.c.parent)
    walk = walk.union(step)
    return {GitOid(row.rev) for row in conn.execute(select(walk.c.rev))}


def mark_objects(conn: Connection, repo: int, objects: Iterable[tuple[str, str]]) -> None:
    """Set the revision object of several revisions: pairs of (rev, SHA-256 of the object)."""
    rows = [{"b_rev": rev, "b_object": digest} for rev, digest in objects]
    if rows:
        matching = (revisions.c.repo_id == repo) & (revisions.c.rev == bindparam("b_rev"))
        conn.execute(update(revisions).where(matching).values(object=bindparam("b_object")), rows)
