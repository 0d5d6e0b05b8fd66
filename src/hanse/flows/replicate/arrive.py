"""Files of a copy on their way: chunks from here, the others from all who hold the file, each checked; then taken in and scanned.

1. A file that everybody may read here already is not fetched.
2. A chunk list that recomputes to the signed Xet hash is had from anybody, and what is here is filled in (`cover`).
3. What is missing is fetched, from several members at once (`hanse.flows.pull.fetch`). A killed process goes on from there.
4. While it comes, what is checked is stored as chunks that are not here yet, so that the allowed rate is used to the end; once
   the whole has the signed digests it is taken in and scanned like an upload.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hanse.content.gitobjects import BlobHasher, lfs_pointer_id
from hanse.db import blobs
from hanse.db.blobs import FileRow
from hanse.db.repos import Repo
from hanse.errors import HanseError
from hanse.flows.ingest import FileIngest, store_small_files
from hanse.flows.known_chunks import KnownChunks
from hanse.flows.node import Node
from hanse.flows.pull.chunklists import find_chunk_list
from hanse.flows.pull.events import Event
from hanse.flows.pull.fetch import Fetch, Fetcher
from hanse.flows.pull.layout import Layout, chunk_layout
from hanse.flows.pull.small import IN_MEMORY
from hanse.flows.pull.sources import Sources, Speeds
from hanse.flows.read import open_file
from hanse.flows.replicate.cover import fill, known_for
from hanse.flows.scope import usable_files
from hanse.model.actor import ANONYMOUS
from hanse.model.digest import GitOid, Sha256
from hanse.model.filepin import FilePin
from hanse.peers.place import Place
from hanse.sign.oms import ManifestFile
from hanse.store.held.heldfile import HeldFile
from hanse.store.held.store import Held

AT_ONCE = 4
BATCH = 64
BATCH_BYTES = 16 * 1024 * 1024
_TICK = 0.5
_LAST = 30.0
_READ = 1024 * 1024


def folder_of(node: Node) -> Path:
    """Return where files of copies lie until they are taken in."""
    return node.staging.root / "replicate"


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that is here. git_oid: blob id of its content, None where it was not asked for; fetched: it was not here before."""

    row: FileRow
    git_oid: GitOid | None
    fetched: bool


@dataclass
class Arrivals:
    """Takes in the files of one copy. places: who may have them; regular: whether git has a file itself, by path and size.

    stop: whether to end; told: of lies and slow or dead places.
    """

    node: Node
    repo: Repo
    held: Held
    places: Sequence[Place]
    regular: Callable[[str, int], bool]
    stop: Callable[[], bool]
    told: Callable[[Event], None] = lambda _: None

    def __post_init__(self) -> None:
        self._fetcher = Fetcher(self.held, report=self.told)
        self._known: dict[Sha256, KnownChunks] = {}

    def take(self, files: Sequence[ManifestFile]) -> dict[Sha256, Taken]:
        """Return every file by its SHA-256, taken in where it was not here (steps 1 to 4).

        Raises IntegrityError if somebody lies and nobody has the true bytes, PeerError or NotFoundError if nobody gives them,
        StorageError; Busy when stopped: what came is kept.
        """
        wanted = {one.sha256: one for one in files}
        regular = {one.sha256 for one in files if self.regular(one.path, one.size or 0)}
        found = self._here(wanted, regular)
        missing = [one for sha256, one in wanted.items() if sha256 not in found]
        small = [one for one in missing if (one.size or 0) <= IN_MEMORY]
        for batch in _batches(small):
            found |= self._small(batch)
        for one in sorted((one for one in missing if (one.size or 0) > IN_MEMORY), key=lambda one: one.path):
            found[one.sha256] = self._large(one, git=one.sha256 in regular)
        return found

    def _here(self, wanted: dict[Sha256, ManifestFile], regular: set[Sha256]) -> dict[Sha256, Taken]:
        """Return the files that everybody may read here already; the copy holds them from now on (step 1)."""
        with self.node.db.read() as conn:
            rows = blobs.find_by_sha256(conn, usable_files(self.node, ANONYMOUS, self.repo), list(wanted))
        rows = {sha256: row for sha256, row in rows.items() if row.xet == wanted[sha256].xet}
        if not rows:
            return {}
        found = {sha256: Taken(row, self._oid(row) if sha256 in regular else None, False) for sha256, row in rows.items()}
        with self.node.db.write() as conn:
            blobs.link_files(conn, self.repo.id, [row.id for row in rows.values()], None, self.node.clock.now())
        return found

    def _oid(self, row: FileRow) -> GitOid:
        blob, reader = BlobHasher(row.size), open_file(self.node, row)
        for at in range(0, row.size, _READ):
            blob.update(reader.read_at(at, _READ))
        return blob.finish()

    def _small(self, batch: Sequence[ManifestFile]) -> dict[Sha256, Taken]:
        """Fetch small files side by side and store them together."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="copy-small") as pool:
            files = list(pool.map(lambda one: self._bring(pin_of(one)), batch))
        contents = [b"".join(pieces_of(one)) for one in files]
        rows = store_small_files(self.node, self.repo, ANONYMOUS, contents)
        found = {}
        for one, row, data in zip(batch, rows, contents, strict=True):
            blob = BlobHasher(len(data))
            blob.update(data)
            found[one.sha256] = Taken(row, blob.finish(), True)
        for file in files:
            file.path.unlink(missing_ok=True)
        return found

    def _large(self, one: ManifestFile, *, git: bool) -> Taken:
        """Fetch one file and take it in (steps 2 to 4)."""
        pin = pin_of(one)
        if self.held.find(pin) is None:
            self._prepare(pin)
        fetch = self._fetcher.open(pin, self.places)
        blob = BlobHasher(pin.size) if git else None
        known = self._known.pop(one.sha256, None)
        with (
            _watched(fetch, self.stop),
            FileIngest(self.node, ANONYMOUS, self.repo, sha256=one.sha256, size=pin.size, known=known) as ingest,
        ):
            for piece in fetch.read(0, pin.size):
                ingest.feed(piece)
                if blob is not None:
                    blob.update(piece)
            file = fetch.wait()
            assert file is not None
            row = ingest.finish()
        file.path.unlink(missing_ok=True)
        return Taken(row, None if blob is None else blob.finish(), True)

    def _bring(self, pin: FilePin) -> HeldFile:
        """Return a small file that is here now, whole and with its signed digests, in the folder of arrivals (step 3)."""
        found = self.held.find(pin)
        if found is not None:
            return found
        fetch = self._fetcher.open(pin, self.places)
        with _watched(fetch, self.stop):
            file = fetch.wait()
        assert file is not None
        return file

    def _prepare(self, pin: FilePin) -> None:
        """Fill in the chunks that are here (step 2); without a chunk list the file is fetched whole, and hashed at its end."""
        with self.held.begin(pin) as partial:
            listed = self._listed(pin, partial.chunk_list)
            if listed is None:
                return
            chunk_list, layout = listed
            partial.keep_chunk_list(chunk_list)
            known = self._known[Sha256(pin.sha256 or "")] = known_for(self.node, self.repo, pin.size, chunk_list)
            fill(self.node, known, partial, layout, chunk_list)

    def _listed(self, pin: FilePin, kept: bytes | None) -> tuple[bytes, Layout] | None:
        if kept is not None:
            try:
                return kept, chunk_layout(pin, kept)
            except HanseError:  # a crash may have left anything
                pass
        return find_chunk_list(pin, Sources(self.places, Speeds()), self.told, self.stop)


@contextmanager
def _watched(fetch: Fetch, stop: Callable[[], bool]) -> Iterator[None]:
    """Cancel a fetch as soon as it is to stop, and at an error; whoever waits for it gets Busy, and what came is kept.

    At the end it has let go of the file.
    """
    over, cancelled = threading.Event(), threading.Event()

    def cancel() -> None:
        if not cancelled.is_set():
            cancelled.set()
            fetch.cancel()

    def watch() -> None:
        while not over.wait(_TICK):
            if stop():
                cancel()
                return

    watcher = threading.Thread(target=watch, name=f"watch {fetch.pin.path}", daemon=True)
    watcher.start()
    try:
        yield
    except BaseException:
        over.set()
        watcher.join()
        cancel()
        with suppress(HanseError):
            fetch.wait(_LAST)
        raise
    finally:
        over.set()
        watcher.join()


def pin_of(one: ManifestFile) -> FilePin:
    """Return what the bytes of a signed file must be; git's name for them is not signed, and is found out here."""
    size = one.size or 0
    return FilePin(one.path, size, lfs_pointer_id(one.sha256, size), lfs=True, sha256=one.sha256, xet=one.xet)


def pieces_of(file: HeldFile) -> Iterator[bytes]:
    """Yield the bytes of a file that arrived; raises BlobNotFound if it is not what it was."""
    descriptor = file.open()
    try:
        while data := os.read(descriptor, _READ):
            yield data
    finally:
        os.close(descriptor)


def _batches(files: Sequence[ManifestFile]) -> Iterator[Sequence[ManifestFile]]:
    batch: list[ManifestFile] = []
    size = 0
    for one in files:
        batch.append(one)
        size += one.size or 0
        if len(batch) == BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
