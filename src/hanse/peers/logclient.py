"""Reads a C2SP tlog-tiles log over HTTP: its checkpoint, hash tiles and entry bundles, with bounds on each.

What comes back is only well formed, not yet true: the caller checks signatures, and tiles against a root that was signed.
"""

from __future__ import annotations

from typing import Protocol

from hanse.errors import PeerMisbehaved, PeerRefused
from hanse.peers.client import Answer, PeerClient, parse_base
from hanse.tlog.hashing import HASH_BYTES
from hanse.tlog.tiles import MAX_BUNDLE_BYTES, WIDTH, TileName, parse_bundle, parse_tile

MAX_NOTE_BYTES = 512 * 1024


class LogReader(Protocol):
    """The files of a log, from wherever; raises as `LogClient`, or NotFoundError for a file that is not there."""

    @property
    def url(self) -> str:
        """Where the log is, as people are told it."""
        ...

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint: a signed note, not verified."""
        ...

    def tile(self, name: TileName) -> bytes:
        """Return the hashes of a tile, as many as `name` says, one after the other."""
        ...

    def bundle(self, index: int, width: int) -> tuple[bytes, ...]:
        """Return the first `width` entries of an entry bundle."""
        ...


class LogClient:
    """One log at an address such as `https://models.example.org/log`. Safe for threads.

    Raises InputError on construction for something that is no address. All methods raise PeerDown, PeerTooSlow or
    PeerMisbehaved; PeerRefused if the log answers with another status than 200.
    """

    def __init__(self, client: PeerClient, url: str) -> None:
        self._client = client
        self.url = parse_base(url)

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint as served: a signed note, not verified."""
        return _required(self._client.get(f"{self.url}/checkpoint", limit=MAX_NOTE_BYTES), "checkpoint")

    def checkpoint_after(self, index: int) -> bytes:
        """Return what the log shows as its first cosigned checkpoint with this leaf, not verified."""
        return _required(self._client.get(f"{self.url}/checkpoint/after/{index}", limit=MAX_NOTE_BYTES), "first checkpoint")

    def checkpoint_cosigned(self) -> bytes:
        """Return what the log shows as its newest checkpoint that enough others cosigned, not verified."""
        return _required(self._client.get(f"{self.url}/checkpoint/cosigned", limit=MAX_NOTE_BYTES), "cosigned checkpoint")

    def tile(self, name: TileName) -> bytes:
        """Return the hashes of a tile, as many as `name` says, one after the other; raises BadFormat if it has another length.

        Logs may delete a partial tile once it is full, so the full one is asked for next and cut.
        """
        data, full = self._file(name, WIDTH * HASH_BYTES)
        return b"".join(parse_tile(data, WIDTH if full else name.width)[: name.width])

    def bundle(self, index: int, width: int) -> tuple[bytes, ...]:
        """Return the first `width` entries of the entry bundle `index`; raises BadFormat or TooLarge if it does not parse."""
        data, full = self._file(TileName(None, index, width), MAX_BUNDLE_BYTES)
        return parse_bundle(data, WIDTH if full else width)[:width]

    def _file(self, name: TileName, limit: int) -> tuple[bytes, bool]:
        """Return a tile or bundle, and whether it is the full one that took the place of a partial one."""
        answer = self._client.get(f"{self.url}/{name.path}", limit=limit)
        if answer.status != 200 and name.width < WIDTH:
            full = self._client.get(f"{self.url}/{TileName(name.level, name.index).path}", limit=limit)
            if full.status == 200:
                return full.body, True
        return _required(answer, name.path), name.width == WIDTH


def _required(answer: Answer, what: str) -> bytes:
    if answer.status != 200:
        raise PeerRefused(f"the log answers {answer.status} for its {what}", status=answer.status)
    if not answer.body:
        raise PeerMisbehaved(f"the log answers nothing for its {what}")
    return answer.body
