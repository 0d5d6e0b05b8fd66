"""Branches and tags that an upstream took away: observed as deletions, once the upstream says twice that they are gone.

A ref that its list does not have is asked for by name, too: a proxy may give an empty list of refs, and a list may be cut. What
the ref pointed at stays resolvable by its commit id, and a repository that is gone altogether stays as it is here.
"""

from __future__ import annotations

from collections.abc import Sequence

from hanse.db import revisions
from hanse.db.repos import Repo
from hanse.errors import RevisionNotFound
from hanse.flows.mirror import complete as completing
from hanse.flows.mirror.upstream import Upstream
from hanse.flows.node import Node
from hanse.model.repo import RefName

_SHOWN = ("refs/heads/", "refs/tags/")


def observe_gone(node: Node, upstream: Upstream, repo: Repo, only: str = "") -> Sequence[RefName]:
    """Log that branches and tags of a mirror are gone upstream, and return which.

    only: the revision name that alone is of interest, "" for all. Raises as the upstream.
    """
    with node.db.read() as conn:
        known = [row.ref for row in revisions.all_refs(conn, repo.id) if row.ref.startswith(_SHOWN)]
    wanted = [ref for ref in known if not only or only in (ref, *(ref.removeprefix(one) for one in _SHOWN))]
    if not wanted:
        return ()
    listed = upstream.refs(repo.repo.type, repo.repo.path)
    gone = [ref for ref in wanted if ref not in listed and _denied(upstream, repo, ref)]
    for ref in gone:
        completing.observe(node, repo, ref, None)
    return gone


def _denied(upstream: Upstream, repo: Repo, ref: RefName) -> bool:
    """Tell whether the upstream says that it has no such revision."""
    try:
        upstream.info(repo.repo.type, repo.repo.path, ref)
    except RevisionNotFound:
        return True
    return False
