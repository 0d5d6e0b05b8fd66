"""The files of one revision at a Hub-shaped origin: by plain GET of resolve, or by Xet reconstruction."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from hanse.errors import HanseError, NotFoundError, PeerMisbehaved, PeerRefused
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType
from hanse.peers.addresses import server_of
from hanse.peers.bulk import BulkClient

if TYPE_CHECKING:
    from hanse.peers.xet import XetStore

MAX_PLAIN_BYTES = 50 * 10**9
"""Longest file that the public hub gives by plain GET."""
_FOR_GOOD = frozenset({401, 429})
"""Refusals that another way to the same bytes does not get round."""


class HubPlace:
    """One revision (a commit id) of a repository at an origin, as a place of bytes. Safe for threads.

    url: the origin; headers: what requests to it carry; prefer_xet: Xet for every file that has a Xet hash, else only for those
    that plain GET is refused for or that are longer than 50 GB.
    """

    def __init__(
        self,
        client: BulkClient,
        url: str,
        headers: Mapping[str, str],
        *,
        kind: RepoType,
        repo: str,
        rev: str,
        prefer_xet: bool = False,
    ) -> None:
        self._client = client
        self._headers = headers
        self._files = f"{url}/{kind.prefix}{repo}/resolve/{quote(rev, safe='')}"
        self._tokens = f"{url}/api/{kind.plural}/{repo}/xet-read-token/{quote(rev, safe='')}"
        self._prefer_xet = prefer_xet
        self.name = server_of(url).name

    @functools.cached_property
    def _store(self) -> XetStore:
        from hanse.peers.xet import XetStore  # noqa: PLC0415 it loads numpy and lz4, which most gateways do without

        return XetStore(self._client, self._tokens, self._headers)

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of a file, see `Place`."""
        if start == end:
            return
        if pin.xet is not None and (self._prefer_xet or pin.size > MAX_PLAIN_BYTES):
            yield from self._first(self._xet(pin, start, end), self._plain(pin, start, end))
        elif pin.xet is not None:
            yield from self._first(self._plain(pin, start, end), self._xet(pin, start, end))
        else:
            yield from self._plain(pin, start, end)

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list of a file as the origin's store says it, None if it has none, see `Place`."""
        if pin.xet is None or not pin.size:
            return None
        try:
            return self._store.chunk_list(pin.xet, pin.size)
        except (NotFoundError, PeerRefused) as error:
            if isinstance(error, PeerRefused) and error.status == 429:
                raise
            return None

    def _plain(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        address = f"{self._files}/{quote(pin.path, safe='/')}"
        return self._client.read(address, start, end, pin.size, headers=self._headers)

    def _xet(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        if pin.xet is None:
            raise AssertionError("a file without a Xet hash is not in a Xet store")
        yield from self._store.read(pin.xet, start, end)

    @staticmethod
    def _first(one: Iterator[bytes], other: Iterator[bytes]) -> Iterator[bytes]:
        """Yield what one way gives; if it is refused before its first byte, what the other gives."""
        try:
            piece = next(one)
        except (NotFoundError, PeerRefused, PeerMisbehaved) as refused:
            if isinstance(refused, PeerRefused) and refused.status in _FOR_GOOD:
                raise
            try:
                piece = next(other)
            except HanseError:
                raise refused from None
            one = other
        yield piece
        yield from one
