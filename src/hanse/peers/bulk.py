"""Bytes of files from other servers: ranges that are exactly what was asked for, at little CPU time.

A whole file is 200 with its length; a range is 206 with exactly the Content-Range asked for, and nothing else counts: a server
that sends the whole file instead of a range, another range, too little, too much or packed bytes misbehaves. Redirects are
followed where `hanse.peers.addresses` lets them lead; credentials go to the first server only. A server that wants to be left
alone is (`hanse.peers.patience`). One that fetches a file itself first is asked to say now and then how far it is, rather than to
be silent (`hanse.model.steps`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from hanse.errors import NotFoundError, PeerBusy, PeerDown, PeerMisbehaved, PeerRefused, PeerTooSlow
from hanse.model.steps import PROGRESS, parse_steps, wait_header
from hanse.peers.addresses import Server, checked, follow, may_name, server_of
from hanse.peers.client import Answer, in_words
from hanse.peers.connections import Connections, Reply, failures, read_whole
from hanse.peers.patience import Patience, retry_after
from hanse.peers.place import RangesIgnored

STALL_SECONDS = 20.0
TOLD_SECONDS = 5.0
"""After how long a server that has no byte yet is to say how far it is."""
ANSWER_SECONDS = 60.0
SLOWEST = 512
"""Bytes a second under which a transfer counts as stalled."""
PIECE = 1024 * 1024
MAX_REDIRECTS = 5
_LANDING = 1.5
"""Stall time-outs that all answers on the way to the bytes of a file may take together; they are not added up for each."""
_MOVED = frozenset({301, 302, 303, 307, 308})
_AWAY = frozenset({502, 503, 504})
_BUSY = 503
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})
_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)")


class BulkClient:
    """Asks other servers for bytes. Safe for threads; connections are kept and used again.

    seconds: until when a bounded answer (`get`) must have come, whole, redirects included. stall_seconds: how long nothing, or
    under `SLOWEST` bytes a second, may come of a body, and how long its head may take.
    named: addresses that the user gave himself, which redirects may lead to wherever they are.
    """

    def __init__(
        self, *, seconds: float = ANSWER_SECONDS, stall_seconds: float = STALL_SECONDS, named: Collection[str] = ()
    ) -> None:
        self._seconds = seconds
        self._stall_seconds = stall_seconds
        self._told = wait_header(min(TOLD_SECONDS, stall_seconds / 2))
        self._named = frozenset(server_of(url) for url in named)
        self._wires = Connections(stall_seconds)
        self.patience = Patience()

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._wires.close()

    # Bounded answers.

    def get(self, url: str, *, limit: int, headers: Mapping[str, str] | None = None, elsewhere: Server | None = None) -> Answer:
        """Return the answer to a GET, at most `limit` bytes, after redirects within the same server.

        elsewhere: the server that named this address, where that is another one. Raises PeerDown, PeerTooSlow or PeerMisbehaved;
        statuses are for the caller to judge.
        """
        sent = {"accept-encoding": "gzip, identity", **(headers or {})}
        deadline = time.monotonic() + self._seconds
        for attempt in range(MAX_REDIRECTS + 1):
            addresses = None if elsewhere is None else self.target(elsewhere, url)
            deadline += self.patience.before(url)
            with self._wires.ask("GET", url, sent, addresses=addresses, until=deadline) as reply:
                body = read_whole(reply, server_of(url).url, limit)
                found = Answer(
                    reply.status, reply.headers.get("content-type", "").partition(";")[0].strip().lower(), body, reply.headers
                )
            if self.patience.again(url, found.status, found.headers, attempt):
                continue
            if found.status not in _MOVED or "location" not in found.headers:
                return found
            target = follow(url, found.headers["location"])
            if server_of(target) != server_of(url):
                raise PeerMisbehaved(
                    f"{server_of(url).url} redirects to another server", hint="give the address that it leads to"
                )
            url = target
        raise PeerMisbehaved(f"{url[:200]} leads from redirect to redirect")

    def target(self, source: Server, url: str) -> Sequence[str] | None:
        """Return the addresses at which something that `source` named may be asked; None: where a proxy resolves names.

        Raises PeerMisbehaved for an address that it may not lead to.
        """
        server = server_of(url)
        if server == source or server in self._named:
            return None
        if source.scheme == "https" and server.scheme != "https":
            raise PeerMisbehaved(f"{source.name} leads from https to http, where anybody on the way can read and change things")
        if self._wires.proxy_of(server):
            may_name(source, server, named=self._named)
            return None
        return checked(source, self._wires.zone_of(source), server, named=self._named)

    # Bytes of files.

    def read(
        self,
        url: str,
        start: int,
        end: int,
        size: int | None,
        *,
        headers: Mapping[str, str] | None = None,
        elsewhere: Server | None = None,
    ) -> Iterator[bytes]:
        """Yield bytes [start, end) of what is at `url`, exactly so many, in pieces of at most 1 MiB.

        size: of the whole, in bytes, None if it is not known (then always a range is asked for); elsewhere: as for `get`.
        Closing the iterator ends the transfer. Raises NotFoundError, PeerRefused (with `retry_after` where the server says it),
        PeerDown, PeerBusy, PeerTooSlow or PeerMisbehaved.
        """
        if not 0 <= start <= end or (size is not None and end > size):
            raise ValueError(f"bytes {start} to {end} of {size}")
        if start == end:
            return
        whole = size is not None and (start, end) == (0, size)
        sent = {"accept-encoding": "identity", **self._told, **(headers or {})}
        if not whole:
            sent["range"] = f"bytes={start}-{end - 1}"
        with self._landed(url, sent, elsewhere) as (reply, place):
            _check_head(reply, place, start, end, size=size, whole=whole)
            yield from _exactly(reply, place, end - start, self._stall_seconds)

    @contextmanager
    def _landed(self, url: str, headers: dict[str, str], elsewhere: Server | None) -> Iterator[tuple[Reply, str]]:
        """Yield the answer at the end of all redirects, and the server that it is of."""
        addresses = None if elsewhere is None else self.target(elsewhere, url)
        by = time.monotonic() + _LANDING * self._stall_seconds
        for attempt in range(MAX_REDIRECTS + 1):
            by += self.patience.before(url)
            with self._wires.ask("GET", url, headers, addresses=addresses, head_by=by) as reply:
                if self.patience.again(url, reply.status, reply.headers, attempt):
                    continue
                location = reply.headers.get("location") if reply.status in _MOVED else None
                if location is None:
                    yield reply, server_of(url).url
                    return
                reply.body.skip()
                target = follow(url, location)
            if server_of(target) != server_of(url):
                headers = {name: value for name, value in headers.items() if name not in _SECRET}
            addresses = self.target(server_of(url), target)
            url = target
        raise PeerMisbehaved(f"{url[:200]} leads from redirect to redirect")


def _check_head(reply: Reply, place: str, start: int, end: int, *, size: int | None, whole: bool) -> None:
    """Raise unless the head of an answer is exactly that of the bytes asked for."""
    if reply.status not in (200, 206):
        raise refusal(reply.status, reply.headers, place, in_words(reply.headers.get("x-error-message", "")))
    coding = reply.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", ""):
        raise PeerMisbehaved(f"{place} sends a file as {coding[:40]!r}, which was not asked for")
    if reply.status == 200 and not whole:
        raise RangesIgnored(f"{place} sends a whole file where bytes {start} to {end} were asked for")
    if reply.status == 206:
        named = _RANGE.fullmatch(reply.headers.get("content-range", ""))
        got = tuple(named.groups()) if named else None
        total = got[2] if got else "*"
        if got is None or (int(got[0]), int(got[1])) != (start, end - 1) or (size is not None and total not in ("*", str(size))):
            said = reply.headers.get("content-range", "nothing")[:80]
            raise PeerMisbehaved(f"{place} was asked for bytes {start}-{end - 1} of {size} and says that it sends {said!r}")
    length = reply.headers.get("content-length")
    if length is not None and length.strip() != str(end - start):
        raise PeerMisbehaved(f"{place} was asked for {end - start} bytes and says that it sends {length[:20]}")


class _Floor:
    """Ends transfers that are as good as stalled: under `SLOWEST` bytes a second for so many seconds of reading."""

    def __init__(self, place: str, seconds: float) -> None:
        self._place, self._seconds = place, seconds
        self._passed, self._size = 0.0, 0

    def came(self, size: int, seconds: float) -> None:
        """Note bytes that were waited for so long; raises PeerTooSlow."""
        self._size += size
        self._passed += seconds
        if self._passed < self._seconds:
            return
        if self._size < SLOWEST * self._passed:
            raise PeerTooSlow(f"{self._place} sent {self._size} bytes in {self._passed:.0f} seconds", hint="try another source")
        self._passed, self._size = 0.0, 0


def _exactly(reply: Reply, place: str, length: int, seconds: float) -> Iterator[bytes]:
    """Yield exactly `length` bytes of a body that ends there."""
    left, floor = length, _Floor(place, seconds)
    while left:
        began = time.monotonic()
        with failures(place):
            piece = reply.body.read1(min(PIECE, left))
        if not piece:
            raise PeerDown(f"{place} hung up {left} bytes before the end")
        left -= len(piece)
        floor.came(len(piece), time.monotonic() - began)
        yield piece
    with failures(place):
        if reply.body.read1(1):
            raise PeerMisbehaved(f"{place} sends more than the {length} bytes that were asked for")


_HINTS = {401: "if you have a token for it: hanse login SERVER", 403: "ask there for access"}


def refusal(
    status: int, headers: Mapping[str, str], place: str, reason: str = ""
) -> NotFoundError | PeerRefused | PeerDown | PeerMisbehaved:
    """Return the error that a status other than success stands for."""
    says = f": {reason}" if reason else ""
    if status in (404, 410):
        return NotFoundError(f"{place} does not have it{says}")
    wait = retry_after(headers)
    steps = parse_steps(headers.get(PROGRESS.lower(), "")) if status == _BUSY else None
    if steps is not None:
        message = f"{place} fetches and checks it first: {steps.done} of {steps.total} bytes so far"
        return PeerBusy(message, done=steps.done, total=steps.total, retry_after=wait)
    if status in _AWAY:
        return PeerDown(f"{place} answers {status}{says}")
    if status == 429:
        when = f" for {wait} seconds" if wait else ""
        return PeerRefused(f"{place} wants to be left alone{when}{says}", status=429, retry_after=wait, hint="try again later")
    if 400 <= status < 600 and status != 416:
        return PeerRefused(f"{place} answers {status}{says}", status=status, retry_after=wait, hint=_HINTS.get(status, ""))
    return PeerMisbehaved(f"{place} answers {status}, which is no answer to this")
