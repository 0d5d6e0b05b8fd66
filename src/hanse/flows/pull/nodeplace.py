"""A node as one place of a revision's bytes: by Xet hash, which needs no name, or else under the name, as from any hub."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.errors import NotFoundError, PeerRefused
from hanse.model.digest import XetHash
from hanse.model.filepin import FilePin
from hanse.peers.place import Place

_TOO_MANY = 429


class NodeOfRevision:
    """A node that may have a file under its Xet hash, or serve the revision. files: by hash; hub: the revision there."""

    def __init__(self, files: Place, hub: Place) -> None:
        self._files = files
        self._hub = hub
        self._unknown: set[XetHash] = set()

    @property
    def name(self) -> str:
        """Host and port, as people are told it."""
        return self._files.name

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of a file, see `Place`."""
        begun = False
        if pin.xet is not None and pin.xet not in self._unknown:
            try:
                for piece in self._files.read(pin, start, end):
                    begun = True
                    yield piece
            except (NotFoundError, PeerRefused) as error:
                # A hub or proxy that is no node may answer anything to a route that it does not know.
                if begun or (isinstance(error, PeerRefused) and error.status == _TOO_MANY):
                    raise
                self._unknown.add(pin.xet)
            else:
                return
        yield from self._hub.read(pin, start, end)

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list of a file as the node says it, None if it has none, see `Place`."""
        if pin.xet is None:
            return None
        return self._files.chunk_list(pin) or self._hub.chunk_list(pin)
