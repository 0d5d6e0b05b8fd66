"""Whose stored bytes a caller may refer to. Knowing a hash gives nobody access (contract of `hanse.db.blobs`).

A writer of a repository may refer to what that repository holds and to what any other repository holds whose files he may
read: seeing a gated or disabled repository is not enough, because whoever may refer to chunks can put them into a file of his
own and read them there.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, or_, select, true

from hanse.db.flags import in_force
from hanse.db.repos import Repo
from hanse.db.schema import access_requests, files, repo_files, repos
from hanse.db.schema_scans import flags
from hanse.flows.access import own_namespaces, visible_repos_clause
from hanse.flows.node import Node
from hanse.model.actor import Actor


def usable_scope(actor: Actor, repo: Repo) -> ColumnElement[bool]:
    """Return the condition over `repos` for what the caller may refer to while he writes to `repo`.

    The caller of this function has checked that the actor may write to `repo`.
    """
    return or_(repos.c.id == repo.id, readable_scope(actor))


def usable_files(node: Node, actor: Actor, repo: Repo) -> ColumnElement[bool]:
    """Return the condition over `repos` and `repo_files` for the files that the caller may name while he writes to `repo`.

    Of other repositories only what is published: neither what was uploaded and not committed yet, nor what was taken out of
    them, nor what the scanner withholds from him there. Of `repo` itself everything for its writers; for others, who open pull
    requests, what is published or their own.
    """
    published = repo_files.c.state == "live"
    own = repos.c.id == repo.id
    if not actor.may_write(repo.people):
        own = and_(own, or_(published, repo_files.c.account_id == actor.account_id))
    return or_(own, and_(readable_scope(actor), published, _not_withheld(node, actor)))


def _not_withheld(node: Node, actor: Actor) -> ColumnElement[bool]:
    """Return the condition over `repo_files`, `files` and `repos` that the caller gets the file where it is published."""
    if node.scanning is None:
        return true()
    held = exists(
        select(flags.c.repo_id).where(
            flags.c.repo_id == repo_files.c.repo_id, flags.c.sha256 == files.c.sha256, in_force(node.clock.now())
        )
    )
    own = sorted({name.lower() for name in (actor.name, *actor.orgs) if name and actor.is_writer(name)})
    return or_(~held, own_namespaces(own)) if own else ~held


def readable_scope(actor: Actor) -> ColumnElement[bool]:
    """Return the condition over `repos` that selects those whose files the caller may read."""
    visible = and_(visible_repos_clause(actor), ~repos.c.disabled)
    if actor.admin:
        return visible
    open_to = [repos.c.gated == ""]
    own = sorted({name.lower() for name in (actor.name, *actor.orgs) if name})
    if own:
        open_to.append(own_namespaces(own))
    if actor.account_id is not None:
        mine = and_(access_requests.c.account_id == actor.account_id, access_requests.c.status == "accepted")
        open_to.append(repos.c.id.in_(select(access_requests.c.repo_id).where(mine)))
    return and_(visible, or_(*open_to))
