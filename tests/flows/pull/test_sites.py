"""Static sites among the addresses of a puller: found out once, asked like nodes, and never confused with silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.support.pulling import DEAD, SaidNode, said_node

from hanse.flows.pull.answers import NodeAnswer, State
from hanse.flows.pull.asked import parse_asked
from hanse.flows.pull.asknodes import ask_node
from hanse.flows.pull.sites import AGAIN_SECONDS, Sites
from hanse.model.canonical import canonical
from hanse.model.digest import GitOid
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.model.staticlayout import INDEX, NAMESPACES, StaticIndex, StaticRefs, encode_namespaces, evidence_path, refs_path
from hanse.peers.client import PeerClient

MODEL, REV = RepoType.MODEL, GitOid("a" * 40)
API = "/api/models/alice/m/evidence/main"


@pytest.fixture(name="server")
def _server() -> Iterator[SaidNode]:
    with said_node() as made:
        yield made


@pytest.fixture(name="peers")
def _peers() -> Iterator[PeerClient]:
    with closing(PeerClient(seconds=60)) as client:
        yield client


def _publish(server: SaidNode) -> None:
    index = StaticIndex(Origin("hub.example.org"), 1, 2, 3)
    refs = StaticRefs(RepoId(index.origin, MODEL, "alice", "m"), {"refs/heads/main": REV})
    files = {
        INDEX: canonical(index.as_json()),
        NAMESPACES: encode_namespaces(["alice"]),
        refs_path(MODEL, "alice/m"): canonical(refs.as_json()),
        evidence_path(MODEL, "alice/m", REV): b"{}\n",
    }
    server.table |= {f"/{path}": (200, data) for path, data in files.items()}


def _ask(sites: Sites, peers: PeerClient, url: str, name: str = "alice/m", revision: str = "main") -> NodeAnswer:
    asked = parse_asked(MODEL, name, revision)
    return sites.ask(url, asked, lambda: ask_node(peers, url, asked, "secret"))


def test_a_site_answers(server: SaidNode, peers: PeerClient) -> None:
    """What a site has is shown, what it has not is absent or claimed, and once known it is not asked as a node any more."""
    _publish(server)
    sites = Sites(peers)
    assert not sites.known(server.url)
    assert _ask(sites, peers, server.url).data == b"{}\n"
    assert sites.known(server.url)
    server.asked.clear()
    answers = [
        _ask(sites, peers, server.url, name, revision)
        for name, revision in (("alice/m", REV), ("alice/m", "v1"), ("alice/none", "main"), ("bob/m", "main"))
    ]
    assert [(one.state, one.revision) for one in answers] == [
        (State.SHOWN, False),
        (State.ABSENT, True),
        (State.CLAIMED, False),
        (State.ABSENT, False),
    ]
    assert not [target for target, token in server.asked if target.startswith("/api") or token]


def test_what_is_no_site(server: SaidNode, peers: PeerClient) -> None:
    """A node's answer stands, and it is not looked for a site at every question; who does not answer is down."""
    clock = [1000.0]
    sites = Sites(peers, lambda: clock[0])
    assert _ask(sites, peers, server.url).state is State.ABSENT
    server.refuse(API, 451, "Recalled", "it was harmful")
    assert _ask(sites, peers, server.url).state is State.RECALLED
    server.refuse(API, 404, "RepoNotFound", "none")
    _publish(server)
    assert _ask(sites, peers, server.url).state is State.ABSENT
    assert len([1 for target, _ in server.asked if target == f"/{INDEX}"]) == 1
    clock[0] += AGAIN_SECONDS
    assert _ask(sites, peers, server.url).state is State.SHOWN
    assert _ask(sites, peers, DEAD).state is State.DOWN
    server.table[f"/{refs_path(MODEL, 'alice/m')}"] = (200, b"<html>")
    assert _ask(sites, peers, server.url).state is State.DOWN
