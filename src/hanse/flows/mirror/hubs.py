"""A Hub-shaped origin as an upstream of mirrors: its answers as claims."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from hanse.flows.mirror.upstream import CommitClaim, InfoClaim
from hanse.model.digest import GitOid
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType
from hanse.peers.hub import PUBLIC_HUB, Hub
from hanse.peers.place import Place

HUGGINGFACE = "huggingface"
"""What the public hub is called on the command line and in settings."""


def address_of(text: str) -> str:
    """Return the address of an upstream that is given by name or address."""
    return PUBLIC_HUB if text.lower() in (HUGGINGFACE, "huggingface.co", "hf") else text


@dataclass(frozen=True, slots=True)
class HubUpstream:
    """An origin behind the Hub's routes; implements `Upstream`."""

    hub: Hub

    @property
    def url(self) -> str:
        """Address of the upstream."""
        return self.hub.url

    @property
    def origin(self) -> str:
        """Who answers for its names."""
        return self.hub.origin

    def info(self, kind: RepoType, path: str, rev: str) -> InfoClaim:
        """Return what a revision name means at this moment."""
        found = self.hub.info(kind, path, rev)
        said = found.info
        return InfoClaim(found.id, found.rev, bool(said.get("gated")), bool(said.get("private")), said)

    def tree(self, kind: RepoType, path: str, rev: GitOid) -> Sequence[FilePin]:
        """Return every file of a revision."""
        return self.hub.tree(kind, path, rev)

    def refs(self, kind: RepoType, path: str) -> Mapping[str, GitOid]:
        """Return full names of branches and tags -> commit ids."""
        return {str(one.ref): one.rev for one in self.hub.refs(kind, path)}

    def commits(self, kind: RepoType, path: str, rev: str, limit: int) -> Sequence[CommitClaim]:
        """Return up to `limit` commits from `rev` back, the newest first."""
        listed = islice(self.hub.commits(kind, path, rev), limit)
        return [CommitClaim(one.id, one.title, "", "", _seconds(one.date)) for one in listed]

    def place(self, kind: RepoType, path: str, rev: GitOid) -> Place:
        """Return where the bytes of a revision are."""
        return self.hub.place(kind, path, rev)


def places_at(hubs: Sequence[Hub]) -> Callable[[RepoType, str, GitOid], Sequence[Place]]:
    """Return what gives the places of a revision at further hubs, which are asked for bytes only and believed in nothing."""
    return lambda kind, path, rev: [hub.place(kind, path, rev) for hub in hubs]


def _seconds(text: str) -> int:
    """Return a time as the Hub writes it in seconds since 1970; 0 if it is none."""
    try:
        return int(dt.datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0
