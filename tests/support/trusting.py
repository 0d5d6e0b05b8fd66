"""A federation of a real node and of one that only answers what a test says, as readers keep it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.support.founders import NAME, NOW, Founder, changed

from hanse.flows.federation.change import Change, Request, begin
from hanse.flows.federation.enact import own_member
from hanse.flows.federation.kept import Federation, FederationFiles
from hanse.flows.node import Node
from hanse.model.repo import Origin


def federation_of(node: Node, address: str, other: str, *, namespaces: tuple[str, ...] = ("alice",)) -> Federation:
    """Return a federation of a node at an address, with its namespaces, and of a member at another address."""
    first, second = Founder(node.origin), Founder(Origin("other.example"))
    made = begin(NAME, own_member(node, "First", (address,), namespaces=namespaces), first.own, NOW - 1000)
    request = Request(NAME, replace(second.member, addresses=(other,)), second.own.public)
    return changed(made, Change(add=(request,), need=2), first, second)


def trust(folder: Path, federation: Federation) -> None:
    """Keep a federation as trusted."""
    FederationFiles(folder).keep(federation)
