"""The index of the held store: one SQLite file, which several processes read and write at once.

Write-ahead logging, so that readers never wait; a transaction is over in milliseconds and whoever meets another waits for it.
What must survive power loss (records: pins at first use, evidence) is written with a flush; losing a row about a file costs only
that the file is hashed or fetched again.

On a full disk SQLite cannot even read: its first reader makes a file of 32 KiB. So twice that lies beside the index, and is given
up then: what is held can still be used, and removed to make room.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from hanse.errors import Busy, StorageError, StorageFull

SCHEMA_VERSION = 1
BUSY_SECONDS = 10.0
GIVEN = "given "
"""What labels begin with that are no revisions: they say under whose name a file may be given to others."""
RESERVE_BYTES = 64 << 10
_ROOMY_BYTES = 64 << 20
"""The reserve is made again where so much is free."""
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
_NOT_OURS = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
_TABLES = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS copies (
    path BLOB PRIMARY KEY, own INTEGER NOT NULL, sha256 TEXT NOT NULL, xet TEXT, git_oid TEXT,
    dev INTEGER NOT NULL, ino INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
    added INTEGER NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS copies_sha256 ON copies (sha256);
CREATE INDEX IF NOT EXISTS copies_xet ON copies (xet) WHERE xet IS NOT NULL;
CREATE INDEX IF NOT EXISTS copies_git ON copies (git_oid) WHERE git_oid IS NOT NULL;
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uses (
    label TEXT NOT NULL, path TEXT NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (label, path)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uses_sha256 ON uses (sha256);
CREATE TABLE IF NOT EXISTS pins (name TEXT PRIMARY KEY) WITHOUT ROWID;
PRAGMA user_version = 1;
COMMIT;
"""


def kept_record(folder: Path, kind: str, key: str) -> tuple[bytes, int] | None:
    """Return a record of the store in `folder`, and its time; None if there is no store or no such record.

    The store is only looked into: it is not made, and need not be writable. Raises StorageError.
    """
    path = folder / "index.sqlite3"
    if not path.is_file():
        return None
    with _errors(path):
        try:
            return _looked_up(path, "mode=ro", kind, key)
        except sqlite3.OperationalError:
            if os.access(folder, os.W_OK):
                raise
            # Write-ahead logging needs files beside it, also to read; where nobody can make them nobody writes either.
            return _looked_up(path, "immutable=1", kind, key)


def _looked_up(path: Path, how: str, kind: str, key: str) -> tuple[bytes, int] | None:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=BUSY_SECONDS)) as base:
        found = base.execute("SELECT data, at FROM records WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if found is None else (bytes(found[0]), int(found[1]))


class Index:
    """The opened index; safe for threads.

    Raises StorageError if the file cannot be written, is damaged, or was written by a newer Hanse; StorageFull on a full disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reserve = path.with_name("reserve")
        self._lock = threading.RLock()
        try:
            self._open()
        except StorageFull:
            if not self.give_up_reserve():
                raise
            self._open()
        self._keep_reserve()

    def _open(self) -> None:
        with self._errors():
            self._base = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._base.close()
                raise

    def _keep_reserve(self) -> None:
        """Make the reserve if it is gone and there is much room again."""
        with suppress(OSError):
            disk = os.statvfs(self._path.parent)
            if disk.f_bavail * disk.f_frsize < _ROOMY_BYTES or self._reserve.exists():
                return
            file = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                os.write(file, bytes(RESERVE_BYTES))
            finally:
                os.close(file)

    def give_up_reserve(self) -> bool:
        """Give the reserve's room to whoever needs it; tell whether there was any."""
        with suppress(OSError):
            self._reserve.unlink()
            return True
        return False

    def _prepare(self) -> None:
        version = self._base.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StorageError(
                f"{self._path} was written by a newer Hanse (version {version}; this one knows {SCHEMA_VERSION})",
                hint="update Hanse, or name another folder with --store",
            )
        if version < SCHEMA_VERSION:
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.executescript(_TABLES)
        self._base.execute("PRAGMA synchronous = NORMAL")

    def rows(self, sql: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query; raises StorageError."""
        with self._lock, self._errors():
            return self._base.execute(sql, given).fetchall()

    def write(self, sql: str, given: Sequence[Any] = (), *, flushed: bool = False) -> int:
        """Run one statement and return how many rows it changed; raises as `transaction`."""
        try:
            return self._write(sql, given, flushed=flushed)
        except StorageFull:
            if not self.give_up_reserve():
                raise
            return self._write(sql, given, flushed=flushed)

    def write_all(self, statements: Sequence[tuple[str, Sequence[Sequence[Any]]]], *, flushed: bool = False) -> None:
        """Run statements, each once with every one of its rows of values, in one transaction; raises as `transaction`."""
        try:
            self._write_all(statements, flushed=flushed)
        except StorageFull:
            if not self.give_up_reserve():
                raise
            self._write_all(statements, flushed=flushed)

    def _write_all(self, statements: Sequence[tuple[str, Sequence[Sequence[Any]]]], *, flushed: bool) -> None:
        with self.transaction(flushed=flushed) as base:
            for sql, rows in statements:
                base.executemany(sql, rows)

    def _write(self, sql: str, given: Sequence[Any], *, flushed: bool) -> int:
        if flushed:
            with self.transaction(flushed=True) as base:
                return base.execute(sql, given).rowcount
        with self._lock, self._errors():  # one statement is a transaction of its own
            return self._base.execute(sql, given).rowcount

    @contextmanager
    def transaction(self, *, flushed: bool = False, undo: Callable[[], None] = lambda: None) -> Iterator[sqlite3.Connection]:
        """Write in one transaction, which no other process's overlaps; taken back if the block raises.

        flushed: on disk before this returns; undo: takes back what else the block did, before others can write. Raises Busy if
        another process writes for more than BUSY_SECONDS, StorageFull, StorageError.
        """
        with self._lock, self._errors():
            if flushed:
                self._base.execute("PRAGMA synchronous = FULL")
            try:
                self._base.execute("BEGIN IMMEDIATE")
                try:
                    yield self._base
                    self._base.execute("COMMIT")
                except BaseException:
                    undo()
                    if self._base.in_transaction:
                        self._base.execute("ROLLBACK")
                    raise
            finally:
                if flushed:
                    self._base.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        """Close the file; idempotent."""
        with self._lock:
            self._base.close()

    def _errors(self) -> AbstractContextManager[None]:
        return _errors(self._path)


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Busy(f"another process writes to {path} all the time", hint="try again in a moment") from error
        kind = StorageFull if error.sqlite_errorcode in _FULL else StorageError
        theirs = error.sqlite_errorcode & 0xFF in _NOT_OURS
        must = "its files must be yours to write" if theirs else "free space where it is"
        # Clients of a node are told, too: not where its store is.
        raise kind(
            f"cannot use the store's {path.name}: {error}",
            hint=f"{must} (HANSE_STORE, else held in HANSE_HOME), or name another store with --store",
        ) from error
    except sqlite3.DatabaseError as error:
        raise StorageError(
            f"{path} is damaged: {error}",
            hint="move the store's folder aside; what is pinned at first use, and files, are then had anew",
        ) from error
