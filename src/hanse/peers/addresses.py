"""Where another server may lead to: the rules for redirects, and names that are resolved once and connected to as checked.

A server that answers may not make this machine ask its own services or its network's for it (SSRF). What leads elsewhere goes to
addresses of the public internet only, or, from a server of a private network, to one of that; never to this machine, never to
link-local addresses, and never from https to http. Origins that the user named himself are free of this. The name of a target is
resolved here, and the connection goes to an address that was checked, so that a second answer of its name server changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from urllib.parse import SplitResult, urljoin, urlsplit

from hanse.errors import InputError, PeerDown, PeerMisbehaved

MAX_URL = 8192
"""Longest address that is followed: signed addresses of storage services have some thousand characters."""
MAX_BASE = 2048
"""Longest address that a user gives himself."""
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Zone(Enum):
    """How far away an address is."""

    LOOPBACK = "this machine"
    LINK_LOCAL = "link-local"
    PRIVATE = "a private network"
    PUBLIC = "the public internet"


@dataclass(frozen=True, slots=True)
class Server:
    """Scheme, host (lower case, no brackets) and port of an address."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """The address of the server, without its port where that is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" if self.port == _PORTS[self.scheme] else f"{self.scheme}://{host}:{self.port}"

    @property
    def name(self) -> str:
        """Host and port, as people are told it."""
        return self.url.partition("://")[2]


def parse_base(url: str) -> str:
    """Return an http or https address without a slash at its end; raises InputError for anything else."""
    text = url.rstrip("/")
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError as error:  # unbalanced brackets, no such port
        raise InputError(f"expected an address such as https://models.example.org/log, got {url[:120]!r}: {error}") from error
    printable = text.isascii() and text.isprintable() and " " not in text
    if not printable or len(text) > MAX_BASE or parts.scheme not in ("http", "https") or not parts.hostname or not has_port:
        raise InputError(f"expected an address such as https://models.example.org/log, got {url[:120]!r}")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise InputError("an address must not hold a query, a fragment or credentials")
    return text


def server_of(url: str) -> Server:
    """Return the server of an http or https address; raises PeerMisbehaved for anything else."""
    try:
        parts = urlsplit(url)
        found = _server(parts)
    except ValueError as error:
        raise PeerMisbehaved(f"{url[:200]!r} is no address") from error
    clean = url.isascii() and url.isprintable() and " " not in url
    if found is None or not clean or len(url) > MAX_URL or "@" in parts.netloc:
        raise PeerMisbehaved(f"{url[:200]!r} is no address of a web server")
    return found


def _server(parts: SplitResult) -> Server | None:
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    port = parts.port
    return Server(parts.scheme, parts.hostname.rstrip("."), _PORTS[parts.scheme] if port is None else port)


def follow(url: str, location: str) -> str:
    """Return where a redirect of `url` leads; raises PeerMisbehaved for no web address, and from https to http."""
    found = joined(url, location)
    target, source = server_of(found), server_of(url)
    if source.scheme == "https" and target.scheme != "https":
        raise PeerMisbehaved(f"{source.name} leads from https to http, where anybody on the way can read and change things")
    return found


def joined(url: str, location: str) -> str:
    """Return the address that a server at `url` means by `location`, without a fragment; raises PeerMisbehaved for none."""
    try:
        return urljoin(url, location[: MAX_URL + 1]).partition("#")[0]
    except ValueError as error:
        raise PeerMisbehaved(f"{location[:200]!r}, where {url[:200]} leads, is no address") from error


def zone_of(address: str) -> Zone:
    """Return the zone of an IP address in text form; addresses that wrap another one count as that."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = _unwrapped(ip)
    if ip.is_loopback or ip.is_unspecified:
        return Zone.LOOPBACK
    if ip.is_link_local:
        return Zone.LINK_LOCAL
    return Zone.PUBLIC if ip.is_global and not ip.is_multicast else Zone.PRIVATE


def _unwrapped(ip: IpAddress) -> IpAddress:
    """Return the IPv4 address that an IPv6 address stands for (mapped, NAT64, 6to4, Teredo), else the address itself."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


def resolve(server: Server) -> list[str]:
    """Return the IP addresses of a server's name, in the order to try them; raises PeerDown."""
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PeerDown(f"the name {server.host} cannot be resolved: {error}", hint="is there a network?") from error
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def checked(source: Server, zone: Zone, target: Server, *, named: Collection[Server] = ()) -> list[str]:
    """Return the addresses of `target` that a server in `zone` may lead to; raises PeerMisbehaved if there is none.

    named: servers that the user named himself, which may be led to wherever they are.
    """
    found = resolve(target)
    if target == source or target in named:
        return found
    zones = {Zone.PUBLIC, Zone.PRIVATE} if zone is Zone.PRIVATE else {Zone.PUBLIC}
    allowed = [one for one in found if zone_of(one) in zones]
    if not allowed:
        where = zone_of(found[0]).value if found else "nowhere"
        raise PeerMisbehaved(
            f"{source.name} leads to {target.name}, which is on {where}: not followed",
            hint="if that is meant to be, name that address yourself",
        )
    return allowed


def may_name(source: Server, target: Server, *, named: Collection[Server] = ()) -> None:
    """Raise PeerMisbehaved if a target's name alone is refused: where the user's proxy resolves names, no more is known."""
    if target in (source, *named):
        return
    try:
        inside = zone_of(target.host) is not Zone.PUBLIC
    except ValueError:
        inside = "." not in target.host or target.host.endswith((".localhost", ".local", ".internal"))
    if inside:
        raise PeerMisbehaved(f"{source.name} leads to {target.name}, which is not on {Zone.PUBLIC.value}: not followed")
