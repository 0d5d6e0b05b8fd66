"""Branches and tags: creating, deleting, squashing. Every change is a leaf of the ref's chain in the journal.

A tag may carry a message; an annotated tag and a plain one point at the same commit. `main` is always there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from hanse.db import repos, revisions
from hanse.db.repos import Repo
from hanse.db.revisions import RefRow, Revision
from hanse.errors import Busy, Conflict, NotAllowed, RevisionNotFound, TooLarge
from hanse.flows import access, chains
from hanse.flows.chains import Position, Queued
from hanse.flows.drafts import Draft, words_of, write_commit
from hanse.flows.effects import MAIN
from hanse.flows.listing import Delta
from hanse.flows.node import Node
from hanse.flows.publish import Published
from hanse.model.actor import Actor
from hanse.model.digest import NO_GIT_OID, NO_SHA256
from hanse.model.repo import RefName, branch_ref, tag_ref

MAX_TAG_MESSAGE = 4096


@dataclass(frozen=True, slots=True)
class RefLists:
    """The refs of a repository by kind, each sorted by name."""

    branches: tuple[RefRow, ...]
    tags: tuple[RefRow, ...]
    converts: tuple[RefRow, ...]
    pulls: tuple[RefRow, ...]


def list_refs(node: Node, repo: Repo) -> RefLists:
    """Return the applied refs of a repository that exist."""
    with node.db.read() as conn:
        rows = revisions.all_refs(conn, repo.id)

    def some(prefix: str) -> tuple[RefRow, ...]:
        return tuple(row for row in rows if row.ref.startswith(prefix))

    return RefLists(some("refs/heads/"), some("refs/tags/"), some("refs/convert/"), some("refs/pr/"))


def create_branch(node: Node, actor: Actor, repo: Repo, name: str, start: str | None = None) -> int:
    """Create a branch at a revision (by default the head of `main`) and return the leaf's log index.

    Raises NotAllowed, BadRepoId for a bad name, RevisionNotFound for the start, Conflict if the branch exists.
    """
    access.require_write(actor, repo)
    return create_ref(node, repo, branch_ref(name), start or MAIN)


def create_tag(node: Node, actor: Actor, repo: Repo, name: str, start: str, *, message: str = "") -> int:
    """Create a tag at a revision and return the leaf's log index.

    Raises NotAllowed, BadRepoId for a bad name, TooLarge for a message over 4,096 characters, RevisionNotFound for the
    revision, Conflict if the tag exists.
    """
    access.require_write(actor, repo)
    if len(message) > MAX_TAG_MESSAGE:
        raise TooLarge(f"a tag's message has at most {MAX_TAG_MESSAGE} characters, got {len(message)}")
    return create_ref(node, repo, tag_ref(name), start, message)


def delete_branch(node: Node, actor: Actor, repo: Repo, name: str) -> int:
    """Delete a branch; what only it reached is retired. Raises NotAllowed (also for `main`) or RevisionNotFound."""
    access.require_write(actor, repo)
    ref = branch_ref(name)
    if ref == MAIN:
        raise NotAllowed("the branch main is protected and cannot be deleted", hint="delete the repository instead")
    return delete_ref(node, repo, ref)


def delete_tag(node: Node, actor: Actor, repo: Repo, name: str) -> int:
    """Delete a tag; raises NotAllowed or RevisionNotFound."""
    access.require_write(actor, repo)
    return delete_ref(node, repo, tag_ref(name))


def create_ref(node: Node, repo: Repo, ref: RefName, start: str, message: str = "") -> int:
    """Create a ref at a revision, whoever asks; returns the leaf's log index. Raises RevisionNotFound or Conflict."""
    target = access.resolve_revision(node, repo, start)

    def change(conn: Connection, locked: Repo) -> Queued:
        position = chains.newest(conn, locked.id, ref)
        if position.there:
            raise Conflict(f"Reference already exists: {ref}", hint="delete it first, or choose another name")
        _require_bytes(conn, target)
        now = node.clock.now()
        return chains.queue_move(node, conn, locked, position, rev=target.rev, tree=target.tree, now=now, message=message)

    return _wait(node, chains.change_repo(node, repo, change))


def delete_ref(node: Node, repo: Repo, ref: RefName) -> int:
    """Delete a ref, whoever asks; returns the leaf's log index. Raises RevisionNotFound."""

    def change(conn: Connection, locked: Repo) -> Queued:
        position = chains.newest(conn, locked.id, ref)
        if not position.there:
            raise RevisionNotFound(f"Reference does not exist: {ref}", hint="see the repository's branches and tags")
        now = node.clock.now()
        return chains.queue_move(node, conn, locked, position, rev=NO_GIT_OID, tree=NO_SHA256, now=now)

    return _wait(node, chains.change_repo(node, repo, change))


def super_squash(node: Node, actor: Actor, repo: Repo, name: str, message: str = "") -> Published:
    """Replace a branch's history by one commit with the same files; what no other ref reaches is retired.

    Raises NotAllowed, RevisionNotFound, or Busy if commits come in all the time.
    """
    access.require_write(actor, repo)
    ref = branch_ref(name)
    words = words_of(actor, message or f"Super-squash branch '{name}'", "", node.clock.now())
    for _ in range(chains.ATTEMPTS):
        with node.db.read() as conn:
            position = chains.newest(conn, repo.id, ref)
            current = repos.get(conn, repo.id) or repo
            head = revisions.get(conn, repo.id, position.rev) if position.there else None
        if head is None:
            raise RevisionNotFound(f"Invalid rev id: {name[:300]}", hint="see the repository's branches")
        listing = node.listings.get(node.store, head.object)
        draft = write_commit(node, current, ref, words, parent=None, base=None, listing=listing, change=Delta({}))
        queued = chains.change_repo(node, current, partial(_replace, node=node, position=position, draft=draft))
        if queued is not None:
            return Published(draft.rev, draft.listing.tree, queued.seq, _wait(node, queued))
    raise Busy(f"{ref} of {repo.repo.path} is being changed by others all the time", hint="send the same request again")


def _replace(conn: Connection, locked: Repo, *, node: Node, position: Position, draft: Draft) -> Queued | None:
    """Queue a draft in the place of all commits up to `position`; None if the ref or the repository is no longer so."""
    found = chains.newest(conn, locked.id, draft.ref)
    if found.leaf_hash != position.leaf_hash or locked.salt != draft.repo.salt or locked.repo != draft.repo.repo:
        return None
    revisions.insert_pending(conn, [draft.row])
    return chains.queue_move(node, conn, locked, found, rev=draft.rev, tree=draft.listing.tree, now=draft.words.now)


def _require_bytes(conn: Connection, target: Revision) -> None:
    """Raise RevisionNotFound if the revision was withdrawn or its bytes were removed since it was resolved."""
    now = revisions.get(conn, target.repo_id, target.rev)
    if now is None or now.state not in ("pending", "live", "retired"):
        raise RevisionNotFound(f"Invalid rev id: {target.rev}", hint="its files are no longer kept")


def _wait(node: Node, queued: Queued) -> int:
    return node.sequencer.wait(queued.pending, node.limits.publish_timeout_seconds)
