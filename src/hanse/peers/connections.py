"""Connections to other servers: kept and used again, to addresses that were checked, every wait bounded.

`http.client` speaks HTTP, at a quarter of the CPU time for bulk data that other clients take (docs/decisions, 0018). Its reads go
through `hanse.peers.timed`, which bounds what time-outs of a socket do not. Connecting, the TLS handshake and the head of an
answer have one time-out together.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from hanse.errors import PeerDown, PeerMalformed, PeerMisbehaved, PeerTooSlow
from hanse.peers.addresses import Server, Zone, resolve, server_of, zone_of
from hanse.peers.timed import Late, Response, left_until

CONNECT_SECONDS = 5.0
AGENT = "hanse"
_KEPT_SECONDS = 30.0
_KEPT = 16
_PIECE = 1024 * 1024
_SERVERS = 1000


class _Wire(http.client.HTTPSConnection):
    """One connection, plain or TLS, to one of the given addresses or through a proxy of the user's."""

    response_class = Response

    def __init__(self, server: Server, addresses: Sequence[str], stall: float, context: ssl.SSLContext) -> None:
        super().__init__(server.host, server.port, timeout=stall, context=context)
        self.default_port = 443 if server.scheme == "https" else 80  # decides whether the Host header names the port
        self.addresses = addresses
        self.server = server
        self.zone = Zone.PUBLIC
        self.used_at = 0.0
        self.by = time.monotonic() + stall
        self._tls = context

    def connect(self) -> None:
        """Connect until `by`; raises OSError."""
        if not self.addresses:  # a proxy was named with set_tunnel
            super().connect()
            return
        sock = _connected(self.addresses, self.server.port, self.by)
        sock.settimeout(left_until(self.by))  # of the handshake as a whole
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.zone = zone_of(str(sock.getpeername()[0]))
        if self.server.scheme == "https":
            try:
                sock = self._tls.wrap_socket(sock, server_hostname=self.server.host)
            except BaseException:
                sock.close()
                raise
        self.sock = sock


class _ViaProxy(http.client.HTTPConnection):
    """A connection to a proxy that is asked for whole addresses: http through a proxy."""

    response_class = Response
    zone = Zone.PUBLIC
    used_at = 0.0
    by = 0.0


Wire = _Wire | _ViaProxy


def _quiet(wire: Wire) -> bool:
    """Tell whether nothing came on a connection that was kept: its end, or bytes that would pass for the next answer."""
    waiting = select.poll()
    waiting.register(wire.sock, select.POLLIN)
    return not waiting.poll(0)


def _connected(addresses: Sequence[str], port: int, by: float) -> socket.socket:
    failure: OSError | None = None
    for address in addresses:
        try:
            return socket.create_connection((address, port), min(CONNECT_SECONDS, left_until(by)))
        except OSError as error:
            failure = error
    raise failure or OSError("it has no address")


@dataclass(frozen=True, slots=True)
class Reply:
    """The head of an answer, and its body still to be read. headers: names in lower case, the last of equal ones."""

    status: int
    headers: Mapping[str, str]
    zone: Zone
    body: Response = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked; by: when the head of the answer must be there (time.monotonic); until: when the whole must, if ever."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    addresses: Sequence[str] | None
    by: float
    until: float | None


class Connections:
    """Open connections of one program. Safe for threads.

    stall_seconds: how long nothing may come; also how slow a body may drip, see `LEAST_RATE`.
    """

    def __init__(self, stall_seconds: float) -> None:
        self._stall = stall_seconds
        self._lock = threading.Lock()
        self._kept: dict[tuple[Server, tuple[str, ...]], list[Wire]] = {}
        self._context: ssl.SSLContext | None = None
        self._closed = False
        self._zones: dict[Server, Zone] = {}

    def zone_of(self, server: Server) -> Zone:
        """Return where a server was when it was last connected to; the public internet, which allows least, if it never was."""
        with self._lock:
            return self._zones.get(server, Zone.PUBLIC)

    def proxy_of(self, server: Server) -> str:
        """Return the proxy that the environment names for a server, empty if there is none."""
        proxy = getproxies().get(server.scheme, "")
        return proxy if proxy.startswith("http://") and not proxy_bypass(f"{server.host}:{server.port}") else ""

    @contextmanager
    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        addresses: Sequence[str] | None = None,
        *,
        head_by: float | None = None,
        until: float | None = None,
    ) -> Iterator[Reply]:
        """Send a request and yield its answer; addresses: those to connect to, else whatever the name resolves to.

        Connecting, sending and the head of the answer may take one stall time-out together, and no longer than to `head_by`; the
        whole answer no longer than to `until` (both time.monotonic). The connection is kept if the body was read to its end.
        Raises PeerDown, PeerTooSlow, PeerMisbehaved, also from reads of the body in the block.
        """
        server = server_of(url)
        by = min(one for one in (time.monotonic() + self._stall, head_by, until) if one is not None)
        with failures(server.url):
            wire, response = self._exchange(server, _Request(method, url, headers, body, addresses, by, until))
            keep = False
            with self._lock:
                if len(self._zones) > _SERVERS:
                    self._zones.clear()
                self._zones[server] = wire.zone
            try:
                names = {name.lower(): value for name, value in response.getheaders()}
                yield Reply(response.status, names, wire.zone, response)
                keep = not response.will_close and (response.isclosed() or response.length == 0)
            finally:
                response.close()
                if keep:
                    self._keep(server, addresses, wire)
                else:
                    wire.close()

    def _exchange(self, server: Server, asked: _Request) -> tuple[Wire, Response]:
        wire = self._take(server, asked.addresses)
        if wire is not None:
            try:
                return wire, self._send(wire, asked)
            except (ConnectionError, http.client.RemoteDisconnected):  # it was closed while it was kept
                wire.close()
            except BaseException:
                wire.close()
                raise
        wire = self._made(server, asked.addresses)
        try:
            return wire, self._send(wire, asked)
        except BaseException:
            wire.close()
            raise

    def _send(self, wire: Wire, asked: _Request) -> Response:
        parts = urlsplit(asked.url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        given = {"user-agent": AGENT, "accept-encoding": "identity", **asked.headers}
        wire.by, wire.timeout = asked.by, left_until(asked.by)
        if wire.sock is not None:
            wire.sock.settimeout(wire.timeout)
        wire.request(asked.method, asked.url if isinstance(wire, _ViaProxy) else target, asked.body, given)
        wire.sock.settimeout(left_until(asked.by))
        response = cast("Response", wire.getresponse())
        response.begun(self._stall, asked.until)
        return response

    def _made(self, server: Server, addresses: Sequence[str] | None) -> Wire:
        proxy = "" if addresses else self.proxy_of(server)
        if not proxy:
            return _Wire(server, addresses or resolve(server), self._stall, self._tls())
        at = server_of(proxy)
        if server.scheme == "http":
            return _ViaProxy(at.host, at.port, timeout=self._stall)
        wire = _Wire(Server("https", at.host, at.port), (), self._stall, self._tls())
        wire.set_tunnel(server.host, server.port)
        return wire

    def _tls(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:  # certificates of all authorities take time and memory
                self._context = ssl.create_default_context()
            return self._context

    def _take(self, server: Server, addresses: Sequence[str] | None) -> Wire | None:
        now = time.monotonic()
        with self._lock:
            kept = self._kept.get((server, tuple(addresses or ())), [])
            while kept:
                wire = kept.pop()
                if now - wire.used_at < _KEPT_SECONDS and _quiet(wire):
                    return wire
                wire.close()
        return None

    def _keep(self, server: Server, addresses: Sequence[str] | None, wire: Wire) -> None:
        wire.used_at = time.monotonic()
        with self._lock:
            kept = self._kept.setdefault((server, tuple(addresses or ())), [])
            if len(kept) < _KEPT and not self._closed:
                kept.append(wire)
                return
        wire.close()

    def close(self) -> None:
        """Close the connections that are kept; those in use are closed when they are done."""
        with self._lock:
            self._closed = True
            every = [wire for kept in self._kept.values() for wire in kept]
            self._kept.clear()
        for wire in every:
            wire.close()


def read_whole(reply: Reply, place: str, limit: int) -> bytes:
    """Return the body of an answer, unpacked, at most `limit` bytes.

    Raises PeerDown if it is cut short, PeerMalformed for too much of it, PeerMisbehaved for another coding or damaged gzip.
    """
    coding = reply.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip", ""):
        raise PeerMisbehaved(f"{place} sends its answer as {coding[:40]!r}, which was not asked for")
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if coding in ("gzip", "x-gzip") else None
    parts, size, raw_size = list[bytes](), 0, 0
    while raw := reply.body.read1(min(_PIECE, limit + 1)):
        try:
            piece = raw if unpack is None else unpack.decompress(raw, limit - size + 1)  # 0 would mean no bound
        except zlib.error as error:
            raise PeerMisbehaved(f"{place} sends damaged gzip") from error
        size, raw_size = size + len(piece), raw_size + len(raw)
        if size > limit or raw_size > limit + _PIECE:  # gzip can go on without end, and unpack to nothing
            raise PeerMalformed(f"{place} sends more than the {limit} bytes that this answer may have")
        parts.append(piece)
    declared = reply.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and len(declared) < 19 and raw_size != int(declared):
        raise PeerDown(f"{place} hung up {int(declared) - raw_size} bytes before the end")
    if unpack is not None and (not unpack.eof or unpack.unused_data):
        raise PeerMisbehaved(f"{place} sends incomplete gzip")
    return b"".join(parts)


@contextmanager
def failures(place: str) -> Iterator[None]:
    """Turn failures of the network in the block into PeerDown, PeerTooSlow or PeerMisbehaved."""
    try:
        yield
    except TimeoutError as error:
        says = str(error) if isinstance(error, Late) else "did not answer in time"
        raise PeerTooSlow(f"{place} {says}") from error
    except http.client.RemoteDisconnected as error:
        raise PeerDown(f"{place} hung up") from error
    except http.client.IncompleteRead as error:
        raise PeerMisbehaved(f"{place} ended its answer early") from error
    except ssl.SSLError as error:  # some of its kinds are ValueError, too
        raise PeerDown(f"{place} cannot be reached: {_said(error)}") from error
    except (http.client.HTTPException, ValueError) as error:
        raise PeerMisbehaved(f"{place} does not speak HTTP as it should: {_said(error)}") from error
    except OSError as error:
        raise PeerDown(f"{place} cannot be reached: {_said(error)}") from error


def _said(error: Any) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
