"""The servers of one puller: clients, tokens, who is left alone for now, and the places that bytes come from."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from hanse.flows.pull.asked import Asked, PullSettings
from hanse.flows.pull.health import Health
from hanse.flows.pull.nodeplace import NodeOfRevision
from hanse.flows.pull.sites import NodeOrSite, Sites
from hanse.model.repo import Origin, RepoId
from hanse.peers.bulk import BulkClient
from hanse.peers.client import PeerClient
from hanse.peers.hub import Hub, origin_of
from hanse.peers.nodefiles import NodePlace
from hanse.peers.place import Place
from hanse.peers.staticplace import StaticPlace

if TYPE_CHECKING:
    from hanse.flows.pull.behind import Behind

ASK_SECONDS = 20.0


class Origins:
    """Nodes and upstream as they are asked for one caller or another. Safe for threads."""

    def __init__(self, settings: PullSettings, health: Health) -> None:
        self.settings = settings
        self.health = health
        self.peers = PeerClient(seconds=ASK_SECONDS)
        self.sites = Sites(self.peers)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        self.peers.close()
        if "bulk" in self.__dict__:
            self.bulk.close()

    @cached_property
    def bulk(self) -> BulkClient:
        """The client for bytes; addresses that the user named may be anywhere."""
        settings = self.settings
        return BulkClient(named=tuple(one for one in (*settings.nodes, settings.upstream) if one))

    @cached_property
    def behind(self) -> Behind:
        """Who is waited for because the logs that he shows are behind what was seen."""
        from hanse.flows.pull.behind import Behind  # noqa: PLC0415 it loads what verifies evidence

        return Behind()

    @cached_property
    def upstream(self) -> Origin | None:
        """The name of the upstream's origin."""
        return origin_of(self.settings.upstream) if self.settings.upstream else None

    def token(self, url: str, asked: Asked) -> str:
        """Return the token to show to an address: the caller's own to the home node alone, else what the user has for it."""
        return (asked.token if url == self.settings.home_node else "") or self.settings.token_for(url)

    def hub(self, url: str, asked: Asked, *, anonymous: bool = False) -> Hub:
        """Return a server as a Hub-shaped origin."""
        return Hub(url, "" if anonymous else self.token(url, asked), client=self.bulk)

    def upstream_hub(self, token: str = "") -> Hub:
        """Return the upstream, asked by a caller with this token; raises InputError if there is none."""
        url = self.settings.upstream or ""
        mine = (token if url == self.settings.home_node else "") or self.settings.token_for(url)
        return Hub(url, mine, client=self.bulk)

    def places(self, asked: Asked, repo: RepoId, rev: str, *, private: bool, first: Sequence[str] = ()) -> tuple[Place, ...]:
        """Return where the bytes of a revision can be had: nodes that showed it first, then others, then its upstream.

        private: others than those in `first` and the origin are not asked: it is not their business what is read.
        """
        if self.settings.offline:
            return ()
        nodes = [*first, *(() if private else (one for one in self.settings.nodes if one not in first))]
        above = self.settings.upstream
        upstream = [above] if above and repo.origin == self.upstream and above not in nodes else []
        hubs = [self.hub(url, asked).place(repo.type, repo.path, rev) for url in upstream]
        return (*(self._node(node, asked, repo, rev) for node in nodes), *hubs)

    def _node(self, node: str, asked: Asked, repo: RepoId, rev: str) -> Place:
        files = NodePlace(self.bulk, node, self.token(node, asked))
        named = NodeOfRevision(files, self.hub(node, asked).place(repo.type, repo.path, rev))
        return NodeOrSite(self.sites, node, named, StaticPlace(self.bulk, node))
