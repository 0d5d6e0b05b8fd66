"""The upstream as the flows of a mirror see it: a few questions about a repository, and a place for its bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hanse.errors import PeerMalformed
from hanse.model.digest import GitOid
from hanse.model.filepin import FilePin
from hanse.model.repo import Origin, RepoType, parse_repo_id
from hanse.peers.place import Place


@dataclass(frozen=True, slots=True)
class CommitClaim:
    """A commit as an upstream lists it; time: seconds since 1970."""

    rev: GitOid
    title: str
    message: str
    author: str
    time: int


@dataclass(frozen=True, slots=True)
class InfoClaim:
    """What an upstream says a revision name means now: the repository as it spells it, the commit id, and a few facts."""

    path: str
    rev: GitOid
    gated: bool = False
    private: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


class Upstream(Protocol):
    """A Hub-shaped origin. Nothing that it says is believed beyond being its claim. Safe for threads.

    Every method raises RepoNotFound, RevisionNotFound, PeerRefused, PeerDown, PeerTooSlow or PeerMisbehaved.
    """

    @property
    def url(self) -> str:
        """Address of the upstream."""
        ...

    @property
    def origin(self) -> str:
        """Who answers for its names: its host, with the port unless it is the scheme's own."""
        ...

    def info(self, kind: RepoType, path: str, rev: str) -> InfoClaim:
        """Return what a revision name means at this moment."""
        ...

    def tree(self, kind: RepoType, path: str, rev: GitOid) -> Sequence[FilePin]:
        """Return every file of a revision."""
        ...

    def refs(self, kind: RepoType, path: str) -> Mapping[str, GitOid]:
        """Return full names of branches and tags -> commit ids."""
        ...

    def commits(self, kind: RepoType, path: str, rev: str, limit: int) -> Sequence[CommitClaim]:
        """Return up to `limit` commits from `rev` back, the newest first."""
        ...

    def place(self, kind: RepoType, path: str, rev: GitOid) -> Place:
        """Return where the bytes of a revision are."""
        ...


def full_name(upstream: Upstream, kind: RepoType, name: str, rev: str = "main") -> str:
    """Return `namespace/name`; for the name of an old repository without a namespace, what the upstream says it stands for.

    Raises as the upstream, PeerMisbehaved if it says something that is called otherwise.
    """
    if "/" in name:
        return name
    path = parse_repo_id(Origin("any"), kind, upstream.info(kind, name, rev).path).path
    if path.rpartition("/")[2].lower() != name.lower():
        raise PeerMalformed(f"{upstream.url} calls {name[:100]!r} {path}", hint="write it as namespace/name")
    return path
