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


def federation_of(node: Node, address: str, other: str) -> Federation:
    """Return a federation of a node at an address, whose namespace is `alice`, and of a member at another address."""
    return states_of(node, address, other)[-1]


def states_of(node: Node, address: str, other: str) -> tuple[Federation, Federation]:
    """Return the same federation before and after the second member joined."""
    first, second = Founder(node.origin), Founder(Origin("other.example"))
    made = begin(NAME, own_member(node, "First", (address,), namespaces=("alice",)), first.own, NOW - 1000)
    request = Request(NAME, replace(second.member, addresses=(other,)), second.own.public)
    return made, changed(made, Change(add=(request,), need=2), first, second)


def trust(folder: Path, federation: Federation) -> None:
    """Keep a federation as trusted."""
    FederationFiles(folder).keep(federation)
