"""The held store: files whose bytes were checked, found by digest, shared by every process of one user.

    STORE/index.sqlite3      what lies where, records of whoever resolves names, pins
    STORE/files/ab/SHA256    held files, never changed, mode 0400
    STORE/partial/…          files on their way (`hanse.store.held.partial`)
    STORE/reserve            room for the index, given up on a full disk (`hanse.store.held.index`)

Files that lie elsewhere are *adopted*: found by their digests as well, as long as they are the files that were hashed. A file
is moved in place and noted in one transaction; a crash before leaves a partial file, a crash between leaves a file that nobody
finds and the next one like it replaces. Nothing is private to a name here: who may see a file is for those who know names.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from hanse.errors import Busy, StorageError, StorageFull, TooLarge
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.filepin import FilePin
from hanse.store.durable import make_directory, storage_errors, sync_directory, sync_file
from hanse.store.held.batch import Batch
from hanse.store.held.copies import FORGET, INSERT, Copies, Digests
from hanse.store.held.eviction import Evicted, evict
from hanse.store.held.heldfile import HeldFile, Identity, identify
from hanse.store.held.index import GIVEN, Index
from hanse.store.held.locks import FileLock, taken
from hanse.store.held.partial import Partial
from hanse.store.held.stock import Stock

MAX_RECORD_BYTES = 128 << 20
MAX_KEY_CHARS = 4096
_PUT = "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)"


class Held:
    """The opened store; safe for threads, and for several processes. Use `Held.open`.

    limit: bytes that held files may take, None for no limit; temporary: it goes when it is closed.
    """

    def __init__(self, folder: Path, *, limit: int | None = None, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.limit = limit
        self.temporary = False
        self._clock = clock
        self._used: set[tuple[str, str, str]] = set()
        with _writable(folder):
            for one in (folder, folder / "files", folder / "partial"):
                if not one.is_dir():
                    make_directory(one, 0o700)
            if not os.access(folder, os.W_OK):
                raise PermissionError(13, "it is read-only", str(folder))
        self._index = Index(folder / "index.sqlite3")
        self._copies = Copies(self._index, folder, clock)

    @classmethod
    def open(cls, folder: Path, *, limit: int | None = None, clock: Callable[[], float] = time.time) -> Held:
        """Return the store in `folder`, made if it is not there; raises StorageError if it cannot be written."""
        return cls(folder.absolute(), limit=limit, clock=clock)

    def close(self) -> None:
        """Close the index; idempotent."""
        self._index.close()
        if self.temporary:
            import shutil  # noqa: PLC0415 few stores are temporary

            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def find(self, pin: FilePin) -> HeldFile | None:
        """Return a file that is what `pin` says, opened just now; None if none is held.

        It is looked for by xet hash, else SHA-256, else (for a file that is no LFS pointer) git blob id and size, and none of its
        digests that are known is another than the pin gives. Raises StorageError.
        """
        return self._copies.find(pin)

    def find_all(self, pins: Iterable[FilePin]) -> dict[FilePin, HeldFile]:
        """Return those of many files that are held, each as `find` does; raises StorageError."""
        return self._copies.find_all(pins)

    def batch(self, size: int) -> Batch:
        """Return a batch of small files, `size` bytes together, that were verified; raises StorageError."""
        if self.limit is not None:
            self.evict(room=size)
        return Batch(self.folder / "partial", self._take_all)

    def begin(self, pin: FilePin, wait: float = 0.0, *, beside: bool = False) -> Partial:
        """Return the file of `pin` to be fetched, with what was fetched of it before; one at a time in all processes.

        The caller looks again with `find` after having waited: whoever had it may have finished. Raises Busy if somebody else
        has it for longer than `wait` seconds; StorageFull, StorageError. beside: fetch it once more, because who has it stopped.
        """
        own = f"{os.getpid()}." if beside else ""
        lock = FileLock.get(self._partial(pin, f"{own}lock"), wait)
        if lock is None:
            raise Busy(f"another process fetches {pin.path}", hint="wait for it")
        try:
            if self.limit is not None:
                self.evict(room=pin.size)
            return Partial(pin, self._partial(pin, f"{own}data"), lock, self._take)
        except BaseException:
            lock.release()
            raise

    def arrived(self, pin: FilePin) -> tuple[int, int]:
        """Return about how many bytes whoever fetches a file has, and when that changed last (nanoseconds); 0 if unknown."""
        with suppress(OSError):
            status = self._partial(pin, "data").stat()
            return min(status.st_blocks * 512, pin.size), status.st_mtime_ns
        return 0, 0

    def waits(self, pin: FilePin) -> bool:
        """Tell whether somebody, in this process or another, is fetching the file of `pin`."""
        return taken(self._partial(pin, "lock"))

    def adopt(
        self, path: Path, sha256: Sha256, xet: XetHash | None, git_oid: GitOid | None, size: int, *, seen: Identity | None = None
    ) -> HeldFile:
        """Have a file that lies elsewhere found by its digests, as long as it is unchanged; it is never removed by the store.

        seen: its identity before it was hashed; without it, the one it has now. Raises StorageError if there is no such file of
        that size, or if it changed since `seen`.
        """
        real = Path(os.path.realpath(path))
        with storage_errors(f"flush {real}"):
            sync_file(real)
        found = identify(real)
        if found is None or found.size != size or (seen is not None and seen != found):
            raise StorageError(f"{real} is not the file of {size:,} bytes that was hashed", hint="hash it again")
        digests = Digests(sha256, xet, git_oid)
        self._copies.note(os.fsencode(real), own=False, digests=digests, identity=found)
        return HeldFile(real, size, *digests, True, found)

    def adopt_all(self, hashed: Iterable[tuple[str, Digests, Identity]], *, gone: Iterable[HeldFile] = ()) -> None:
        """Adopt many files at once: real path, digests, and the identity before hashing, after which nobody wrote to it.

        The caller has flushed them (`hanse.store.durable.sync_fresh`): a power loss may take bytes and leave the identity.
        gone: of the store's own, those that were moved elsewhere and take no room in it any more.
        """
        rows = [self._copies.row(os.fsencode(path), own=False, digests=one, identity=seen)[1] for path, one, seen in hashed]
        names = [(os.fsencode(file.path.relative_to(self.folder)),) for file in gone]
        if rows or names:
            self._index.write_all(((INSERT, rows), (FORGET, names)))

    def adopted(self, under: str = "/") -> dict[str, tuple[Identity, Digests]]:
        """Return what is known of the files below a folder that were ever hashed, by path: identity then, and digests."""
        return self._copies.below(os.fsencode(under))

    def adopted_among(self, places: Sequence[str]) -> dict[str, tuple[Identity, Digests]]:
        """Return the same of some files, at most `MAX_AMONG`, without reading what is known of those beside them."""
        return self._copies.among([os.fsencode(one) for one in places])

    def use(self, label: str, path: str, sha256: Sha256) -> None:
        """Note that the revision `label` (ORIGIN/NAMESPACE/NAME@REV) has the held file at `path`: for pins and listings."""
        self.use_all(label, {path: sha256})

    def use_all(self, label: str, files: Mapping[str, Sha256]) -> None:
        """Note as `use` does what a revision has, by path."""
        fresh = {(label, path, sha256) for path, sha256 in files.items()} - self._used
        given = [(_key(label), _key(path), sha256) for _label, path, sha256 in fresh]
        sql = "SELECT 1 FROM uses WHERE label = ? AND path = ? AND sha256 = ?"
        missing = [one for one in given if not self._index.rows(sql, one)]
        if missing:
            pinned = bool(self._index.rows("SELECT 1 FROM pins WHERE name = ?", (label,)))
            self._index.write_all((("INSERT OR REPLACE INTO uses VALUES (?, ?, ?)", missing),), flushed=pinned)
        self._used |= fresh

    def used_by(self, sha256: Sha256) -> list[str]:
        """Return the revisions, as given to `use`, that have a file with this SHA-256; at most 100."""
        sql = "SELECT DISTINCT label FROM uses WHERE sha256 = ? AND label NOT LIKE ? LIMIT 100"
        return [str(row[0]) for row in self._index.rows(sql, (sha256, f"{GIVEN}%"))]

    def is_used(self, label: str, sha256: Sha256) -> bool:
        """Tell whether `use` was told of a file with this SHA-256 under a label, whatever its path."""
        return bool(self._index.rows("SELECT 1 FROM uses WHERE label = ? AND sha256 = ? LIMIT 1", (_key(label), sha256)))

    def put_verdict(self, sha256: Sha256, ruleset_digest: str, facts: bytes) -> None:
        """Keep what a scan of a file found, under the rules that looked; raises TooLarge, StorageError."""
        self.put_verdicts(ruleset_digest, {sha256: facts})

    def put_verdicts(self, ruleset_digest: str, found: Mapping[Sha256, bytes]) -> None:
        """Keep as `put_verdict` does what a scan of many files found."""
        for facts in found.values():
            _check_record(facts)
        now = int(self._clock())
        rows = [("facts", f"{ruleset_digest}/{sha256}", facts, now) for sha256, facts in found.items()]
        self._index.write_all(((_PUT, rows),), flushed=True)

    def facts(self, sha256: Sha256, ruleset_digest: str) -> bytes | None:
        """Return what a scan of a file found, None if no scan under these rules is known."""
        found = self.get("facts", f"{ruleset_digest}/{sha256}")
        return found[0] if found else None

    def put(self, kind: str, key: str, data: bytes, at: int) -> None:
        """Keep a record, instead of the one that has the same kind and key; on disk when this returns.

        at: seconds since 1970, for the reader. Raises TooLarge, Busy, StorageError.
        """
        _check_record(data)
        self._index.write(_PUT, (_key(kind), _key(key), data, at), flushed=True)

    def get(self, kind: str, key: str) -> tuple[bytes, int] | None:
        """Return a record and the time it was given, None if there is none; raises StorageError."""
        rows = self._index.rows("SELECT data, at FROM records WHERE kind = ? AND key = ?", (kind, key))
        return (bytes(rows[0][0]), int(rows[0][1])) if rows else None

    def keys(self, kind: str) -> list[str]:
        """Return the keys of all records of a kind, in order; raises StorageError."""
        return [str(row[0]) for row in self._index.rows("SELECT key FROM records WHERE kind = ? ORDER BY key", (kind,))]

    def delete(self, kind: str, key: str) -> None:
        """Remove a record if there is one; raises Busy, StorageError."""
        self._index.write("DELETE FROM records WHERE kind = ? AND key = ?", (kind, key), flushed=True)

    def pin(self, name: str) -> None:
        """Never remove, for room, the file with the SHA-256 `name` or those of the revision `name` (as given to `use`)."""
        self._index.write("INSERT OR IGNORE INTO pins VALUES (?)", (_key(name),), flushed=True)

    def unpin(self, name: str) -> bool:
        """Take a pin back; tell whether there was one."""
        return bool(self._index.write("DELETE FROM pins WHERE name = ?", (name,), flushed=True))

    def pins(self) -> list[str]:
        """Return what is pinned, in order."""
        return [str(row[0]) for row in self._index.rows("SELECT name FROM pins ORDER BY name")]

    def evict(self, limit: int | None = None, *, room: int = 0) -> Evicted:
        """Remove the files not used for longest until all take at most `limit` bytes (default: the store's) less `room`.

        Kept are files that are pinned, being read, or used within the last minute, and everything adopted. Raises StorageError.
        """
        bound = self.limit if limit is None else limit
        return Evicted(0, 0) if bound is None else evict(self._index, self.folder, max(0, bound - room), int(self._clock()))

    def stock(self) -> Stock:
        """Return the store's contents, for listing and upkeep."""
        return Stock(self._index, self._copies, self.folder)

    def _partial(self, pin: FilePin, kind: str) -> Path:
        key = f"x{pin.xet}" if pin.xet else f"s{pin.sha256}" if pin.sha256 else f"g{pin.git_oid}"
        return self.folder / "partial" / f"{key}-{pin.size}.{kind}"

    def _take(self, staged: Path, digests: Digests) -> HeldFile:
        """Move a complete, flushed file to its place, and note it."""
        return self._take_all([(staged, digests)])[digests.sha256]

    def _take_all(self, staged: Sequence[tuple[Path, Digests]]) -> dict[Sha256, HeldFile]:
        """Move complete, flushed files to their places, and note them: all, or none if there is no room for that."""
        try:
            found = self._placed(staged)
        except StorageFull:
            if not self._index.give_up_reserve():
                raise
            found = self._placed(staged)
        with storage_errors("store a fetched file"):
            for folder in {file.path.parent for file in found.values()}:
                sync_directory(folder)
        return found

    def _placed(self, staged: Sequence[tuple[Path, Digests]]) -> dict[Sha256, HeldFile]:
        found, moved = dict[Sha256, HeldFile](), list[tuple[Path, Path]]()

        def undo() -> None:
            for before, after in moved:
                with suppress(OSError):
                    after.chmod(0o600)
                    after.rename(before)

        with self._index.transaction(undo=undo) as base, storage_errors("store a fetched file"):
            for before, digests in staged:
                name = f"files/{digests.sha256[:2]}/{digests.sha256}"
                path = self.folder / name
                there = self._stored(path, name)
                if there is None:
                    if not path.parent.is_dir():
                        make_directory(path.parent, 0o700)
                    before.rename(path)
                    moved.append((before, path))
                    with suppress(PermissionError):  # FAT has no modes
                        path.chmod(0o400)
                    there = Identity.of(path.stat())
                else:
                    before.unlink(missing_ok=True)
                base.execute(*self._copies.row(name.encode(), own=True, digests=digests, identity=there))
                found[digests.sha256] = HeldFile(path, there.size, *digests, False, there)
        return found

    def _stored(self, path: Path, name: str) -> Identity | None:
        """Return the identity of a file that another thread or process stored already: who has found it goes on using it."""
        there = identify(path)
        row = None if there is None else self._copies.at(name.encode())
        return there if row is not None and there is not None and there.inside(row.identity) else None


def open_or_temporary(folder: Path, *, named: bool = False, limit: int | None = None) -> Held:
    """Return the store in `folder`, or one that lasts until it is closed if that cannot be written.

    named: somebody named the folder, and nothing takes its place. Raises StorageError.
    """
    try:
        return Held.open(folder, limit=limit)
    except StorageError:
        if named or _is_writable(folder):
            raise
        import tempfile  # noqa: PLC0415 same

        held = Held.open(Path(tempfile.mkdtemp(prefix="hanse-held-")), limit=limit)
        held.temporary = True
        return held


def _is_writable(folder: Path) -> bool:
    """Tell whether `folder`, or the closest folder above it that exists, can be written."""
    there = _closest(folder)
    return there.is_dir() and os.access(there, os.W_OK) and not os.statvfs(there).f_flag & os.ST_RDONLY


def _closest(folder: Path) -> Path:
    return next(one for one in (folder.absolute(), *folder.absolute().parents) if os.access(one, os.F_OK))


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        there = _closest(folder)
        why = error.strerror if there.is_dir() else f"{there} is no folder"
        raise StorageError(
            f"the store {folder} cannot be written: {why}",
            hint="name a folder of your own with --store or HANSE_STORE, or set HANSE_HOME",
        ) from error


def _check_record(data: bytes) -> None:
    if len(data) > MAX_RECORD_BYTES:
        raise TooLarge(f"a record has at most {MAX_RECORD_BYTES:,} bytes, this one {len(data):,}")


def _key(text: str) -> str:
    if len(text) > MAX_KEY_CHARS:
        raise TooLarge(f"a name in the store has at most {MAX_KEY_CHARS} characters, this one {len(text)}")
    return text
