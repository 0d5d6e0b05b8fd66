"""What a static site says it has: what it is, names, evidence, namespaces. Bounded, and believed nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from hanse.errors import HanseError, NotFoundError, PeerMisbehaved
from hanse.model.digest import GitOid, is_git_oid
from hanse.model.repo import RepoType
from hanse.model.staticlayout import (
    INDEX,
    MAX_INDEX_BYTES,
    MAX_NAMESPACES_BYTES,
    MAX_REFS_BYTES,
    NAMESPACES,
    StaticIndex,
    StaticPath,
    StaticRefs,
    evidence_path,
    parse_index,
    parse_namespaces,
    parse_refs,
    refs_path,
)
from hanse.peers.bulk import refusal
from hanse.peers.client import Answer, parse_base

_T = TypeVar("_T")
_GONE = frozenset({403, 404, 410})
"""How web servers and buckets say that they have no such file: buckets that may not be listed say 403."""


class Getter(Protocol):
    """A client of web servers, whose answers are bounded."""

    def get(self, url: str, *, limit: int) -> Answer:
        """Return the answer to a GET of at most `limit` bytes; raises PeerDown, PeerTooSlow or PeerMisbehaved."""
        ...


class StaticSite:
    """A site at an address. Safe for threads; raises InputError on construction for no address.

    All methods raise PeerDown, PeerTooSlow, PeerRefused, and PeerMisbehaved also for a file that does not parse.
    """

    def __init__(self, client: Getter, url: str) -> None:
        self._client = client
        self.url = parse_base(url)

    def index(self) -> StaticIndex | None:
        """Return what the site is, None if there is no `hanse.json`: a node, or something else.

        Web servers that answer every address with a page of theirs have none either.
        """
        answer = self._client.get(f"{self.url}/{INDEX}", limit=MAX_INDEX_BYTES * 16)
        if answer.status != 200:
            return None
        try:
            return parse_index(answer.body)
        except HanseError:
            return None

    def refs(self, kind: RepoType, folded: str) -> StaticRefs | None:
        """Return the names of a repository's revisions, None if the site has no such repository."""
        return self._parsed(refs_path(kind, folded), MAX_REFS_BYTES, parse_refs)

    def namespaces(self) -> frozenset[str]:
        """Return the namespaces that a key of the site's log answers for."""
        return self._parsed(NAMESPACES, MAX_NAMESPACES_BYTES, parse_namespaces) or frozenset()

    def evidence(self, kind: RepoType, folded: str, rev: GitOid) -> bytes | None:
        """Return the evidence file of a revision, None if the site has none."""
        from hanse.model.evidence import MAX_EVIDENCE_BYTES  # noqa: PLC0415 few addresses are static sites

        return self._parsed(evidence_path(kind, folded, rev), MAX_EVIDENCE_BYTES, bytes)

    def require_evidence(self, kind: RepoType, folded: str, revision: GitOid | str) -> bytes:
        """Return the evidence of a revision, by commit id or by a name of the site's; raises NotFoundError too."""
        found = self.find(kind, folded, revision)
        data = None if found is None else self.evidence(kind, folded, found)
        if data is None:
            raise NotFoundError(f"{self.url} has no evidence of {folded} at {revision[:80]}", hint="check the name")
        return data

    def find(self, kind: RepoType, folded: str, revision: str) -> GitOid | None:
        """Return the commit id that a revision names; None if the site has no such repository or name."""
        if is_git_oid(revision):
            return GitOid(revision)
        refs = self.refs(kind, folded)
        return None if refs is None else refs.find(revision)

    def _parsed(self, path: StaticPath, limit: int, parse: Callable[[bytes], _T]) -> _T | None:
        answer = self._client.get(f"{self.url}/{path}", limit=limit)
        if answer.status in _GONE:
            return None
        if answer.status != 200:
            raise refusal(answer.status, answer.headers, self.url)
        try:
            return parse(answer.body)
        except HanseError as error:
            raise PeerMisbehaved(f"{self.url}/{path}: {error.message}"[:600]) from error
