"""Publishing: how a commit becomes a revision that everybody sees (DESIGN.md section 5).

1. Rights, and whether the ref takes commits.
2. The bytes of every operation are stored here, and the caller may name them.
3. The newest position of the ref, queued ones included; a stale parent is refused.
4. The operations on the listing there: the new listing and its `tree`; every file put is admitted or the commit refused.
5. The commit's git id.
6. The revision object is stored durably.
7. One transaction: the ref is still where it was, the quota holds, the files are held; the revision and its leaf are queued.
8. The sequencer puts the leaf into the log and applies it.

A commit without a parent that finds another position in 7 goes back to 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection

from hanse.content.gitobjects import blob_id, lfs_pointer_id
from hanse.db import blobs, discussions, flags, repos, revisions, usage
from hanse.db.blobs import FileRow
from hanse.db.flags import Flag
from hanse.db.repos import Repo
from hanse.errors import BadCommit, Busy, NotAllowed, RevisionNotFound, StaleParent, TooLarge
from hanse.flows import access, chains
from hanse.flows.accounts import require_quota
from hanse.flows.admission import admit, outcomes
from hanse.flows.chains import Position, Queued
from hanse.flows.drafts import Draft, words_of, write_commit
from hanse.flows.effects import MAIN
from hanse.flows.ingest import store_small_files
from hanse.flows.listing import Delta, RevisionListing
from hanse.flows.node import Node
from hanse.flows.operations import (
    CommitRequest,
    DeleteFile,
    DeleteFolder,
    Operation,
    PutBytes,
    PutEntry,
    PutFile,
    Step,
    net_change,
)
from hanse.flows.quota import require_namespace
from hanse.flows.records import row_of
from hanse.flows.scope import usable_files
from hanse.model.actor import Actor
from hanse.model.digest import GitOid, Sha256
from hanse.model.entry import Entry
from hanse.model.repo import RefName, parse_path

__all__ = [
    "CommitRequest",
    "DeleteFile",
    "DeleteFolder",
    "Operation",
    "Published",
    "PutBytes",
    "PutEntry",
    "PutFile",
    "publish",
    "require_commit",
]


@dataclass(frozen=True, slots=True)
class Published:
    """A revision that everybody sees: its ids, its position in the ref's chain, and the leaf's index in the log.

    index: None if the commit changed nothing, so that the head stayed as it was.
    """

    rev: GitOid
    tree: Sha256
    seq: int
    index: int | None


class _Moved(Exception):
    """The ref or the repository is no longer as the draft found it."""


def publish(node: Node, actor: Actor, repo: Repo, ref: RefName, request: CommitRequest) -> Published:
    """Commit to a ref and return when everybody sees it; a commit that changes nothing returns the head as it is.

    Raises NotAuthenticated or NotAllowed without the right; RevisionNotFound if the ref is not there; StaleParent if
    `request.parent` is no longer its head; BadCommit, BadPath, EntryNotFound or TooLarge for what cannot be done;
    QuotaExceeded; Busy if others were faster too often, or the journal did not take it up in time (it may still be applied).
    """
    # 1. Rights, and whether the ref takes commits.
    require_commit(node, actor, repo, ref)
    # 2. The bytes of every operation are stored here, and the caller may name them.
    steps, files = resolve_operations(node, actor, repo, request.operations)
    outcomes(node, [step.entry for step in steps if step.entry is not None])  # what takes long is done before the turn
    # 3. to 7.
    with chains.turn(node, repo):
        made = _make(node, actor, repo, ref, request=request, steps=steps, files=files)
    if isinstance(made, Position):
        return _unchanged(node, made)
    draft, queued = made
    # 8. The leaf goes into the log and is applied.
    index = node.sequencer.wait(queued.pending, node.limits.publish_timeout_seconds)
    return Published(draft.rev, draft.listing.tree, queued.seq, index)


def _make(
    node: Node, actor: Actor, repo: Repo, ref: RefName, *, request: CommitRequest, steps: list[Step], files: dict[str, FileRow]
) -> tuple[Draft, Queued] | Position:
    """Queue the commit behind the newest position; a position if it would change nothing there."""
    for _ in range(chains.ATTEMPTS):
        # 3. The newest position of the ref.
        current, position, base = _stand(node, repo, ref, request.parent)
        # 4. to 6. The new listing, the commit's id, the revision object.
        draft, said = _draft(node, actor, current, position=position, base=base, request=request, steps=steps)
        if draft is None:
            return position
        # 7. The ref is still where it was: the revision and its leaf are queued.
        queue = partial(
            _queue, node=node, actor=actor, draft=draft, position=position, files=files, said=said, parent=request.parent
        )
        try:
            return draft, chains.change_repo(node, current, queue)
        except _Moved:
            continue
    raise Busy(f"{ref} of {repo.repo.path} is being changed by others all the time", hint="send the same commit again")


def require_commit(node: Node, actor: Actor, repo: Repo, ref: RefName) -> None:
    """Raise NotAuthenticated or NotAllowed unless the caller may commit to the ref.

    Branches are for writers; a pull request's ref is also for whoever opened it.
    """
    if ref.startswith("refs/tags/"):
        raise NotAllowed("a tag does not take commits", hint="commit to a branch, then move the tag")
    number = ref.removeprefix("refs/pr/")
    if number != ref and number.isdecimal() and actor.role == "write" and not actor.anonymous:
        with node.db.read() as conn:
            opened = discussions.find(conn, repo.id, int(number))
        if opened is not None and opened.author == actor.name:
            return
    access.require_write(actor, repo)


def resolve_operations(
    node: Node, actor: Actor, repo: Repo, operations: Sequence[Operation]
) -> tuple[list[Step], dict[str, FileRow]]:
    """Return the operations with their bytes found or stored, and the rows of all files they put, by Xet hash.

    Raises TooLarge for too many operations or too large a regular file; BadCommit if a file named by its SHA-256 was not
    uploaded, is not for this caller, or has another size.
    """
    limits = node.limits
    if len(operations) > limits.max_commit_operations:
        raise TooLarge(
            f"a commit has at most {limits.max_commit_operations} operations, got {len(operations)}",
            hint="split it into several commits",
        )
    claims = sorted({operation.sha256 for operation in operations if isinstance(operation, PutFile)})
    with node.db.read() as conn:
        claimed = blobs.find_by_sha256(conn, usable_files(node, actor, repo), claims)
    for operation in operations:
        _check(operation, limits.max_regular_bytes, claimed)
    contents = [operation.data for operation in operations if isinstance(operation, PutBytes)]
    stored = iter(store_small_files(node, repo, actor, contents) if contents else [])
    steps, files = list[Step](), dict[str, FileRow]()
    for operation in operations:
        row = next(stored) if isinstance(operation, PutBytes) else None
        if isinstance(operation, PutFile):
            row = claimed[operation.sha256]
        elif isinstance(operation, PutEntry):
            row = operation.file
        steps.append(_step(operation, row))
        if row is not None:
            files[row.xet] = row
    return steps, files


def _check(operation: Operation, max_bytes: int, claimed: dict[Sha256, FileRow]) -> None:
    path = operation.path[:200]
    if isinstance(operation, PutBytes) and len(operation.data) > max_bytes:
        raise TooLarge(
            f"{path!r} has {len(operation.data)} bytes; in a commit a file has at most {max_bytes}",
            hint="upload it as a large file",
        )
    if isinstance(operation, PutFile):
        found = claimed.get(operation.sha256)
        if found is None or (operation.size is not None and operation.size != found.size):
            raise BadCommit(
                f"LFS pointer pointed to a file that does not exist: {path!r} ({operation.sha256})",
                hint="upload the file to this repository first, then commit again",
            )


def _step(operation: Operation, row: FileRow | None) -> Step:
    if isinstance(operation, DeleteFile | DeleteFolder):
        return Step(operation.path.rstrip("/"), None, isinstance(operation, DeleteFolder))
    path = parse_path(operation.path)
    if isinstance(operation, PutEntry):
        return Step(path, replace(operation.entry, path=path))
    assert row is not None
    lfs = isinstance(operation, PutFile)
    oid = lfs_pointer_id(row.sha256, row.size) if isinstance(operation, PutFile) else blob_id(operation.data)
    return Step(path, Entry(path, row.size, row.sha256, row.xet, oid, lfs))


def _stand(node: Node, repo: Repo, ref: RefName, parent: GitOid | None) -> tuple[Repo, Position, RevisionListing | None]:
    """Return the repository as it is now, the ref's newest position, and its listing (None before the first commit)."""
    with node.db.read() as conn:
        position = chains.newest(conn, repo.id, ref)
        current = repos.get(conn, repo.id) or repo
        head = revisions.get(conn, repo.id, position.rev) if position.there else None
    if parent is not None and parent != position.rev:
        raise _stale(ref, position)
    if head is not None:
        return current, position, node.listings.get(node.store, head.object)
    if position.seq or ref != MAIN:
        raise RevisionNotFound(f"Invalid rev id: {ref}", hint="create the branch first")
    return current, position, None


def _stale(ref: RefName, position: Position) -> StaleParent:
    return StaleParent(
        f"A commit has happened since. Please refresh and try again. ({ref} is at {position.rev})",
        hint="look at the new head, then commit again with its id as parent",
    )


def _draft(
    node: Node,
    actor: Actor,
    repo: Repo,
    *,
    position: Position,
    base: RevisionListing | None,
    request: CommitRequest,
    steps: list[Step],
) -> tuple[Draft | None, list[Flag]]:
    """Return the stored commit and what is to be said about its files, or None if it would change nothing.

    Raises PolicyError if a file that it puts is refused.
    """
    before = base or RevisionListing.empty()
    puts, deletes = net_change(before.directory, steps)
    if not puts and not deletes and base is not None:
        return None, []
    said = admit(node, repo, puts)
    listing = before.apply(puts, deletes)
    change = Delta({**dict.fromkeys(deletes), **{entry.path: row_of(entry) for entry in puts}})
    words = words_of(actor, request.title, request.body, node.clock.now(), request.author)
    parent = position.rev if base is not None else None
    return write_commit(node, repo, position.ref, words, parent=parent, base=base, listing=listing, change=change), said


def _unchanged(node: Node, position: Position) -> Published:
    if position.pending is not None:
        node.sequencer.wait(position.pending, node.limits.publish_timeout_seconds)
    return Published(position.rev, position.tree, position.seq, None)


def _queue(
    conn: Connection,
    locked: Repo,
    *,
    node: Node,
    actor: Actor,
    draft: Draft,
    position: Position,
    files: dict[str, FileRow],
    said: list[Flag],
    parent: GitOid | None,
) -> Queued:
    """Queue the draft behind `position`; raises _Moved, StaleParent, QuotaExceeded or BadCommit, and then changes nothing."""
    found = chains.newest(conn, locked.id, draft.ref)
    if parent is not None and found.rev != parent:
        raise _stale(draft.ref, found)
    # The names and the salt in the revision object must be those of the leaf.
    if found.leaf_hash != position.leaf_hash or locked.salt != draft.repo.salt or locked.repo != draft.repo.repo:
        raise _Moved
    held = usage.hold(conn, locked.id, list(files.values()), actor.account_id, draft.words.now)
    if held.fresh:  # who is over his quota may still delete
        require_namespace(node, conn, locked.repo, 0)
    elif held.added:  # staged before, so that it was counted then
        require_quota(conn, node.limits, locked.repo.origin, locked.repo.namespace, 0)
    if held.gone:
        raise BadCommit(
            f"{len(held.gone)} files were removed before the commit named them", hint="upload them again, then commit"
        )
    revisions.insert_pending(conn, [draft.row])
    flags.put(conn, said)
    return chains.queue_commit(node, conn, locked, found, rev=draft.rev, tree=draft.listing.tree, now=draft.words.now)
