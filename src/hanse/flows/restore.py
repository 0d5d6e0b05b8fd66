"""Undoing a deletion while the bytes are still here: for the node's operator.

The journal says `create` under the old name, and every ref begins a new chain, as after a change of visibility; a repository
that is not public gets a new salt. The record beside the leaf names the leaf of the deletion, from which rebuild knows that
the repository is not a new one.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from hanse.clock import rfc3339
from hanse.db import garbage, leaves, repos, revisions
from hanse.db.engine import Database
from hanse.db.repos import Repo
from hanse.db.revisions import RefRow
from hanse.errors import Conflict, NotFoundError
from hanse.flows import chains, records
from hanse.flows.accounts import require_unclaimed
from hanse.flows.chains import Position, Queued
from hanse.flows.effects import Restore
from hanse.flows.node import Node
from hanse.flows.records import RepoRecord
from hanse.model.leaf import leaf_id
from hanse.model.ref_leaf import RepoOp
from hanse.model.repo import RepoId

DELETED = ("retired", "withdrawn")
"""States of deleted repositories whose bytes are still here: public ones, and others."""


def find_deleted(db: Database, repo_id: RepoId, number: int | None = None) -> Repo:
    """Return the deleted repository that had a name; number: its row id, if several had it or another one has it now.

    Raises NotFoundError if no deleted repository had it, Conflict if it is not clear which one is meant.
    """
    with db.read() as conn:
        former = repos.deleted_as(conn, repo_id, DELETED)
        present = repos.find(conn, repo_id)
    chosen = [one for one in former if number in (None, one.id)]
    if not chosen:
        hint = "hanse admin repo list shows all"
        if number is None and present is not None and not present[1]:
            raise Conflict(f"{repo_id.path} is live, and no deleted repository had this name", hint="delete it first")
        raise NotFoundError(f"no deleted {repo_id.type.value} repository {number or ''} was named {repo_id.path}", hint=hint)
    if len(chosen) > 1 or (number is None and present is not None and not present[1]):
        listed = ", ".join(f"number {one.id} (deleted {rfc3339(one.updated_at)})" for one in chosen)
        live = f"number {present[0].id} has the name now; " if present is not None and not present[1] else ""
        raise Conflict(f"several repositories had the name {repo_id.path}: {live}{listed}", hint="choose one with --id NUMBER")
    return chosen[0]


def restore_repo(node: Node, repo: int) -> Repo:
    """Bring a deleted repository (row id) back under its name and return it; former names that led to it do not come back.

    Raises NotFoundError for no such repository; Conflict unless it is deleted, its bytes are here and its name is free.
    """
    with node.db.write() as conn:
        locked = repos.lock(conn, repo)
        if locked is None:
            raise NotFoundError(f"there is no repository number {repo}")
        queued = _queue(node, conn, locked, node.clock.now())
    node.sequencer.wait(queued.pending, node.limits.publish_timeout_seconds)
    with node.db.read() as conn:
        found = repos.get(conn, repo)
    assert found is not None
    return found


def _queue(node: Node, conn: Connection, locked: Repo, now: int) -> Queued:
    """Queue the leaves in one transaction; until they are applied neither collection nor erasure touches the repository."""
    if locked.state not in DELETED or garbage.count_unsettled(conn, locked.id):
        raise Conflict(f"{locked.repo.path} is {locked.state}; only a deleted repository whose bytes are here can be restored")
    refs = revisions.all_refs(conn, locked.id)
    _require_bytes(conn, locked, refs)
    require_unclaimed(conn, locked.repo.namespace)
    try:
        repos.reserve_name(conn, locked.repo, locked.id)
    except Conflict as error:
        raise Conflict(error.message, hint="move or delete the repository that has the name now, then restore this one") from None
    after = replace(locked, salt=chains.new_salt(locked.visibility))
    leaf = chains.repo_leaf(after.repo, after.salt, RepoOp.CREATE, None, now)
    record = RepoRecord(
        **records.head_fields(after.repo, after.salt),
        op=RepoOp.CREATE.value,
        to=after.repo.path,
        visibility=after.visibility.value,
        new_salt=(after.salt or b"").hex(),
        leaf=leaf_id(leaf),
        restores=leaves.newest_change(conn, locked.id),
    )
    effect = Restore((after.salt or b"").hex(), record=records.save(node.store, record))
    queued = [chains.queue_repo(conn, locked.id, leaf, effect, now), *_queue_refs(node, conn, after, refs, now)]
    repos.update_columns(conn, locked.id, state="pending")
    return queued[-1]


def _queue_refs(node: Node, conn: Connection, after: Repo, refs: list[RefRow], now: int) -> list[Queued]:
    """Queue the first leaves of new chains; in clear they say themselves what they did before the deletion."""
    if after.salt is not None:
        return chains.queue_new_chains(node, conn, after, refs, now)
    seen = after.mirrored
    return [
        chains.queue_move(
            node, conn, after, Position.start(row.ref), rev=row.rev, tree=row.tree, now=now, message=row.message, observed=seen
        )
        for row in refs
    ]


def _require_bytes(conn: Connection, repo: Repo, refs: list[RefRow]) -> None:
    """Raise Conflict if a revision that a ref reaches was let go or erased."""
    reached = revisions.reachable(conn, repo.id, [ref.rev for ref in refs])
    gone = sum(row.rev in reached for row in revisions.all_of(conn, repo.id, ["erased"]))
    if gone:
        raise Conflict(
            f"the bytes of {gone} revisions of {repo.repo.path} are gone",
            hint="bring them back from a backup of the whole node, or publish them again",
        )
