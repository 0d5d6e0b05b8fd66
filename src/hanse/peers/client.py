"""HTTP to other servers: bounded answers, bounded time, no redirects to other hosts, and failures told apart.

A body is taken as it comes over the wire and unpacked here (gzip only), so that a small answer cannot become a large one. The
limit on time covers the whole answer, its head too: a server that sends a byte now and then is too slow.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from hanse.errors import PeerDown, PeerMisbehaved
from hanse.peers.addresses import MAX_BASE, joined, parse_base
from hanse.peers.connections import Connections, read_whole

__all__ = ["Answer", "PeerClient", "in_words", "parse_base"]

ANSWER_SECONDS = 20.0
MAX_REDIRECTS = 3
MAX_REFUSAL_BYTES = 64 * 1024
"""So much may be said by a server that refuses or has nothing: its page may be longer than the small file that was asked for."""
MAX_WORDS = 300
_MOVED = frozenset({301, 302, 303, 307, 308})
_AWAY = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: HTTP status, media type without parameters (lower case), body, headers (names in lower case)."""

    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class PeerClient:
    """Asks other servers. Safe for threads; connections are kept and used again.

    seconds: until when a whole answer must have come, redirects included.
    """

    def __init__(self, *, seconds: float = ANSWER_SECONDS) -> None:
        self._seconds = seconds
        self._wires = Connections(seconds)

    def get(self, url: str, *, limit: int, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to a GET, at most `limit` bytes (a refusal: at least 64 KiB), after redirects within the same server.

        Raises PeerDown, PeerTooSlow or PeerMisbehaved; other statuses than 200 are for the caller to judge.
        """
        deadline = time.monotonic() + self._seconds
        for _ in range(MAX_REDIRECTS + 1):
            answer, target = self._ask("GET", url, limit, headers=headers, deadline=deadline)
            if target is None:
                return answer
            url = _same_server(url, target)
        raise PeerMisbehaved(f"{url[:200]} leads from redirect to redirect")

    def post(self, url: str, body: bytes, *, limit: int, kind: str = "application/octet-stream") -> Answer:
        """Return the answer to a POST, at most `limit` bytes; redirects are not followed. Raises as `get`."""
        return self.request("POST", url, body, limit=limit, headers={"content-type": kind})

    def request(
        self, method: str, url: str, body: bytes | None = None, *, limit: int, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the answer to any request, at most `limit` bytes; redirects are not followed. Raises as `get`."""
        answer, target = self._ask(method, url, limit, body, headers, deadline=time.monotonic() + self._seconds)
        if target is not None:
            raise PeerMisbehaved(f"{url[:200]} sends a {method} elsewhere", hint="give the address that it leads to")
        return answer

    def close(self) -> None:
        """Close all connections."""
        self._wires.close()

    def _ask(
        self,
        method: str,
        url: str,
        limit: int,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        deadline: float,
    ) -> tuple[Answer, str | None]:
        """Return the answer, and where it redirects to if it does."""
        sent = {"accept-encoding": "gzip, identity", **(headers or {})}
        with self._wires.ask(method, url, sent, body, until=deadline) as reply:
            target = reply.headers.get("location") if reply.status in _MOVED else None
            if reply.status in _AWAY:
                raise PeerDown(f"{_place(url)} answers {reply.status}")
            bound = limit if reply.status < 400 else max(limit, MAX_REFUSAL_BYTES)
            data = read_whole(reply, _place(url), bound)
        return Answer(reply.status, media_type(reply.headers), data, reply.headers), target


def in_words(said: object, most: int = MAX_WORDS) -> str:
    """Return what a server says for its answer as one line, without what could rewrite a terminal's screen."""
    text = str(said)[:most]
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type of an answer without parameters, in lower case."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _same_server(url: str, target: str) -> str:
    """Return where a redirect leads; raises PeerMisbehaved unless that is the same scheme, host and port."""
    found = joined(url, target[:MAX_BASE])
    if urlsplit(found)[:2] != urlsplit(url)[:2]:
        raise PeerMisbehaved(f"{_place(url)} redirects to another server", hint="give the address that it leads to")
    return found


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"[:200]
