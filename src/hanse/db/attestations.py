"""Statements about revisions that this node holds: rows of `attestations`; their bundles are objects.

A row is entered by the transaction that queues its leaf, after its bundle was stored. It is *current* while it names the
repository as it is called and visible: a change of either ends that (`end`), and what is still true is then said anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, insert, or_, select, text, true, update

from hanse.db.batch import batches
from hanse.db.repository_scans import Head
from hanse.db.schema import names, pending, refs, repos, revisions
from hanse.db.schema_scans import repository_scans
from hanse.db.schema_trust import attestations as table
from hanse.model.digest import NO_GIT_OID, GitOid, Sha256
from hanse.model.predicates import AUDIT
from hanse.model.repo import Origin

Place = tuple[int, str]
"""Repository and ref: where a walk over all heads is."""
START: Place = (0, "")


@dataclass(frozen=True, slots=True)
class Attestation:
    """A statement about one revision.

    predicate: type URI; payload, size: SHA-256 and bytes of the signed payload; key: fingerprint of the signer; sig: DER;
    basis: digest of what it rests on besides the revision, "" if nothing; leaf_id: row of `pending` that logs it.
    """

    repo_id: int
    rev: GitOid
    tree: Sha256
    predicate: str
    payload: Sha256
    size: int
    key: Sha256
    sig: bytes
    basis: str
    leaf_id: int
    created_at: int
    current: bool = True


@dataclass(frozen=True, slots=True)
class Logged:
    """A statement in this node's log. place: origin, type, name and commit id of what it is about; index: of the leaf."""

    place: tuple[str, str, str, str]
    tree: Sha256
    index: int
    leaf: bytes


_NAMES = tuple(Attestation.__slots__)


def _attestation(row: Row[Any]) -> Attestation:
    found = {name: getattr(row, name) for name in _NAMES}
    return Attestation(**found | {"sig": bytes(row.sig), "current": bool(row.current)})


def put(conn: Connection, row: Attestation) -> None:
    """Record a statement; one that the repository has already, signed by the same key, is current again with its new leaf."""
    same = and_(table.c.repo_id == row.repo_id, table.c.rev == row.rev, table.c.payload == row.payload, table.c.key == row.key)
    values = {name: getattr(row, name) for name in _NAMES}
    if not conn.execute(update(table).where(same).values(values)).rowcount:
        conn.execute(insert(table).values(values))


def get(conn: Connection, repo: int, rev: str, payload: Sha256, key: Sha256) -> Attestation | None:
    """Return a repository's statement with this payload by this key."""
    same = and_(table.c.repo_id == repo, table.c.rev == rev, table.c.payload == payload, table.c.key == key)
    row = conn.execute(select(table).where(same)).one_or_none()
    return None if row is None else _attestation(row)


def of_revision(conn: Connection, repo: int, rev: str) -> list[Attestation]:
    """Return the current statements about a revision, oldest first; audits, which are about a member, are left out."""
    mine = and_(table.c.repo_id == repo, table.c.rev == rev, table.c.current, table.c.predicate != AUDIT)
    query = select(table).where(mine).order_by(table.c.id)
    return [_attestation(row) for row in conn.execute(query)]


def of_repo(conn: Connection, repo: int) -> list[Attestation]:
    """Return all statements about revisions of a repository, oldest first."""
    return [_attestation(row) for row in conn.execute(select(table).where(table.c.repo_id == repo).order_by(table.c.id))]


def revs_attested(conn: Connection, repo: int, predicate: str, revs: Sequence[str]) -> set[GitOid]:
    """Return those of the revisions about which there ever was a statement of this kind."""
    found = set[GitOid]()
    for some in batches(revs):
        mine = and_(table.c.repo_id == repo, table.c.predicate == predicate, table.c.rev.in_(some))
        found |= {GitOid(row.rev) for row in conn.execute(select(table.c.rev).where(mine).distinct())}
    return found


def indexes(conn: Connection, predicate: str, limit: int) -> list[int]:
    """Return where the newest statements of a kind are in this node's log, the newest first."""
    query = select(pending.c.index).join(table, table.c.leaf_id == pending.c.id)
    query = query.where(table.c.predicate == predicate, pending.c.index.is_not(None))
    return list(conn.execute(query.order_by(table.c.id.desc()).limit(limit)).scalars())


def logged(conn: Connection, predicate: str, revs: Sequence[str], repos_named: Sequence[str]) -> list[Logged]:
    """Return the statements of a kind in this node's log about revisions of public repositories, by commit id and name.

    repos_named: `namespace/name` in lower case.
    """
    found: list[Logged] = []
    columns = (names.c.origin, names.c.type, names.c.folded, table.c.rev, table.c.tree, pending.c.index.label("position"))
    for some in batches(revs):
        for called in batches(repos_named):
            query = select(*columns, pending.c.leaf).join(repos, repos.c.id == names.c.repo_id)
            query = query.join(table, table.c.repo_id == repos.c.id).join(pending, pending.c.id == table.c.leaf_id)
            query = query.where(names.c.folded.in_(called), names.c.kind == "current", repos.c.visibility == "public")
            query = query.where(table.c.rev.in_(some), table.c.predicate == predicate, pending.c.index.is_not(None))
            for row in conn.execute(query):
                place = (row.origin, row.type, row.folded, row.rev)
                found.append(Logged(place, Sha256(row.tree), row.position, bytes(row.leaf)))
    return found


def all_rows(conn: Connection, after: int = 0, limit: int = 1000) -> list[tuple[int, Attestation]]:
    """Return up to `limit` statements with row ids above `after`, with these, in their order: the pages of a full walk."""
    query = select(table).where(table.c.id > after).order_by(table.c.id).limit(limit)
    return [(row.id, _attestation(row)) for row in conn.execute(query)]


def named_elsewhere(conn: Connection, repo: int, payload: Sha256, key: Sha256) -> bool:
    """Tell whether another repository has a statement with this payload by this key, and so needs the bundle."""
    other = and_(table.c.payload == payload, table.c.key == key, table.c.repo_id != repo)
    return conn.execute(select(table.c.id).where(other).limit(1)).first() is not None


def named(conn: Connection, payloads: Iterable[Sha256]) -> set[tuple[Sha256, Sha256]]:
    """Return (payload, key) of all statements with one of these payloads."""
    found = set[tuple[Sha256, Sha256]]()
    for some in batches(sorted(set(payloads))):
        query = select(table.c.payload, table.c.key).where(table.c.payload.in_(some))
        found |= {(Sha256(row.payload), Sha256(row.key)) for row in conn.execute(query)}
    return found


def stop_writers(conn: Connection) -> None:
    """Keep others from recording statements until the transaction ends (SQLite has one writer anyway)."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("LOCK TABLE attestations IN SHARE ROW EXCLUSIVE MODE"))


def end(conn: Connection, repo: int) -> None:
    """Let no statement about a repository be current: it is called or visible otherwise from now on."""
    conn.execute(update(table).where(table.c.repo_id == repo, table.c.current).values(current=False))


def drop(conn: Connection, repo: int) -> None:
    """Forget all statements about a repository."""
    conn.execute(delete(table).where(table.c.repo_id == repo))


def unattested(
    conn: Connection, origin: Origin, predicate: str, key: Sha256, *, before: int, after: Place = START
) -> Head | None:
    """Return the first settled head behind `after` about which `key` has not made a statement of this kind.

    Settled is a tag, a branch that did not move since `before`, and what was observed of an upstream. Pull requests are
    strangers' words and never are. origin: this node's own.
    """
    said = and_(table.c.repo_id == refs.c.repo_id, table.c.rev == refs.c.rev, table.c.predicate == predicate)
    said = and_(said, table.c.key == key, table.c.current)
    query = select(refs.c.repo_id, refs.c.ref, refs.c.rev).join(repos, repos.c.id == refs.c.repo_id).outerjoin(table, said)
    query = query.where(repos.c.state == "live", refs.c.rev != NO_GIT_OID, table.c.id.is_(None), _settled(before, origin))
    query = query.where(_behind(after))
    row = conn.execute(query.order_by(refs.c.repo_id, refs.c.ref).limit(1)).one_or_none()
    return None if row is None else Head(row.repo_id, row.ref, GitOid(row.rev))


def unattested_scan(
    conn: Connection,
    origin: Origin,
    predicate: str,
    key: Sha256,
    *,
    scan: tuple[str, str, str],
    before: int,
    after: tuple[int, str],
) -> Head | None:
    """Return the first settled head whose verdict is known and about which `key` has not said so.

    scan: ruleset and scanner of the verdict, and the basis that a statement about it has.
    """
    ruleset, scanner, basis = scan
    judged = repository_scans
    said = and_(table.c.repo_id == refs.c.repo_id, table.c.rev == refs.c.rev, table.c.predicate == predicate)
    said = and_(said, table.c.key == key, table.c.basis == basis, table.c.current)
    known = and_(judged.c.repo_id == refs.c.repo_id, judged.c.rev == refs.c.rev, judged.c.ruleset == ruleset)
    query = select(refs.c.repo_id, refs.c.ref, refs.c.rev).join(repos, repos.c.id == refs.c.repo_id)
    query = query.join(judged, and_(known, judged.c.scanner == scanner)).outerjoin(table, said)
    query = query.where(repos.c.state == "live", table.c.id.is_(None), _settled(before, origin), _behind(after))
    row = conn.execute(query.order_by(refs.c.repo_id, refs.c.ref).limit(1)).one_or_none()
    return None if row is None else Head(row.repo_id, row.ref, GitOid(row.rev))


def unscanned(conn: Connection, manifest: str, scan: str, after: int = 0) -> tuple[int, Head] | None:
    """Return the revision that was attested last, and never scanned by whatever ruleset, with the row id of its manifest.

    manifest, scan: type URIs of what it has a current statement of and of what it has none; after: only rows before this one,
    0 for all. Whether a ref is at it is not asked here: in a repository of many refs that is asked once for each answer.
    """
    said = table.alias()
    scanned = and_(said.c.repo_id == table.c.repo_id, said.c.rev == table.c.rev, said.c.predicate == scan, said.c.current)
    query = select(table.c.id, table.c.repo_id, table.c.rev).join(repos, repos.c.id == table.c.repo_id)
    query = query.join(revisions, and_(revisions.c.repo_id == table.c.repo_id, revisions.c.rev == table.c.rev))
    query = query.where(table.c.predicate == manifest, table.c.current, repos.c.state == "live", revisions.c.state == "live")
    query = query.where(~exists().where(scanned), table.c.id < after if after else true())
    row = conn.execute(query.order_by(table.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else (row.id, Head(row.repo_id, "", GitOid(row.rev)))


def is_head(conn: Connection, repo: int, rev: str) -> bool:
    """Tell whether a branch or tag is at a revision."""
    query = select(refs.c.ref).where(refs.c.repo_id == repo, refs.c.rev == rev, or_(_TAG, _BRANCH))
    return conn.execute(query.limit(1)).first() is not None


_TAG = and_(refs.c.ref >= "refs/tags/", refs.c.ref < "refs/tags0")
_BRANCH = and_(refs.c.ref >= "refs/heads/", refs.c.ref < "refs/heads0")


def _settled(before: int, origin: Origin) -> Any:
    return or_(_TAG, and_(_BRANCH, or_(refs.c.updated_at <= before, repos.c.origin != origin)))


def _behind(after: Place) -> Any:
    return or_(refs.c.repo_id > after[0], and_(refs.c.repo_id == after[0], refs.c.ref > after[1]))
