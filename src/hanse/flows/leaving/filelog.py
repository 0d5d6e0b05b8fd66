"""A log in an export, read as a log over HTTP is: its checkpoint, hash tiles and entry bundles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from hanse.errors import HanseError
from hanse.flows.leaving.sources import ExportSource, small
from hanse.flows.pins import Pins
from hanse.model.evidence import LogEvidence
from hanse.model.repo import Origin
from hanse.model.staticlayout import StaticPath, parse_static_path
from hanse.tlog.checkpoint import parse_checkpoint
from hanse.tlog.hashing import HASH_BYTES
from hanse.tlog.note import parse_note
from hanse.tlog.proof import consistency_proof
from hanse.tlog.tiles import MAX_BUNDLE_BYTES, WIDTH, TileName, parse_bundle, parse_tile

MAX_NOTE_BYTES = 512 * 1024


class FileLog:
    """A log in the folder `below` of an export; also shows how it went on since it was seen before, without network.

    Raises BlobNotFound for what the export does not have, BadFormat or TooLarge for what does not parse, StorageError.
    """

    online = False

    def __init__(self, source: ExportSource, below: str = "log") -> None:
        self._source = source
        self._below = below

    @property
    def url(self) -> str:
        """The export, as people are told it."""
        return f"the export {self._source.name}"

    def checkpoint(self) -> bytes:
        """Return the checkpoint of the export: a signed note, not verified."""
        return small(self._source, parse_static_path(f"{self._below}/checkpoint"), MAX_NOTE_BYTES)

    def tile(self, name: TileName) -> bytes:
        """Return the hashes of a tile, as many as `name` says, one after the other."""
        path, width = self._find(name)
        return b"".join(parse_tile(small(self._source, self._path(path), WIDTH * HASH_BYTES), width)[: name.width])

    def bundle(self, index: int, width: int) -> tuple[bytes, ...]:
        """Return the first `width` entries of the entry bundle `index`."""
        path, there = self._find(TileName(None, index, width))
        return parse_bundle(small(self._source, self._path(path), MAX_BUNDLE_BYTES), there)[:width]

    def _path(self, tile: str) -> StaticPath:
        return parse_static_path(f"{self._below}/{tile}")

    def _find(self, name: TileName) -> tuple[str, int]:
        """Return path and width of the narrowest file that has what is named."""
        for width in range(name.width, WIDTH):
            path = TileName(name.level, name.index, width).path
            if self._path(path) in self._source.sizes:
                return path, width
        return TileName(name.level, name.index).path, WIDTH

    def growth(self, logs: Iterable[LogEvidence], pins: Mapping[Origin, Pins]) -> dict[Origin, tuple[bytes, ...]]:
        """Return the proof that the log goes on from where it was seen before, if the export can prove it."""
        found: dict[Origin, tuple[bytes, ...]] = {}
        with suppress(HanseError):
            own = parse_checkpoint(parse_note(self.checkpoint())).claimed
            for log in logs:
                seen = pins[log.origin].log if log.origin in pins else None
                if log.origin == own.origin and seen is not None:
                    shown = parse_checkpoint(parse_note(log.checkpoint)).claimed.size
                    old, new = sorted((seen.size, shown))
                    if old and old != new:
                        found[log.origin] = consistency_proof(old, new, self.tile)
        return found

    def own_logs(self) -> frozenset[Origin]:
        """Return nothing: no node was asked."""
        return frozenset()
