"""The commits of a branch, newest first."""

from __future__ import annotations

from hanse.db import revisions
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.flows import access
from hanse.flows.node import Node


def list_commits(node: Node, repo: Repo, rev: str, limit: int) -> tuple[list[Revision], str | None]:
    """Return up to `limit` commits from revision `rev` on, and the commit that comes next (None at the first one).

    Raises RevisionNotFound; Disabled if the revision's bytes are withdrawn.
    """
    start = access.resolve_revision(node, repo, rev)
    with node.db.read() as conn:
        found = revisions.history(conn, repo.id, start.rev, limit)
    return found, found[-1].parent if found else None
