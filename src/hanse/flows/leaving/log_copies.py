"""Copies of other logs leave with an export, so that what others signed can be shown where there is no network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from hanse.db import witnesses
from hanse.db.witnesses import WitnessedLog
from hanse.errors import BlobNotFound, NotFoundError
from hanse.flows import mirror_cosign
from hanse.flows.leaving.exported_logs import copy_path
from hanse.flows.logcopy import LogCopy
from hanse.flows.node import Node
from hanse.flows.static.sink import Sink
from hanse.tlog.checkpoint import parse_checkpoint
from hanse.tlog.note import parse_note
from hanse.tlog.tiles import WIDTH, TileName

_ATTEMPTS = 5


def write_copies(node: Node, sink: Sink) -> None:
    """Write every copy of a log that this node cosigned as a mirror; raises StorageFull or StorageError.

    One that grows meanwhile, so that a partial file of its former size is gone, is read again; in the end it is left out, and the
    next export has it. Tiles and checkpoint are of one size, whatever comes between.
    """
    with node.db.read() as conn:
        logs = [log for log in witnesses.every(conn) if log.mirror_note]
    for log in logs:
        for path, data in _whole(node, log.origin_hash):
            sink.put(copy_path(log.origin_hash, path), data)


def _whole(node: Node, digest: str) -> list[tuple[str, bytes]]:
    """Return path and bytes of every file of a copy, and of its checkpoint; nothing if it grows all the time or is gone."""
    for _ in range(_ATTEMPTS):
        with suppress(BlobNotFound, NotFoundError):
            log = mirror_cosign.find_copy(node, digest)
            return [*_files(node, log), ("checkpoint", mirror_cosign.cosigned_note(node, log))]
    return []


def _files(node: Node, log: WitnessedLog) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of every file of the copy as its cosigned checkpoint has it."""
    size = parse_checkpoint(parse_note(log.mirror_note.encode())).claimed.size
    copy = LogCopy(node.store, log.origin)
    for name in tile_names(size):
        yield name.path, copy.read(name, log.mirrored)


def tile_names(size: int) -> Iterator[TileName]:
    """Yield the names of every entry bundle and hash tile of a log of `size` leaves."""
    for index in range(-(-size // WIDTH)):
        yield TileName(None, index, min(WIDTH, size - index * WIDTH))
    level, count = 0, size
    while count:
        for index in range(-(-count // WIDTH)):
            yield TileName(level, index, min(WIDTH, count - index * WIDTH))
        level, count = level + 1, count // WIDTH
