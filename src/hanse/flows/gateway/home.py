"""The one server that a user's own token is for. No other server is sent that token."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Collection, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from hanse.errors import BadToken, NotAuthenticated, PeerMisbehaved
from hanse.flows.named_servers import PUBLIC_HUB, nodes_of, token_file
from hanse.peers.client import Answer

MAX_ANSWER = 256 * 1024
KEEP_SECONDS = 60.0
MAX_KEPT = 64
_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


class Getter(Protocol):
    """What asks other servers."""

    def get(self, url: str, *, limit: int, headers: dict[str, str] | None = None) -> Answer:
        """Return the answer to a GET."""
        ...


def choose_home(before: str, nodes: tuple[str, ...], upstream: str | None) -> str:
    """Return the server that the user's token is for: HF_ENDPOINT as it was, else the first node, else the upstream."""
    return next((url.rstrip("/") for url in (before, *nodes, upstream or "") if url), "")


def foreign_tokens(environ: Mapping[str, str], home: str, kept: str = "") -> frozenset[str]:
    """Return the tokens that clients find by themselves, in the environment or their file, although they are not for `home`.

    They are for the server that HF_ENDPOINT names, without it for the public hub; HF_TOKEN is for the first in HANSE_NODE, too.
    kept: the token that `hanse login` keeps for `home`.
    """
    if same_server(home, environ.get("HF_ENDPOINT") or PUBLIC_HUB):
        return frozenset()
    found = {token_file(environ)}
    if not same_server(home, next(iter(nodes_of(environ)), "")):
        found |= {environ.get(name, "").strip() for name in _VARIABLES}
    return frozenset(found - {"", kept})


def same_server(one: str, other: str) -> bool:
    """Tell whether two addresses are of one server and path."""
    try:
        first, second = urlsplit(one.rstrip("/")), urlsplit(other.rstrip("/"))
    except ValueError:  # what the environment names is no address, and nobody's
        return False
    return (first.scheme, first.netloc.lower(), first.path) == (second.scheme, second.netloc.lower(), second.path)


class Home:
    """Asks the home server who a token speaks for. Safe for threads.

    foreign: tokens that clients send by themselves and that are for other servers: they count as none.
    """

    def __init__(self, url: str, client: Getter, foreign: Collection[str] = ()) -> None:
        self.url = url
        self._foreign = tuple(one.encode() for one in foreign)
        self._client = client
        self._lock = threading.Lock()
        self._kept: dict[bytes, tuple[float, dict[str, Any]]] = {}

    def own(self, token: str) -> str:
        """Return a token if it may be told to the home server, else the empty one."""
        return "" if any(hmac.compare_digest(token.encode(), one) for one in self._foreign) else token

    def whoami(self, token: str) -> dict[str, Any]:
        """Return what the home server says of a token, kept for a minute.

        Raises NotAuthenticated without a token or home, BadToken if the home does not know it, PeerError.
        """
        token = self.own(token)
        if not token or not self.url:
            raise NotAuthenticated("this call needs a token", hint="set HF_TOKEN to a token of the server that you work with")
        name = hashlib.sha256(token.encode()).digest()
        with self._lock:
            kept = self._kept.get(name)
        if kept is not None and time.monotonic() - kept[0] < KEEP_SECONDS:
            return kept[1]
        headers = {"authorization": f"Bearer {token}"}
        answer = self._client.get(f"{self.url}/api/whoami-v2", limit=MAX_ANSWER, headers=headers)
        if answer.status in (401, 403):
            raise BadToken("the token is unknown, expired or revoked", hint=f"log in again at {self.url}")
        found = _object(answer, self.url)
        with self._lock:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[name] = (time.monotonic(), found)
        return found


def _object(answer: Answer, url: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(answer.body) if answer.status == 200 else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise PeerMisbehaved(f"{url} answers {answer.status} and no JSON object to the question who a token speaks for")
    return found
