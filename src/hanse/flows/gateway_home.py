"""The one server that a user's own token is for. No other server is sent that token."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from hanse.errors import BadToken, NotAuthenticated, PeerMisbehaved
from hanse.flows.fetch_evidence import PUBLIC_HUB, hub_token
from hanse.peers.client import Answer

MAX_ANSWER = 256 * 1024
KEEP_SECONDS = 60.0
MAX_KEPT = 64


class Getter(Protocol):
    """What asks other servers."""

    def get(self, url: str, *, limit: int, headers: dict[str, str] | None = None) -> Answer:
        """Return the answer to a GET."""
        ...


def choose_home(before: str, nodes: tuple[str, ...], upstream: str | None) -> str:
    """Return the server that the user's token is for: HF_ENDPOINT as it was, else the first node, else the upstream."""
    return next((url.rstrip("/") for url in (before, *nodes, upstream or "") if url), "")


def foreign_token(environ: Mapping[str, str], home: str) -> str:
    """Return the token that clients find in their own file although it is not for `home`, empty if there is none.

    Without HF_ENDPOINT the file's token is for the public hub.
    """
    if environ.get("HF_TOKEN") or environ.get("HF_ENDPOINT") or same_server(home, PUBLIC_HUB):
        return ""
    return hub_token({**environ, "HF_ENDPOINT": PUBLIC_HUB}, PUBLIC_HUB)


def same_server(one: str, other: str) -> bool:
    """Tell whether two addresses are of one server and path."""
    first, second = urlsplit(one.rstrip("/")), urlsplit(other.rstrip("/"))
    return (first.scheme, first.netloc.lower(), first.path) == (second.scheme, second.netloc.lower(), second.path)


class Home:
    """Asks the home server who a token speaks for. Safe for threads.

    foreign: a token that clients send by themselves and that is for another server: it counts as none.
    """

    def __init__(self, url: str, client: Getter, foreign: str = "") -> None:
        self.url = url
        self._foreign = foreign
        self._client = client
        self._lock = threading.Lock()
        self._kept: dict[bytes, tuple[float, dict[str, Any]]] = {}

    def own(self, token: str) -> str:
        """Return a token if it may be told to the home server, else the empty one."""
        return "" if self._foreign and hmac.compare_digest(token.encode(), self._foreign.encode()) else token

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
