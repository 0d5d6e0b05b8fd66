"""Pull requests: a ref of their own, `refs/pr/N`, and merging it into the branch it is meant for.

1. Opening takes a number and queues the first leaf of the ref in one transaction: it starts at the target's head.
2. Commits go to the ref as to any branch.
3. Merging applies what the ref changed since its start as one commit on the target's present head. A path that the target
   changed too, to something else, is a conflict, and nothing is merged.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from hanse.content.difference import Change, Merge, describe, difference, merge
from hanse.content.directory import Directory
from hanse.db import discussions, revisions
from hanse.db.discussions import Discussion
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import Conflict, InputError, RevisionNotFound, StaleParent
from hanse.flows import access, chains
from hanse.flows.chains import Queued
from hanse.flows.discussions import (
    MAIN,
    append,
    check_comment,
    check_title,
    comment_event,
    new_event,
    require_participant,
    thread,
)
from hanse.flows.node import Node
from hanse.flows.publish import CommitRequest, DeleteFile, Operation, Published, PutEntry, publish
from hanse.model.actor import Actor
from hanse.model.digest import GitOid
from hanse.model.repo import RefName, pull_ref

MAX_DIFF_FILES = 1000
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class PullState:
    """What a pull request comes to at present: conflicting paths while it is not merged, and its changes in git's words."""

    conflicts: tuple[str, ...]
    diff: str


def open_pull(
    node: Node, actor: Actor, repo: Repo, title: str, description: str, *, status: str, target: RefName = MAIN, start: str = ""
) -> int:
    """Open a pull request for branch `target`, with its ref at `start` (a revision; by default the target's head).

    status: `draft` or `open`. Returns its number. Raises NotAllowed, RevisionNotFound.
    """
    author = require_participant(actor)
    access.require_read_bytes(node, actor, repo)
    title = check_title(title)
    check_comment(description)
    base = access.resolve_revision(node, repo, start or target)
    now = node.clock.now()

    def change(conn: Connection, locked: Repo) -> tuple[int, Queued]:
        made = discussions.create(
            conn, locked.id, title=title, pull_request=True, status=status, author=author, target=target, base=base.rev, now=now
        )
        discussions.add_event(conn, locked.id, made.num, comment_event(author, description, now))
        position = chains.newest(conn, locked.id, pull_ref(made.num))
        return made.num, chains.queue_move(node, conn, locked, position, rev=base.rev, tree=base.tree, now=now)

    num, queued = chains.change_repo(node, repo, change)
    node.sequencer.wait(queued.pending, node.limits.publish_timeout_seconds)
    return num


def commit_to_pull(node: Node, actor: Actor, repo: Repo, num: int, request: CommitRequest) -> Published:
    """Commit to a pull request's ref and note it in the thread; raises Conflict if it is closed or merged."""
    found = _require_pull(node, repo, num)
    if found.status in ("closed", "merged"):
        raise Conflict(f"pull request {num} is {found.status}", hint="open it again, or make a new one")
    published = publish(node, actor, repo, pull_ref(num), request)
    data = {"subject": request.title, "oid": published.rev}
    with node.db.write() as conn:
        append(conn, repo.id, num, new_event("commit", str(actor.name), node.clock.now(), data))
    return published


def give_up(node: Node, repo: Repo, num: int) -> None:
    """Close a pull request whose first commit was refused, so that no empty one stays open."""
    with node.db.write() as conn:
        discussions.set_fields(conn, repo.id, num, status="closed")


def state(node: Node, repo: Repo, found: Discussion) -> PullState:
    """Return conflicts and changes of a pull request as of now."""
    base, theirs = _listing(node, repo, found.base), _head(node, repo, pull_ref(found.num))
    if base is None or theirs is None:
        return PullState((), "")
    diff = describe(difference(base, theirs[1]), MAX_DIFF_FILES)
    target = None if found.status == "merged" else _head(node, repo, found.target)
    if target is None:
        return PullState((), diff)
    return PullState(merge(base, target[1], theirs[1]).conflicts[:MAX_DIFF_FILES], diff)


def merge_pull(node: Node, actor: Actor, repo: Repo, num: int, text: str) -> Published:
    """Merge a pull request into its target branch and return the commit.

    Raises NotAllowed without write rights, Conflict if it is closed, merged or in conflict with the target.
    """
    access.require_write(actor, repo)
    check_comment(text)
    found = _require_pull(node, repo, num)
    if found.status in ("closed", "merged"):
        raise Conflict(f"pull request {num} is {found.status}")
    for attempt in range(_ATTEMPTS):
        merged, parent = _merge(node, repo, found)
        operations = tuple(_operation(change) for change in merged.changes)
        request = CommitRequest(f"{found.title} (#{num})", text, parent, operations)
        try:
            published = publish(node, actor, repo, found.target, request)
        except StaleParent:
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        _record_merge(node, actor, repo, num, rev=published.rev, text=text)
        return published
    raise Conflict(f"{found.target} is being changed by others all the time", hint="merge again")


def _merge(node: Node, repo: Repo, found: Discussion) -> tuple[Merge, GitOid]:
    base, theirs, target = (
        _listing(node, repo, found.base),
        _head(node, repo, pull_ref(found.num)),
        _head(node, repo, found.target),
    )
    if base is None or theirs is None or target is None:
        raise RevisionNotFound(f"the branch or the start of pull request {found.num} is gone")
    merged = merge(base, target[1], theirs[1])
    if merged.conflicts:
        shown = ", ".join(merged.conflicts[:10])
        raise Conflict(
            f"these files were changed on {found.target} too: {shown}", hint="make the change again on its present state"
        )
    return merged, target[0].rev


def _operation(change: Change) -> Operation:
    return DeleteFile(change.path) if change.after is None else PutEntry(change.path, change.after)


def _record_merge(node: Node, actor: Actor, repo: Repo, num: int, *, rev: GitOid, text: str) -> None:
    now, name = node.clock.now(), str(actor.name)
    with node.db.write() as conn:
        if text:
            append(conn, repo.id, num, comment_event(name, text, now))
        discussions.set_fields(conn, repo.id, num, status="merged", merged=rev)
        discussions.add_event(conn, repo.id, num, new_event("status-change", name, now, {"status": "merged"}))


def _require_pull(node: Node, repo: Repo, num: int) -> Discussion:
    found = thread(node, repo, num).discussion
    if not found.pull_request:
        raise InputError(f"discussion {num} is not a pull request")
    return found


def _head(node: Node, repo: Repo, ref: RefName) -> tuple[Revision, Directory] | None:
    with node.db.read() as conn:
        row = revisions.ref(conn, repo.id, ref)
        revision = None if row is None else revisions.get(conn, repo.id, row.rev)
    return None if revision is None else (revision, _directory(node, repo, revision))


def _listing(node: Node, repo: Repo, rev: GitOid | None) -> Directory | None:
    if rev is None:
        return None
    with node.db.read() as conn:
        revision = revisions.get(conn, repo.id, rev)
    return None if revision is None else _directory(node, repo, revision)


def _directory(node: Node, repo: Repo, revision: Revision) -> Directory:
    if revision.state in ("withdrawn", "erased"):
        raise RevisionNotFound(f"commit {revision.rev} of {repo.repo.path} was withdrawn")
    return node.listings.get(node.store, revision.object).directory
