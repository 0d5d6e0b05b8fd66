"""The part of the composition root that answers for an upstream: puller, held store, mirroring in the background."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from hanse.flows.credentials import Credentials
from hanse.flows.mirror.background import Completing
from hanse.flows.mirror.heldfiles import held_local
from hanse.flows.mirror.hubs import HubUpstream, address_of
from hanse.flows.mirror.intake import Options
from hanse.flows.mirror.through import Through
from hanse.flows.node import Node
from hanse.flows.policies import load_policy
from hanse.flows.pull.fetch import Fetcher
from hanse.flows.pull.puller import Puller, PullSettings
from hanse.home import held_folder
from hanse.peers.hub import Hub
from hanse.settings import Settings
from hanse.store.held.store import Held, open_or_temporary

_WAIT = 3600.0  # somebody fetches it, which takes as long as it takes


@dataclass(frozen=True, slots=True)
class OpenedThrough:
    """Pull-through of a node, and the held store that it keeps what it pulled in."""

    through: Through
    held: Held
    hub: Hub

    def close(self) -> None:
        """End what runs, then close connections and the store."""
        self.through.close()
        self.hub.close()
        self.held.close()


def open_through(settings: Settings, node: Node) -> OpenedThrough | None:
    """Return what answers for the upstream that the settings name; None if they name none. Raises StorageError or InputError."""
    if settings.upstream is None:
        return None
    url, tokens = address_of(settings.upstream), Credentials(settings.home, os.environ)
    kept, named = held_folder(os.environ, settings.home)
    held = open_or_temporary(kept, named=named, limit=settings.upstream_cache_bytes or None)
    # Members are asked as anybody: what they show this node's own token only would be shown to everybody here.
    asked = PullSettings(
        (),
        url,
        load_policy("open", settings.home),
        settings.home,
        lambda one: tokens.token_for(one) if one == url else "",
        federations=settings.data / "federation",
        for_others=True,
    )
    if node.scanning is not None:
        asked = replace(asked, rules=node.scanning.rules)
    puller, hub = Puller(asked, held, Fetcher(held), node.clock), Hub(url, tokens.token_for(url))
    completing = None
    if settings.upstream_mirror_bytes:
        completing = Completing(node, HubUpstream(hub), Options(held=held_local(held, _WAIT)))
    return OpenedThrough(Through(node, puller, hub.origin, completing, settings.upstream_mirror_bytes), held, hub)
