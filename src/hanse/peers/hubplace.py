"""The files of one revision at a Hub-shaped origin: by plain GET of resolve, or by Xet reconstruction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

from hanse.errors import PeerRefused
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType
from hanse.peers.bulk import BulkClient

if TYPE_CHECKING:
    from hanse.peers.hub import Hub

MAX_PLAIN_BYTES = 50 * 10**9
"""Longest file that the public hub gives by plain GET."""


class HubPlace:
    """One revision (a commit id) of a repository at an origin, as a place of bytes."""

    def __init__(self, hub: Hub, kind: RepoType, repo: str, rev: str, *, prefer_xet: bool = False) -> None:
        self._hub = hub
        self._kind = kind
        self._repo = repo
        self._rev = rev
        self._prefer_xet = prefer_xet

    @property
    def name(self) -> str:
        """Host and port, as people are told it."""
        return self._hub.name

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of a file, see `Place`."""
        if start == end:
            return iter(())
        return self._client.read(self._address(pin), start, end, pin.size, headers=self._hub.headers)

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list of a file as the origin says it, None if it has none, see `Place`."""
        return None

    @property
    def _client(self) -> BulkClient:
        return self._hub.client

    def _address(self, pin: FilePin) -> str:
        path = quote(pin.path, safe="/")
        return f"{self._hub.url}/{self._kind.prefix}{self._repo}/resolve/{quote(self._rev, safe='')}/{path}"


__all__ = ["HubPlace", "PeerRefused"]
