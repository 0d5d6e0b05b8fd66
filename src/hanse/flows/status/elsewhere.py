"""Revisions of other members that this node does not hold: who does, as their logs tell."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from hanse.db import copies
from hanse.db.copies import Copy
from hanse.errors import HanseError
from hanse.flows.replicate.release import named
from hanse.flows.status.facts import Facts
from hanse.flows.status.values import RepoStatus
from hanse.model.repo import RepoId

MAX_COPIES = 1000


def elsewhere(conn: Connection, facts: Facts, here: Collection[RepoId]) -> list[RepoStatus]:
    """Return how the newest settled revision of each repository stands that is not `here`.

    The last `MAX_COPIES` that were settled are looked at.
    """
    found: dict[RepoId, Copy] = {}
    for row in copies.newest(conn, [copies.WANTED, copies.LEFT, copies.REFUSED], MAX_COPIES):
        try:
            repo = named(row)
        except HanseError:  # the log of a member may say anything
            continue
        if repo not in here:
            found.setdefault(repo, row)
    made = []
    for repo, row in found.items():
        target = facts.target(repo, row.size or 0, row.licence or "")
        made.append(facts.stand(repo, row.rev, row.size or 0, frozenset(copies.holders(conn, row)), target))
    return sorted(made, key=lambda one: str(one.repo))
