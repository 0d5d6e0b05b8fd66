"""Where other servers may lead to; that connections go where was checked is proved in tests/contract/test_bulk.py."""

from __future__ import annotations

import pytest

from hanse.errors import InputError, PeerMisbehaved
from hanse.peers.addresses import Server, Zone, checked, follow, joined, may_name, parse_base, server_of, zone_of

PUBLIC = Server("http", "8.8.8.8", 80)
OWN = Server("http", "10.1.2.3", 80)
METADATA = Server("http", "169.254.169.254", 80)
HERE = Server("http", "127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("address", "zone"),
    [
        ("8.8.8.8", Zone.PUBLIC),
        ("2606:4700::1111", Zone.PUBLIC),
        ("127.0.0.1", Zone.LOOPBACK),
        ("127.8.8.8", Zone.LOOPBACK),
        ("0.0.0.0", Zone.LOOPBACK),
        ("::", Zone.LOOPBACK),
        ("::1", Zone.LOOPBACK),
        ("::ffff:127.0.0.1", Zone.LOOPBACK),
        ("64:ff9b::7f00:1", Zone.LOOPBACK),
        ("2002:7f00:1::", Zone.LOOPBACK),
        ("169.254.169.254", Zone.LINK_LOCAL),
        ("::ffff:169.254.169.254", Zone.LINK_LOCAL),
        ("fe80::1%eth0", Zone.LINK_LOCAL),
        ("10.0.0.1", Zone.PRIVATE),
        ("192.168.1.1", Zone.PRIVATE),
        ("172.16.0.1", Zone.PRIVATE),
        ("100.64.0.1", Zone.PRIVATE),
        ("fd00::1", Zone.PRIVATE),
        ("224.0.0.1", Zone.PRIVATE),
        ("255.255.255.255", Zone.PRIVATE),
    ],
)
def test_zones(address: str, zone: Zone) -> None:
    """Addresses of this machine and of private networks are known, also wrapped in IPv6."""
    assert zone_of(address) is zone


def test_servers() -> None:
    """A server is scheme, host and port; what is no address of one is refused."""
    assert server_of("https://Hub.example.org./a?b") == Server("https", "hub.example.org", 443)
    assert server_of("http://[::1]:8080/").name == "[::1]:8080"
    assert Server("https", "hub.example.org", 443).url == "https://hub.example.org"
    for bad in (
        "ftp://a/",
        "http://",
        "//a/b",
        "http://u:p@a/",
        "http://a:99999/",
        "http://a/ b",
        "http://a/\n",
        "http://[::1",
        "",
    ):
        with pytest.raises(PeerMisbehaved):
            server_of(bad)


def test_redirects_keep_their_scheme() -> None:
    """What came by https is not continued in the clear; paths are taken relative to where they came from."""
    assert follow("http://a/b/c", "d#frag") == "http://a/b/d"
    assert follow("http://a/", "https://b/") == "https://b/"
    for target in ("http://b/", "file:///etc/passwd", "gopher://a/", "https://" + "a" * 9000):
        with pytest.raises(PeerMisbehaved):
            follow("https://a/b", target)


@pytest.mark.parametrize("text", ["http://[", "http://[::1", "//[", "http://a]", "http://[x]/", "http://a:99999", "http://a:x"])
def test_what_is_no_address(text: str) -> None:
    """Unbalanced brackets and impossible ports are refused, whether a server or a person names them."""
    with pytest.raises(PeerMisbehaved):
        follow("http://a/", text)
    with pytest.raises(InputError):
        parse_base(text)
    if "[" in text or "]" in text:
        with pytest.raises(PeerMisbehaved):
            joined("http://a/", text)


def test_where_servers_may_lead() -> None:
    """To the public internet; within a private network; elsewhere only to itself or what the user named."""
    assert checked(PUBLIC, Zone.PUBLIC, Server("https", "8.8.4.4", 443)) == ["8.8.4.4"]
    assert checked(OWN, Zone.PRIVATE, Server("http", "10.9.9.9", 80)) == ["10.9.9.9"]
    assert checked(HERE, Zone.LOOPBACK, HERE) == ["127.0.0.1"]
    assert checked(PUBLIC, Zone.PUBLIC, HERE, named={HERE}) == ["127.0.0.1"]
    for source, zone, target in (
        (PUBLIC, Zone.PUBLIC, OWN),
        (PUBLIC, Zone.PUBLIC, HERE),
        (PUBLIC, Zone.PUBLIC, METADATA),
        (PUBLIC, Zone.PUBLIC, Server("http", "2130706433", 80)),
        (OWN, Zone.PRIVATE, METADATA),
        (OWN, Zone.PRIVATE, HERE),
        (HERE, Zone.LOOPBACK, METADATA),
        (HERE, Zone.LOOPBACK, Server("http", "127.0.0.1", 9090)),
        (HERE, Zone.LOOPBACK, OWN),
    ):
        with pytest.raises(PeerMisbehaved, match="not followed"):
            checked(source, zone, target)


def test_names_behind_a_proxy() -> None:
    """Where a proxy resolves names, those that cannot be public are refused, and addresses as ever."""
    may_name(PUBLIC, Server("https", "cdn.example.org", 443))
    for host in ("localhost", "intranet", "a.localhost", "metadata.google.internal", "127.0.0.1", "::1", "10.0.0.1"):
        with pytest.raises(PeerMisbehaved):
            may_name(PUBLIC, Server("http", host, 80))
