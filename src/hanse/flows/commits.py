"""A commit while it arrives: lines become operations, contents go to the store as soon as they are many (hub-api.md A.5)."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from hanse.content.commitlines import CommitLine, CommitParser, DeletedFile, DeletedFolder, FileLine, Header, LfsLine
from hanse.content.gitobjects import blob_id
from hanse.db.repos import Repo
from hanse.errors import BadCommit, HanseError, RevisionNotFound
from hanse.flows import access, index, pulls
from hanse.flows.discussions import MAIN, require_participant
from hanse.flows.ingest import store_small_files
from hanse.flows.node import Node
from hanse.flows.publish import (
    CommitRequest,
    DeleteFile,
    DeleteFolder,
    Operation,
    Published,
    PutBytes,
    PutEntry,
    PutFile,
    publish,
    require_commit,
)
from hanse.model.actor import Actor
from hanse.model.digest import is_git_oid
from hanse.model.entry import Entry
from hanse.model.repo import RefName, branch_ref, pull_ref

log = structlog.get_logger("hanse.commits")
HELD_BYTES = 16 * 1024 * 1024
"""Contents that a commit in arrival may hold in memory before they are stored."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a commit goes: a ref; or a new pull request for branch `ref`, starting at revision `start` ("": its head)."""

    ref: RefName
    pull_request: bool = False
    start: str = ""


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of a commit; pull: the number of the pull request that it opened."""

    published: Published
    pull: int | None = None


def target_of(rev: str, *, pull_request: bool) -> Target:
    """Return what the revision in a commit's address means: a branch, `refs/heads/...`, `refs/pr/N`.

    For a new pull request it may also be a commit id: the request then starts there and is meant for `main`. Raises
    BadRepoId for a name that is none, RevisionNotFound for other refs.
    """
    if pull_request and is_git_oid(rev):
        return Target(MAIN, pull_request=True, start=rev)
    number = rev.removeprefix("refs/pr/")
    if number != rev and not pull_request and number.isascii() and number.isdecimal() and len(number) < 10:
        return Target(pull_ref(int(number)))
    if rev.startswith("refs/") and not rev.startswith("refs/heads/"):
        raise RevisionNotFound(f"Invalid rev id: {rev[:300]}", hint="commit to a branch or to refs/pr/N")
    return Target(branch_ref(rev.removeprefix("refs/heads/")), pull_request=pull_request)


def require_target(node: Node, actor: Actor, repo: Repo, target: Target) -> None:
    """Raise NotAuthenticated, NotAllowed, GatedRepo or Disabled unless the caller may commit there."""
    if target.pull_request:
        require_participant(actor)
        access.require_read_bytes(node, actor, repo)
    else:
        require_commit(node, actor, repo, target.ref)


class Incoming:
    """Takes in the body of a commit for a repository to which the caller may send one.

    Raises BadCommit, BadPath, BadDigest or TooLarge as `CommitParser`, StorageFull or StorageError.
    """

    def __init__(self, node: Node, actor: Actor, repo: Repo) -> None:
        self._node = node
        self._actor = actor
        self._repo = repo
        limits = node.limits
        self._parser = CommitParser(
            max_file_bytes=limits.max_regular_bytes,
            max_operations=limits.max_commit_operations,
            max_bytes=limits.max_commit_bytes,
        )
        self._operations: list[Operation] = []
        self._held: list[int] = []  # positions of contents not stored yet
        self._held_bytes = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the body."""
        for line in self._parser.feed(data):
            self._take(line)

    def finish(self) -> CommitRequest:
        """Return the whole commit."""
        for line in self._parser.finish():
            self._take(line)
        header = self._parser.header
        if header is None:
            raise BadCommit("a commit needs a header line")
        return CommitRequest(header.title, header.body, header.parent, tuple(self._operations))

    def _take(self, line: CommitLine) -> None:
        if isinstance(line, Header):
            return
        if isinstance(line, FileLine):
            self._held.append(len(self._operations))
            self._held_bytes += len(line.data)
        self._operations.append(_operation(line))
        if self._held_bytes > HELD_BYTES:
            self._store()

    def _store(self) -> None:
        held = [(at, operation) for at in self._held if isinstance(operation := self._operations[at], PutBytes)]
        rows = store_small_files(self._node, self._repo, self._actor, [operation.data for _, operation in held])
        for (at, operation), row in zip(held, rows, strict=True):
            entry = Entry(operation.path, row.size, row.sha256, row.xet, blob_id(operation.data), lfs=False)
            self._operations[at] = PutEntry(operation.path, entry, row)
        self._held.clear()
        self._held_bytes = 0


def _operation(line: FileLine | LfsLine | DeletedFile | DeletedFolder) -> Operation:
    if isinstance(line, FileLine):
        return PutBytes(line.path, line.data)
    if isinstance(line, LfsLine):
        return PutFile(line.path, line.sha256, line.size)
    return DeleteFile(line.path) if isinstance(line, DeletedFile) else DeleteFolder(line.path)


def commit(node: Node, actor: Actor, repo: Repo, target: Target, request: CommitRequest) -> Committed:
    """Publish a commit to its target; raises as `publish`, and as `pulls.open_pull` for a new pull request."""
    if target.pull_request:
        return _commit_as_pull(node, actor, repo, target, request)
    number = target.ref.removeprefix("refs/pr/")
    if number != target.ref:
        return Committed(pulls.commit_to_pull(node, actor, repo, int(number), request))
    published = publish(node, actor, repo, target.ref, request)
    if target.ref == MAIN:
        describe(node, repo)
    return Committed(published)


def _commit_as_pull(node: Node, actor: Actor, repo: Repo, target: Target, request: CommitRequest) -> Committed:
    start = target.start or request.parent or ""
    num = pulls.open_pull(node, actor, repo, request.title, request.body, status="open", target=target.ref, start=start)
    request = CommitRequest(request.title, request.body, None, request.operations, request.author)
    try:
        return Committed(pulls.commit_to_pull(node, actor, repo, num, request), num)
    except HanseError:
        pulls.give_up(node, repo, num)
        raise


def describe(node: Node, repo: Repo) -> None:
    """Bring what listings say about the repository up to date; what fails here is logged, the commit stands."""
    try:
        index.reindex(node, repo.id)
    except Exception:  # derived fields only; the next reader tries again
        log.exception("reindex", repo=str(repo.repo))
