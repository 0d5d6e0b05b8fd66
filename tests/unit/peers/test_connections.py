"""Failures of the network by kind, and proxies; connections themselves are proved in tests/contract/test_bulk.py."""

from __future__ import annotations

import http.client

import pytest

from hanse.errors import HanseError, PeerDown, PeerMisbehaved, PeerTooSlow
from hanse.peers.addresses import Server, Zone
from hanse.peers.connections import Connections, failures


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError(), PeerTooSlow),
        (ConnectionRefusedError(), PeerDown),
        (ConnectionResetError(), PeerDown),
        (OSError("no route"), PeerDown),
        (http.client.RemoteDisconnected(), PeerDown),
        (http.client.BadStatusLine("x"), PeerMisbehaved),
        (http.client.LineTooLong("header"), PeerMisbehaved),
        (http.client.IncompleteRead(b""), PeerMisbehaved),
        (ValueError("chunk"), PeerMisbehaved),
        (PeerDown("as it was"), PeerDown),
    ],
)
def test_failures(error: Exception, kind: type[HanseError]) -> None:
    """Gone, slow and not speaking HTTP are told apart; our own errors pass."""
    with pytest.raises(kind), failures("http://a"):
        raise error


def test_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxy counts, except for what it excludes and for kinds of proxies that are not spoken."""
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:3128")
    monkeypatch.setenv("http_proxy", "socks5://proxy.example.org")
    monkeypatch.setenv("no_proxy", "127.0.0.1,inside.example.org")
    wires = Connections(1)
    assert wires.proxy_of(Server("https", "hub.example.org", 443)) == "http://proxy.example.org:3128"
    assert wires.proxy_of(Server("http", "hub.example.org", 80)) == ""
    assert wires.proxy_of(Server("https", "inside.example.org", 443)) == ""
    assert wires.zone_of(Server("https", "hub.example.org", 443)) is Zone.PUBLIC
    wires.close()
