"""HTTP to other servers: bounded answers, bounded time, no redirects to other hosts, and failures told apart.

A body is taken as it comes over the wire and unpacked here (gzip only), so that a small answer cannot become a large one. The
limit on time covers the whole answer: a server that sends a byte now and then is too slow, too.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx2

from hanse.errors import InputError, PeerDown, PeerMisbehaved, PeerTooSlow

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 20.0
MAX_REDIRECTS = 3
_MOVED = frozenset({301, 302, 303, 307, 308})
_AWAY = frozenset({502, 503, 504})
_MAX_URL = 2048
_AGENT = "hanse"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: HTTP status, media type without parameters (lower case), body."""

    status: int
    media_type: str
    body: bytes


def parse_base(url: str) -> str:
    """Return an http or https address without a slash at its end; raises InputError for anything else."""
    text = url.rstrip("/")
    parts = urlsplit(text)
    printable = text.isascii() and text.isprintable() and " " not in text
    if not printable or len(text) > _MAX_URL or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"expected an address such as https://models.example.org/log, got {url[:120]!r}")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise InputError("an address must not hold a query, a fragment or credentials")
    return text


class PeerClient:
    """Asks other servers. Safe for threads; connections are kept and used again.

    seconds: until when a whole answer must have come.
    """

    def __init__(self, *, seconds: float = ANSWER_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._made: httpx2.Client | None = None

    def get(self, url: str, *, limit: int, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer to a GET, at most `limit` bytes, after redirects within the same server.

        Raises PeerDown, PeerTooSlow or PeerMisbehaved; other statuses than 200 are for the caller to judge.
        """
        for _ in range(MAX_REDIRECTS + 1):
            answer, target = self._ask("GET", url, limit, headers=headers)
            if target is None:
                return answer
            url = _same_server(url, target)
        raise PeerMisbehaved(f"{url[:200]} leads from redirect to redirect")

    def post(self, url: str, body: bytes, *, limit: int, media_type: str = "application/octet-stream") -> Answer:
        """Return the answer to a POST, at most `limit` bytes; redirects are not followed. Raises as `get`."""
        answer, target = self._ask("POST", url, limit, body, {"content-type": media_type})
        if target is not None:
            raise PeerMisbehaved(f"{url[:200]} sends a POST elsewhere", hint="give the address that it leads to")
        return answer

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._made is not None:
                self._made.close()

    @property
    def _http(self) -> httpx2.Client:
        """The library's client, made when it is first needed: certificates of all authorities take memory."""
        with self._lock:
            if self._made is None:
                timeout = httpx2.Timeout(self._seconds, connect=min(CONNECT_SECONDS, self._seconds))
                limits = httpx2.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=30)
                headers = {"user-agent": _AGENT}
                self._made = httpx2.Client(timeout=timeout, limits=limits, headers=headers, follow_redirects=False)
            return self._made

    def _ask(
        self, method: str, url: str, limit: int, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[Answer, str | None]:
        """Return the answer, and where it redirects to if it does."""
        deadline = time.monotonic() + self._seconds
        sent = {"accept-encoding": "gzip, identity", **(headers or {})}
        with _failures(url), self._http.stream(method, url, content=body, headers=sent) as response:
            target = response.headers.get("location") if response.status_code in _MOVED else None
            if response.status_code in _AWAY:
                raise PeerDown(f"{_place(url)} answers {response.status_code}")
            data = _body(response, url, limit, deadline)
            media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            return Answer(response.status_code, media_type, data), target


def _body(response: httpx2.Response, url: str, limit: int, deadline: float) -> bytes:
    """Return the body, unpacked, at most `limit` bytes."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip", ""):
        raise PeerMisbehaved(f"{_place(url)} sends its answer as {coding[:40]!r}, which was not asked for")
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if coding in ("gzip", "x-gzip") else None
    parts, size = list[bytes](), 0
    for raw in response.iter_raw():
        if time.monotonic() > deadline:
            raise PeerTooSlow(f"{_place(url)} did not finish its answer in time")
        try:
            # max_length 0 would mean no bound.
            piece = raw if unpack is None else unpack.decompress(raw, limit - size + 1)
        except zlib.error as error:
            raise PeerMisbehaved(f"{_place(url)} sends damaged gzip") from error
        size += len(piece)
        if size > limit:
            raise PeerMisbehaved(f"{_place(url)} sends more than the {limit} bytes that this answer may have")
        parts.append(piece)
    if unpack is not None and (not unpack.eof or unpack.unused_data):
        raise PeerMisbehaved(f"{_place(url)} sends incomplete gzip")
    return b"".join(parts)


@contextmanager
def _failures(url: str) -> Iterator[None]:
    """Turn the library's failures in the block into PeerDown, PeerTooSlow or PeerMisbehaved."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise PeerTooSlow(f"{_place(url)} did not answer in time") from error
    except (httpx2.NetworkError, httpx2.ProxyError) as error:
        raise PeerDown(f"{_place(url)} cannot be reached: {error}"[:300]) from error
    except (httpx2.RemoteProtocolError, httpx2.DecodingError) as error:
        if "disconnected" in str(error):  # it hung up: stopped, or did not like a kept connection
            raise PeerDown(f"{_place(url)} hung up") from error
        raise PeerMisbehaved(f"{_place(url)} does not speak HTTP as it should: {error}"[:300]) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise PeerDown(f"{_place(url)} cannot be asked: {error}"[:300]) from error


def _same_server(url: str, target: str) -> str:
    """Return where a redirect leads; raises PeerMisbehaved unless that is the same scheme, host and port."""
    found = urljoin(url, target[:_MAX_URL])
    if urlsplit(found)[:2] != urlsplit(url)[:2]:
        raise PeerMisbehaved(f"{_place(url)} redirects to another server", hint="give the address that it leads to")
    return found


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"[:200]
