"""How other members answered when they were asked for bytes that they say they hold: rows of `audits` (LISTED STATE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from hanse.db.batch import put_rows
from hanse.db.repos import Repo, from_row
from hanse.db.schema import names, repos, revisions
from hanse.db.schema_status import audits
from hanse.db.schema_trust import attestations, sightings
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin


@dataclass(frozen=True, slots=True)
class Audited:
    """How audits of a member went so far.

    asked, served: audits, and those that were answered with the right bytes; failed_row, served_row: the same outcome in a row;
    failing: it does not count as a holder; outcome: of the last one (served, absent, silent, false), "" before; says: what it
    answered instead; times in seconds, 0 for never.
    """

    member: Origin
    asked: int = 0
    served: int = 0
    failed_row: int = 0
    served_row: int = 0
    failing: bool = False
    outcome: str = ""
    says: str = ""
    asked_at: int = 0
    served_at: int = 0
    logged_at: int = 0


def _audited(row: Row[Any]) -> Audited:
    return Audited(**{name: getattr(row, name) for name in Audited.__slots__})


def every(conn: Connection) -> dict[Origin, Audited]:
    """Return all members that were audited."""
    return {row.member: _audited(row) for row in conn.execute(select(audits).order_by(audits.c.member))}


def get(conn: Connection, member: Origin) -> Audited:
    """Return how audits of a member went; all zeros before the first."""
    row = conn.execute(select(audits).where(audits.c.member == member)).one_or_none()
    return Audited(member) if row is None else _audited(row)


def put(conn: Connection, audited: Audited) -> None:
    """Record how audits of a member went."""
    put_rows(conn, audits, [{name: getattr(audited, name) for name in Audited.__slots__}])


def both_hold(
    conn: Connection, member: Origin, size: int, predicate: str, *, point: str, from_point: bool
) -> tuple[Repo, GitOid, Sha256, int] | None:
    """Return the first public revision that a member's log lists before `size` and that this node attested: the one to ask for.

    from_point: the first commit id from `point` on, else the first of all. Returned with the repository, tree and leaf index.
    """
    same = and_(names.c.origin == sightings.c.origin, names.c.type == sightings.c.type, names.c.folded == sightings.c.repo)
    open_to_all = and_(repos.c.state == "live", repos.c.visibility == "public", repos.c.gated == "", repos.c.disabled.is_(False))
    here = and_(revisions.c.repo_id == repos.c.id, revisions.c.rev == sightings.c.rev, revisions.c.tree == sightings.c.tree)
    said = and_(attestations.c.repo_id == repos.c.id, attestations.c.rev == sightings.c.rev)
    said = and_(said, attestations.c.predicate == predicate, attestations.c.current)
    index = sightings.c.index.label("position")
    query = select(repos, sightings.c.rev, sightings.c.tree, index).select_from(sightings)
    query = query.join(names, and_(same, names.c.kind == "current")).join(repos, repos.c.id == names.c.repo_id)
    query = query.join(revisions, and_(here, revisions.c.state == "live")).join(attestations, said)
    query = query.where(sightings.c.log == member, sightings.c.index < size, sightings.c.manifest, open_to_all)
    if from_point:
        query = query.where(sightings.c.rev >= point)
    row = conn.execute(query.order_by(sightings.c.rev, sightings.c.index).limit(1)).one_or_none()
    return None if row is None else (from_row(row), GitOid(row.rev), Sha256(row.tree), row.position)
