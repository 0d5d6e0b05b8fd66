"""Step 5 of `hanse.flows.fsck`: the journal, grown again from its entry bundles, compared with what is stored, and replayed."""

from __future__ import annotations

from collections.abc import Mapping

from hanse.db import leaves
from hanse.db.leaves import LogHead
from hanse.errors import BadProof, BlobNotFound
from hanse.flows import journal
from hanse.flows.fsck_checker import Checker
from hanse.flows.logfiles import LogFiles
from hanse.flows.loghistory import LogHistory
from hanse.store.base import BlobStore
from hanse.tlog.replay import Replay
from hanse.tlog.tiles import WIDTH, TileName, edge_names, grow, parse_bundle, parse_tile_path


def check_journal(checker: Checker) -> None:
    """Check bundles, tiles and head of the journal, that the catalogue's leaves stand where it says, and what they say.

    Signatures, chains and snapshots are checked as every reader of the log does. It must be the log that others cosigned.
    """
    with checker.node.db.read() as conn:
        head = leaves.head(conn)
    if head is not None:
        checker.guard("journal", f"journal of {head.size} leaves", lambda: _check(checker, head))


def _check(checker: Checker, head: LogHead) -> None:
    store, files = checker.node.store, checker.node.log.files
    kept = {name.path for name in edge_names(head.size)}
    replay = Replay.start(checker.node.origin)
    edge: Mapping[str, bytes] = {}
    root = head.root if not head.size else ""
    for start in range(0, head.size, WIDTH):
        width = min(WIDTH, head.size - start)
        entries = parse_bundle(files.read(TileName(None, start // WIDTH, width)), width)
        growth = grow(start, edge, entries)
        for path, data in growth.objects:
            # Partial tiles of former sizes are pruned; those of this one must be there.
            if ".p/" not in path or path in kept:
                _same(files, path, data)
        _compare_rows(checker, start, entries)
        replay.append(entries)
        edge, root = growth.edge, growth.root.hex()
        for _ in entries:
            checker.count("leaf")
    if root != head.root:
        raise BadProof(f"the journal's bundles lead to root {root}, the catalogue's head is {head.root}")
    if head.size and head.staged is None:
        _compare_head(store, files, head)
    if replay.snapshot_index is not None and not replay.covered:
        raise BadProof(f"refs or advisories changed after the last snapshot, leaf {replay.snapshot_index} of the journal")
    LogHistory(checker.node.db, checker.node.log.files).require(checker.node.origin, head.size)


def _same(files: LogFiles, path: str, data: bytes) -> None:
    # A serving node appends meanwhile: then a wider file has taken the place of a partial one.
    if files.read(parse_tile_path(path)) != data:
        raise BadProof(f"{path} is not what the entries make it")


def _compare_head(store: BlobStore, files: LogFiles, head: LogHead) -> None:
    """Raise BadProof if the stored head is another one; it may be gone once the log has gone on."""
    try:
        stored = journal.read_head(store, head.size)
    except BlobNotFound:
        if files.head().size == head.size:
            raise
        return
    if stored.root != head.root:
        raise BadProof(f"the stored head of size {head.size} has another root than the catalogue's")


def _compare_rows(checker: Checker, start: int, entries: tuple[bytes, ...]) -> None:
    """Raise BadProof if a leaf that the catalogue still has is another one in the journal."""
    with checker.node.db.read() as conn:
        rows = leaves.sequenced(conn, start, len(entries))
    for row in rows:
        if row.index is not None and start <= row.index < start + len(entries) and entries[row.index - start] != row.leaf:
            raise BadProof(f"leaf {row.index} of the journal is not the one that the catalogue applied")
