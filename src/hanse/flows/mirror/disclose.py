"""What only this machine told, once the upstream says who may see it.

A cache does not tell whether everybody may see what lies in it: somebody's token may have fetched it. So the mirror of a local
claim is private. When its upstream shows the repository, and each revision that is here, to everybody, it becomes public, as long
as nothing of it was logged or signed: its revisions are recorded anew, without the salt, and no byte is read for that. A revision
that the upstream does not show may have been taken out of the history before that was published: the mirror stays private.
"""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Connection

from hanse.db import leaves, mirrors, repos, revisions
from hanse.db.repos import Repo
from hanse.errors import HanseError, NotFoundError, PeerError
from hanse.flows.mirror import complete as completing
from hanse.flows.mirror.claims import unpack
from hanse.flows.mirror.intake import Intake, Options
from hanse.flows.mirror.upstream import Upstream
from hanse.flows.node import Node
from hanse.model.digest import GitOid
from hanse.model.repo import Visibility

_CACHE = "cache"


def disclose(node: Node, upstream: Upstream, repo: Repo, options: Options) -> Repo:
    """Make public what this machine alone told, its upstream showing the repository to everybody; return the repository.

    For whoever holds the mirror's lock. Run again, it goes on where it was. Of a mirror whose concealed names were logged nothing
    changes: an operator gives it up and mirrors it anew. Raises StorageError.
    """
    if not repo.public and not all(_shown(upstream, repo, rev) for rev in _claimed(node, repo)):
        return repo
    with node.db.write() as conn:
        locked = repos.lock(conn, repo.id)
        if locked is not None and locked.salt is not None and _only_claimed(conn, locked):
            _reopen(conn, locked, node.clock.now())
    with node.db.read() as conn:
        found = repos.get(conn, repo.id) or repo
        rows = mirrors.of_repo(conn, repo.id) if found.public else []
    for row in rows:
        if row.source == _CACHE and row.state == "partial":
            with suppress(HanseError):  # not all of it was here
                contents = Intake(node, found, row.rev, unpack(row.pins), (), options).run()
                completing.complete(node, found, row, contents)
    return found


def _claimed(node: Node, repo: Repo) -> list[GitOid]:
    with node.db.read() as conn:
        return [one.rev for one in mirrors.of_repo(conn, repo.id) if one.source == _CACHE]


def _shown(upstream: Upstream, repo: Repo, rev: GitOid) -> bool:
    """Tell whether an upstream shows a revision by its commit id, of a repository that is not private."""
    try:
        info = upstream.info(repo.repo.type, repo.repo.path, rev)
    except (PeerError, NotFoundError):
        return False
    return info.rev == rev and not info.private


def _only_claimed(conn: Connection, repo: Repo) -> bool:
    """Tell whether neither the log nor a signature has anything of a repository."""
    if leaves.effects_of(conn, repo.id):
        return False
    return all(one.source == _CACHE for one in mirrors.of_repo(conn, repo.id) if one.state == "complete")


def _reopen(conn: Connection, repo: Repo, now: int) -> None:
    """Make a repository public, with its claimed revisions to be completed again from what is here."""
    repos.update_columns(conn, repo.id, visibility=Visibility.PUBLIC.value, salt=None, updated_at=now)
    complete = [one.rev for one in mirrors.of_repo(conn, repo.id) if one.state == "complete"]
    revisions.set_state(conn, repo.id, complete, "erased", now)
    for rev in complete:
        mirrors.set_state(conn, repo.id, rev, "partial")
