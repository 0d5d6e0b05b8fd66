"""Facts of contents: made while new files are checked, kept beside them, and made later where they are missing.

Facts depend on the bytes and the scanner alone. They are put into the catalogue by the transaction that makes a file known; a
crash before it leaves a file without a name. Where facts are missing (content from before the scanner, a newer scanner, a
rebuilt catalogue) they are made when a commit or a reader needs them, or in the background (`hanse.flows.rejudge`).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import Connection

from hanse.db import blobs, scans
from hanse.db.blobs import FileRow
from hanse.db.scans import ScanRow
from hanse.errors import HanseError
from hanse.flows.node import Node
from hanse.flows.read import open_file
from hanse.flows.scanner import Scanning
from hanse.jobs.clamd import ClamStream
from hanse.jobs.handle import OpenFile
from hanse.jobs.pool import parse_facts
from hanse.jobs.wire import MAX_BATCH
from hanse.model.digest import Sha256
from hanse.scan.facts import Facts
from hanse.scan.limits import MACHINE
from hanse.scan.source import BytesSource
from hanse.scan.versions import SCANNER

MAX_INFLATED = 32 * 1024 * 1024
_RETRY_SECONDS = 600
_WINDOW = 200


@dataclass(frozen=True, slots=True)
class _Source:
    """Bytes by a function, as `ContentHook.begin` gets them."""

    read_at: Callable[[int, int], bytes]
    size: int


class ScanHook:
    """The scanner's place in the one pass over a new file: its worker reads what it needs while the file is hashed."""

    def __init__(self, scanning: Scanning) -> None:
        self._scanning = scanning
        self._facts: Future[list[bytes]] | None = None
        self._clam: ClamStream | None = None
        self.streams = bool(scanning.clamd)

    def begin(self, read_at: Callable[[int, int], bytes], size: int) -> None:
        """Start to scan."""
        self._facts = self._scanning.pool.submit(_Source(read_at, size))
        self._clam = ClamStream(self._scanning.clamd) if self._scanning.clamd else None

    def feed(self, data: memoryview) -> None:
        """Pass the next bytes on to clamd, if there is one: the worker reads by itself."""
        if self._clam is not None:
            self._clam.feed(data)

    def end(self, digest: Sha256) -> None:
        """Keep the facts for the transaction that makes the file known."""
        assert self._facts is not None
        if self._clam is not None:
            self._scanning.keep_others(digest, self._clam.result())
        self._scanning.fresh.put(digest, self._facts.result()[0])

    def close(self) -> None:
        """Hang up on clamd, which has heard only a part of a file that came to nothing."""
        if self._clam is not None:
            self._clam.close()


class SmallScan:
    """Small files being scanned while they are stored; those whose contents are known already are left out."""

    def __init__(self, node: Node, items: Sequence[bytes]) -> None:
        self._waiting: list[tuple[Sequence[Sha256], Future[list[bytes]]]] = []
        self._scanning = node.scanning
        self._items: dict[Sha256, bytes] = {}
        if self._scanning is None:
            return
        by_digest = {Sha256(hashlib.sha256(data).hexdigest()): data for data in items}
        with node.db.read() as conn:
            known = scans.known(conn, list(by_digest), SCANNER)
        self._items = {digest: data for digest, data in by_digest.items() if digest not in known}
        for batch in _batches(self._items):
            if len(batch) == 1 and len(next(iter(batch.values()))) > MAX_BATCH:
                future = self._scanning.pool.submit(BytesSource(next(iter(batch.values()))))
            else:
                future = self._scanning.pool.submit_batch(list(batch.values()))
            self._waiting.append((list(batch), future))

    def finish(self) -> None:
        """Wait for the facts and keep them for the transaction that makes the files known."""
        for digests, future in self._waiting:
            for digest, facts in zip(digests, future.result(), strict=True):
                assert self._scanning is not None
                self._scanning.fresh.put(digest, facts)
        for digest, data in self._items.items():
            assert self._scanning is not None
            if self._scanning.clamd:
                with closing(ClamStream(self._scanning.clamd)) as stream:
                    stream.feed(data)
                    self._scanning.keep_others(digest, stream.result())


def _batches(items: Mapping[Sha256, bytes]) -> Iterator[dict[Sha256, bytes]]:
    """Yield the items in groups that one job takes."""
    batch: dict[Sha256, bytes] = {}
    size = 0
    for digest, data in items.items():
        if batch and (size + len(data) + 4 > MAX_BATCH or len(batch) == _WINDOW):
            yield batch
            batch, size = {}, 0
        batch[digest] = data
        size += len(data) + 4
    if batch:
        yield batch


def record(node: Node, conn: Connection, sizes: Mapping[Sha256, int]) -> None:
    """Put the facts that were made of these contents (digest -> bytes) into the catalogue."""
    if node.scanning is None:
        return
    made = {digest: facts for digest in sizes if (facts := node.scanning.fresh.pop(digest)) is not None}
    scans.put(conn, [_row(node, digest, sizes[digest], facts) for digest, facts in made.items()])


def _row(node: Node, digest: Sha256, size: int, facts: bytes) -> ScanRow:
    assert node.scanning is not None
    return ScanRow(digest, SCANNER, size, zlib.compress(facts, 6), node.scanning.others.pop(digest), node.clock.now())


def load(row: ScanRow) -> Facts | None:
    """Return the facts in a row, None if they cannot be read (any more)."""
    try:
        state = zlib.decompressobj()
        return parse_facts(state.decompress(row.facts, MAX_INFLATED))
    except (ValueError, KeyError, TypeError, zlib.error):
        return None


def facts_of(node: Node, digests: Sequence[Sha256]) -> dict[Sha256, Facts]:
    """Return the facts of stored contents, made now where there are none; contents whose bytes are gone are left out.

    Facts that an older scanner made count. Raises IntegrityError or StorageError for bytes that cannot be read.
    """
    found: dict[Sha256, Facts] = {}
    with node.db.read() as conn:
        for digest, row in scans.get(conn, digests).items():
            facts = load(row)
            if facts is not None and not (_unlucky(facts) and row.created_at < node.clock.now() - _RETRY_SECONDS):
                found[digest] = facts
        missing = [digest for digest in dict.fromkeys(digests) if digest not in found]
        rows = blobs.get_by_sha256(conn, missing) if missing else {}
    for digest, data in scan_files(node, list(rows.values())).items():
        found[digest] = parse_facts(data)
    return found


def _unlucky(facts: Facts) -> bool:
    """Tell whether the scan ended for a reason of the machine's, so that another try may go better."""
    return any(view.stopped in MACHINE for view in facts.views)


def scan_files(node: Node, rows: Sequence[FileRow]) -> dict[Sha256, bytes]:
    """Scan stored files and put their facts into the catalogue; returns them as JSON by content. Erased ones are left out."""
    scanning = node.scanning
    assert scanning is not None
    made: dict[Sha256, bytes] = {}
    wanted = [row for row in rows if not row.erased]
    for at in range(0, len(wanted), _WINDOW):
        some = wanted[at : at + _WINDOW]
        running = [(row, scanning.pool.submit(source_of(node, row))) for row in some]
        for row, future in running:
            made[row.sha256] = future.result()[0]
        with node.db.write() as conn:
            scans.put(conn, [_row(node, row.sha256, row.size, made[row.sha256]) for row in some])
    return made


def try_scan(node: Node, row: FileRow) -> bool:
    """Scan one stored file; tell whether that could be done: its bytes may be damaged or just removed."""
    try:
        scan_files(node, [row])
    except HanseError:
        return False
    return True


def source_of(node: Node, row: FileRow) -> _Source | OpenFile | BytesSource:
    """Return a stored file as a worker reads it; raises BlobNotFound or IntegrityError."""
    if not row.size:
        return BytesSource(b"")
    reader = open_file(node, row)
    return OpenFile(reader.whole, row.size) if reader.whole is not None else _Source(reader.read_at, row.size)
