"""Taking files out of a repository's history: the same commits again, without them, and every ref moved over.

1. The commits behind every ref are read, oldest first. Those before the first one that names such a file stay as they are.
2. The others are made again on their new parents, with the same words and times, and their revision objects are stored.
3. One transaction: no ref has moved meanwhile; the new commits are entered, and one leaf per ref moves it to its new head.
4. When the leaves are applied, what refs reach is live and what they reach no more is retired; so are the files here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from hanse.content.difference import difference
from hanse.db import blobs, discussions, repos, revisions
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import Busy, NotFoundError, TooLarge
from hanse.flows import access, chains
from hanse.flows.chains import Position, Queued
from hanse.flows.drafts import Draft, Words, write_commit
from hanse.flows.listing import Delta, RevisionListing
from hanse.flows.node import Node
from hanse.flows.records import row_of
from hanse.model.actor import Actor
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import RefName

MAX_COMMITS = 2000


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a rewriting comes to. positions: of all refs as found; drafts: the new commit for each old one that changes."""

    repo: Repo
    positions: Mapping[RefName, Position]
    drafts: Mapping[GitOid, Draft]


def remove_files(node: Node, actor: Actor, repo: Repo, digests: Collection[Sha256]) -> None:
    """Rewrite all branches, tags and pull requests of a repository without the files that have these contents.

    Raises NotAllowed; NotFoundError if the repository holds none of them; TooLarge for a history of over 2,000 commits; Busy.
    """
    access.require_write(actor, repo)
    with node.db.read() as conn:
        rows = blobs.find_by_sha256(conn, repo.id, sorted(set(digests)))
    if not rows:
        raise NotFoundError("none of these files is in the repository", hint="list its LFS files first")
    files = [row.id for row in rows.values()]
    for _ in range(chains.ATTEMPTS):
        plan = _plan(node, repo, frozenset(rows))

        def change(conn: Connection, locked: Repo, plan: _Plan = plan) -> list[Queued] | None:
            return _queue(node, conn, locked, plan, files)

        queued = chains.change_repo(node, repo, change)
        if queued is not None:
            for one in queued[-1:]:
                node.sequencer.wait(one.pending, node.limits.publish_timeout_seconds)
            return
    raise Busy(f"{repo.repo.path} is being changed by others all the time", hint="send the same request again")


def _plan(node: Node, repo: Repo, digests: frozenset[Sha256]) -> _Plan:
    with node.db.read() as conn:
        current = repos.get(conn, repo.id) or repo
        positions = chains.newest_of(conn, repo.id, chains.ref_names(conn, repo.id))
        histories: dict[RefName, Sequence[Revision]] = {}
        for ref, position in positions.items():
            if position.there:
                found = revisions.history(conn, repo.id, position.rev, MAX_COMMITS + 1)
                if len(found) > MAX_COMMITS:
                    raise TooLarge(f"{ref} has over {MAX_COMMITS} commits", hint="squash the branch first")
                histories[ref] = found[::-1]
    drafts: dict[GitOid, Draft] = {}
    for ref, history in histories.items():
        _rewrite(node, current, ref, history, digests=digests, drafts=drafts)
    return _Plan(current, positions, drafts)


def _rewrite(
    node: Node,
    repo: Repo,
    ref: RefName,
    history: Sequence[Revision],
    *,
    digests: frozenset[Sha256],
    drafts: dict[GitOid, Draft],
) -> None:
    """Add the new commits that one ref needs to `drafts`; ones that another ref made necessary are used again."""
    kept: RevisionListing | None = None  # the listing, as kept in a record, of the commit before
    above: GitOid | None = None
    for old in history:
        done = drafts.get(old.rev)
        if done is not None:
            kept, above = done.listing, done.rev
            continue
        listing = node.listings.get(node.store, old.object)
        gone = [entry.path for entry in listing.directory.entries() if entry.sha256 in digests]
        if not gone and above == old.parent:
            kept, above = listing, old.rev
            continue
        words = Words(old.title, old.message, old.author, old.created_at)
        new = listing.apply([], gone)
        draft = write_commit(node, repo, ref, words, parent=above, base=kept, listing=new, change=_delta(kept, new))
        drafts[old.rev] = draft
        kept, above = draft.listing, draft.rev


def _delta(before: RevisionListing | None, after: RevisionListing) -> Delta:
    if before is None:
        return Delta({})
    changes = difference(before.directory, after.directory)
    return Delta({one.path: None if one.after is None else row_of(one.after) for one in changes})


def _queue(node: Node, conn: Connection, locked: Repo, plan: _Plan, files: list[int]) -> list[Queued] | None:
    """Queue the leaves of all refs; None if the repository or a ref is no longer as the plan found it."""
    found = chains.newest_of(conn, locked.id, chains.ref_names(conn, locked.id))
    if {ref: at.leaf_hash for ref, at in found.items()} != {ref: at.leaf_hash for ref, at in plan.positions.items()}:
        return None
    if locked.salt != plan.repo.salt or locked.repo != plan.repo.repo:
        return None
    now = node.clock.now()
    new = [draft for draft in plan.drafts.values() if revisions.get(conn, locked.id, draft.rev) is None]
    revisions.insert_pending(conn, [draft.row for draft in new])
    # Not pending: applying a leaf brings the commits behind a ref's new head to life, and pending ones wait for leaves.
    revisions.set_state(conn, locked.id, [draft.rev for draft in new], "retired", now)
    for pull in discussions.pull_requests(conn, locked.id):
        again = None if pull.base is None else plan.drafts.get(pull.base)
        if again is not None:
            discussions.set_fields(conn, locked.id, pull.num, base=again.rev)
    blobs.set_file_state(conn, locked.id, files, "retired")
    queued: list[Queued] = []
    for position in found.values():
        draft = plan.drafts.get(position.rev)
        if draft is not None:
            ref = revisions.ref(conn, locked.id, position.ref)
            message = "" if ref is None else ref.message
            rev, tree = draft.rev, draft.listing.tree
            queued.append(chains.queue_move(node, conn, locked, position, rev=rev, tree=tree, now=now, message=message))
    return queued
