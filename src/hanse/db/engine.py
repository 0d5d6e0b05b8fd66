"""The catalogue's database: one SQLite file or a PostgreSQL server, behind the same two context managers.

`read()` is one consistent snapshot that cannot write. `write()` is one transaction: committed when the block ends, rolled
back when it raises. On SQLite writers come one after another (BEGIN IMMEDIATE, and one writing connection per process); on
PostgreSQL they run side by side at READ COMMITTED, so a flow that reads and then writes must lock what it read
(SELECT … FOR UPDATE, a unique key, or a compare-and-swap in the WHERE clause). A commit survives power loss.

Failures of the database come out as StorageError, StorageFull or Busy; a violated constraint comes out as SQLAlchemy's
IntegrityError for the caller to translate, as only he knows what it means.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DataError, InterfaceError, ProgrammingError
from sqlalchemy.exc import IntegrityError as ConstraintError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hanse.db.migrate import is_newest, migrate
from hanse.db.netfs import network_type
from hanse.errors import BadSetting, Busy, StorageError, StorageFull

BUSY_SECONDS = 30
_BUSY_STATES = frozenset({"40001", "40P01", "53300", "55P03", "57014"})  # PostgreSQL, appendix A of its manual
_MOUNTINFO = Path("/proc/self/mountinfo")


def sqlite_url(path: Path) -> URL:
    """Return the URL of the SQLite database in the file `path`."""
    return URL.create("sqlite", database=str(path))


class Database:
    """Connections to the catalogue, shared by all threads of a process.

    url: `sqlite:///PATH` or `postgresql://USER@HOST/NAME` (`postgres://` and `postgresql+psycopg://` are the same); pool:
    connections a process keeps to PostgreSQL, and as many again under load. Raises BadSetting for another kind of database
    and for a SQLite file on a network file system; StorageError if a SQLite file cannot be opened.
    """

    def __init__(self, url: str | URL, *, pool: int = 10) -> None:
        target = _parse(url)
        self.url = target
        self.dialect = target.get_backend_name()
        if self.dialect == "sqlite":
            self._writer, self._reader = _open_sqlite(target)
        else:
            self._writer = _open_postgresql(target, pool)
            self._reader = self._writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one snapshot and cannot write; raises StorageError or Busy."""
        with database_errors(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection in one transaction, committed at the end of the block unless it raises.

        Never open a second one inside it. Raises StorageError, StorageFull, or Busy after 30 s of waiting for a lock.
        """
        with database_errors(), self._writer.begin() as connection:
            yield connection

    def migrate(self) -> None:
        """Bring the tables up to this version; several processes may do so at once. Raises StorageError or Busy."""
        with self.write() as connection:
            migrate(connection)

    def is_newest(self) -> bool:
        """Tell whether the tables are those of this version; raises StorageError or Busy."""
        with self.read() as connection:
            return is_newest(connection)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._reader.dispose()
        self._writer.dispose()


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn failures of the database in the block into StorageError, StorageFull or Busy; others pass unchanged."""
    try:
        yield
    except PoolTimeout as error:
        raise _busy("no free connection") from error
    except (ConstraintError, DataError, ProgrammingError):
        raise
    except (DatabaseError, InterfaceError) as error:
        raise _translate(error.orig) from error


def _translate(error: BaseException | None) -> StorageError:
    extended = getattr(error, "sqlite_errorcode", 0)
    code = extended & 0xFF  # extended codes keep the primary one in the low byte
    state = str(getattr(error, "sqlstate", None) or "")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} or state in _BUSY_STATES:
        return _busy(str(error))
    # A disk on which nothing is left has no room for the file that processes share, either.
    if code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_SHMSIZE or state == "53100":
        return StorageFull("the catalogue's disk is full", hint="free space where the database lies, then send the request again")
    return StorageError(f"the catalogue failed: {error}", hint="is the database server up, and its disk healthy?")


def _busy(why: str) -> Busy:
    return Busy(f"the catalogue did not answer in {BUSY_SECONDS} s: {why}", hint="send the same request again")


def _parse(url: str | URL) -> URL:
    try:
        target = make_url(url)
    except ArgumentError as error:
        raise BadSetting("the database setting is not a URL", hint="use postgresql://USER@HOST/NAME or sqlite:///PATH") from error
    if target.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return target.set(drivername="postgresql+psycopg")
    if target.drivername == "sqlite" and target.database not in (None, "", ":memory:"):
        return target
    raise BadSetting(
        f"{target.render_as_string()[:120]!r} is no database that Hanse can use",
        hint="use postgresql://USER@HOST/NAME, or sqlite:///PATH of a file",
    )


def _open_postgresql(url: URL, pool: int) -> Engine:
    """Return an engine whose connections wait at most 30 s for a lock and plan each statement for its values.

    Connections that died are replaced.
    """
    engine = create_engine(url, pool_size=pool, max_overflow=pool, pool_timeout=BUSY_SECONDS, pool_pre_ping=True)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
        # A tag or fragment holds for one repository or for all: a plan made for the average serves neither.
        connection.execute("SET plan_cache_mode = force_custom_plan")
        connection.commit()

    return engine


def _open_sqlite(url: URL) -> tuple[Engine, Engine]:
    """Return (writer, reader) engines of a SQLite file.

    The writer's single connection lets the threads of a process wait in turn instead of polling the file's lock.
    """
    path = Path(str(url.database)).absolute()
    refuse_network(path)
    _prepare(path)
    writer = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=BUSY_SECONDS)
    reader = create_engine(url, pool_size=8, max_overflow=56, pool_timeout=BUSY_SECONDS)
    _configure_sqlite(writer, "BEGIN IMMEDIATE", query_only=False)
    _configure_sqlite(reader, "BEGIN", query_only=True)
    return writer, reader


def _configure_sqlite(engine: Engine, begin: str, *, query_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in (
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_SECONDS * 1000}",
            f"query_only={query_only:d}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def refuse_network(path: Path, mountinfo: Path = _MOUNTINFO) -> None:
    """Raise BadSetting if a SQLite file at `path` would lie on a network file system; its folder must exist.

    SQLite's write-ahead log needs shared memory between all its users, which no network file system gives; the file would
    be corrupted sooner or later (sqlite.org/wal.html, "Disadvantages").
    """
    try:
        mounts = mountinfo.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return  # not Linux, or no /proc: nothing is known
    kind = network_type(path.parent.resolve(), mounts)
    if kind is not None:
        raise BadSetting(
            f"{path} lies on a network file system ({kind}), where SQLite's write-ahead log is not safe",
            hint="use --database postgresql://USER@HOST/NAME, or choose a --data directory on a local disk",
        )


def _prepare(path: Path) -> None:
    """Create the file readable by its owner only, and switch it to write-ahead logging, which it keeps.

    The switch needs the file for itself for a moment, and SQLite does not wait for that: two processes that start together
    try again.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            path.chmod(0o600)
            with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
                (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except OSError as error:
            raise StorageError(f"cannot open the catalogue {path}: {error.strerror}") from error
        except sqlite3.Error as error:
            failure = _translate(error)
            if not isinstance(failure, Busy) or time.monotonic() > deadline:
                raise failure from error
            time.sleep(0.05)
            continue
        if mode != "wal":
            raise BadSetting(f"{path} cannot use write-ahead logging", hint="choose a --data directory on a local disk")
        return
