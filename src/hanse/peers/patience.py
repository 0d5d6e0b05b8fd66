"""Leaving servers alone that want to be: what they say in 429, Retry-After and ratelimit headers, kept to.

Requests of one kind (files, everything else) to a server that said so wait: short times here, longer ones by PeerRefused with
`retry_after`, without asking.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from hanse.errors import PeerRefused
from hanse.peers.addresses import Server, server_of

PATIENCE = 10
"""Longest wait that is sat out here, in seconds."""
MAX_WAIT = 3600
"""Longest time for which a server's word is believed, in seconds."""
_TRIES = 3
_KNOWN = 1000
_LEFT = re.compile(r"(?:^|;)\s*r=([0-9]{1,9})\s*(?:;|$)")
_RESET = re.compile(r"(?:^|;)\s*t=([0-9]{1,9})\s*(?:;|$)")


def retry_after(headers: Mapping[str, str]) -> int:
    """Return after how many whole seconds a server wants to be asked again, 0 if it does not say (Retry-After or ratelimit)."""
    said = headers.get("retry-after", "").strip()
    if not (said.isascii() and said.isdigit() and len(said) < 10):
        found = _RESET.search(headers.get("ratelimit", "")[:200])
        said = found.group(1) if found else "0"
    return min(int(said), MAX_WAIT)


class Patience:
    """Until when which servers are left alone. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[tuple[Server, bool], float] = {}

    def before(self, url: str) -> float:
        """Wait until the server of an address may be asked, and return for how many seconds.

        Raises PeerRefused (429) if that is longer than `PATIENCE`.
        """
        with self._lock:
            left = self._until.get(_kind(url), 0.0) - time.monotonic()
        if left > PATIENCE:
            name = server_of(url).name
            seconds = int(left) + 1
            raise PeerRefused(f"{name} wants to be left alone for {seconds} seconds", status=429, retry_after=seconds)
        wait = max(0.0, left)
        if wait:
            time.sleep(wait)
        return wait

    def forgive(self) -> None:
        """Let every server be asked again at once."""
        with self._lock:
            self._until.clear()

    def again(self, url: str, status: int, headers: Mapping[str, str], attempt: int) -> bool:
        """Take note of what an answer says, and tell whether the same is to be asked once more after `before`."""
        wait = retry_after(headers)
        left = _LEFT.search(headers.get("ratelimit", "")[:200])
        if wait and (status == 429 or (left is not None and int(left.group(1)) == 0)):
            with self._lock:
                if len(self._until) >= _KNOWN:
                    self._until.clear()
                self._until[_kind(url)] = time.monotonic() + wait
        return status == 429 and 0 < wait <= PATIENCE and attempt < _TRIES


def _kind(url: str) -> tuple[Server, bool]:
    return server_of(url), "/resolve/" in urlsplit(url).path
