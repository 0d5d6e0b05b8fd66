"""What a serving node does towards others by itself: its log is cosigned, logs that it witnesses and federations are followed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from hanse.errors import IntegrityError
from hanse.flows import witness
from hanse.flows.asking import Target
from hanse.flows.cosign import Cosigning
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.federation.walking import Walking
from hanse.flows.follow import Following
from hanse.flows.keeper import Keeper
from hanse.peers.client import PeerClient
from hanse.tlog.checkpoint import open_checkpoint

if TYPE_CHECKING:  # a witness that is nothing else never loads the hub
    from hanse.flows.foreign.gather import Gathering
    from hanse.flows.node import Node

_log = logging.getLogger(__name__)


class Outward:
    """Runs what asks other servers, in threads of its own.

    target: the newest checkpoint of the node's own log; refresh: seconds after which cosignatures are renewed; follow: seconds
    after which a log that is followed is read again; federations: those that are walked along; enacted: called after one changed;
    hub: the node if it has repositories, whose statements in others' logs are gathered.
    """

    def __init__(
        self,
        node: Keeper,
        target: Callable[[], Target | None],
        *,
        refresh: int,
        follow: int,
        federations: FederationFiles,
        enacted: Callable[[], None] = lambda: None,
        hub: Node | None = None,
    ) -> None:
        self._peers = PeerClient()
        self._walking = Walking(node, federations, self._peers, follow, enacted=enacted)
        self._cosigning = Cosigning(node, self._peers, target, refresh)
        self._following = Following(node, self._peers, follow, replays=None if hub is None else hub.replays)
        self._gathering = None if hub is None else _gathering(hub, self._peers, follow)

    def start(self) -> None:
        """Start the threads."""
        self._cosigning.start()
        self._following.start()
        self._walking.start()
        if self._gathering is not None:
            self._gathering.start()

    def stop(self) -> None:
        """Start nothing any more, and end connections."""
        self._cosigning.stop()
        self._following.stop()
        self._walking.stop()
        if self._gathering is not None:
            self._gathering.stop()
        self._peers.close()


def _gathering(hub: Node, peers: PeerClient, seconds: int) -> Gathering:
    from hanse.flows.foreign.gather import Gathering  # noqa: PLC0415 a witness that is nothing else never loads the hub

    return Gathering(hub, peers, seconds)


def own_target(node: Node) -> Target | None:
    """Return the newest checkpoint of this node's log; None if it is empty, or must not be signed (the reason is in the log)."""
    head = node.log.head()
    if not head.size:
        return None
    try:
        opened = open_checkpoint(node.log.checkpoint(head.size), node.log.key)
    except IntegrityError as error:
        _log.error("cosign: %s", error.message)
        return None
    note = witness.own_note(opened).encode()
    return Target(head, note, (node.log.key,), partial(_grown, node, head.size), partial(_size, node))


def _grown(node: Node, size: int, old: int) -> tuple[bytes, ...]:
    return node.log.prove_growth(old, size)


def _size(node: Node) -> int:
    return node.log.size
