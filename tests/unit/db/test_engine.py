"""Transactions, durability settings and error mapping of the catalogue's database, on both systems."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from hanse.db import engine
from hanse.db.engine import Database, database_errors, refuse_network, sqlite_url
from hanse.db.schema import node_state, repo_tags
from hanse.errors import BadSetting, Busy, StorageError, StorageFull


def _put(connection: Connection, key: str, value: str = "x") -> None:
    connection.execute(insert(node_state).values(key=key, value=value))


def _fill(database: Database, *keys: str, fail: bool = False) -> None:
    with database.write() as connection:
        for key in keys:
            _put(connection, key)
        if fail:
            raise KeyError


def _keys(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(select(node_state.c.key).order_by(node_state.c.key)))


def test_write_commits(database: Database) -> None:
    """A write block that ends normally is committed."""
    with database.write() as connection:
        _put(connection, "a")
    assert _keys(database) == ["a"]


def test_write_rolls_back(database: Database) -> None:
    """A write block that raises leaves nothing."""
    with pytest.raises(KeyError):
        _fill(database, "a", fail=True)
    assert _keys(database) == []


def test_read_cannot_write(database: Database) -> None:
    """A read block refuses to change anything."""
    with pytest.raises(StorageError), database.read() as connection:
        _put(connection, "a")
    assert _keys(database) == []


def test_read_is_one_snapshot(database: Database) -> None:
    """A read block does not see what is committed after its first statement."""
    with database.read() as connection:
        before = connection.scalars(select(node_state.c.key)).all()
        with database.write() as other:
            _put(other, "a")
        assert connection.scalars(select(node_state.c.key)).all() == before
    assert _keys(database) == ["a"]


def test_constraint_violation_is_the_callers(database: Database) -> None:
    """A broken unique key comes out as SQLAlchemy's IntegrityError and rolls back."""
    with pytest.raises(IntegrityError):
        _fill(database, "a", "a")
    assert _keys(database) == []


def test_foreign_keys_hold(database: Database) -> None:
    """A row that refers to a repository that does not exist is refused on both systems."""
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(repo_tags).values(tag="t", repo_id=4711))


def test_concurrent_writers_lose_nothing(database: Database) -> None:
    """Forty threads that add to one counter lose no addition."""
    with database.write() as connection:
        _put(connection, "n", "0")

    def add(_number: int) -> None:
        with database.write() as connection:
            wanted = select(node_state.c.value).where(node_state.c.key == "n").with_for_update()
            count = int(connection.execute(wanted).scalar_one())
            connection.execute(update(node_state).where(node_state.c.key == "n").values(value=str(count + 1)))

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(add, range(80)))
    with database.read() as connection:
        assert connection.execute(select(node_state.c.value)).scalar_one() == "80"


def test_waiting_too_long_is_busy(database_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a row lock longer than allowed is told to try again."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 1)
    first, second = Database(database_url), Database(database_url)
    with first.write() as connection:
        _put(connection, "a")
        with pytest.raises(Busy), second.write() as other:
            _put(other, "a")
    first.close()
    second.close()


def test_migrating_twice_at_once(tmp_path: Path) -> None:
    """Several that start on a fresh SQLite file all succeed and migrate it once."""
    _migrate_together(lambda: sqlite_url(tmp_path / "fresh.db"))


def test_migrating_twice_at_once_postgresql(postgres_url: URL) -> None:
    """Several that start on a fresh PostgreSQL database all succeed and migrate it once."""
    admin = Database(postgres_url)
    with admin.write() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    admin.close()
    _migrate_together(lambda: postgres_url)


def _migrate_together(url: Callable[[], URL]) -> None:
    barrier = threading.Barrier(4)

    def run(_number: int) -> list[str]:
        barrier.wait()
        database = Database(url())
        database.migrate()
        keys = _keys(database)
        database.close()
        return keys

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(4))) == [[]] * 4


def test_sqlite_settings(sqlite_url: URL) -> None:
    """SQLite runs with a write-ahead log, full syncs and a file that only its owner can read."""
    database = Database(sqlite_url)
    with database.write() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        _put(connection, "a")
    path = Path(str(sqlite_url.database))
    for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    database.close()


def test_plans_are_made_for_values(postgres_url: URL) -> None:
    """PostgreSQL never keeps a plan made for the average value: tags and fragments hold for one repository or for all."""
    database = Database(postgres_url)
    for context in (database.read, database.write):
        with context() as connection:
            assert connection.exec_driver_sql("SHOW plan_cache_mode").scalar_one() == "force_custom_plan"
    database.close()


@pytest.mark.parametrize("text", ["postgresql://u@h/d", "postgres://u@h/d", "postgresql+psycopg://u@h/d"])
def test_postgresql_urls(text: str) -> None:
    """Every spelling of a PostgreSQL URL ends at the same driver."""
    database = Database(text)
    assert (database.dialect, database.url.drivername) == ("postgresql", "postgresql+psycopg")
    database.close()


@pytest.mark.parametrize(
    "text", ["", "nonsense", "mysql://u:secret@h/d", "sqlite://", "sqlite:///:memory:", "postgresql+asyncpg://h/d"]
)
def test_other_urls_are_refused(text: str) -> None:
    """Another database, or one that is gone with the process, is a bad setting; passwords are not repeated."""
    with pytest.raises(BadSetting) as refusal:
        Database(text)
    assert "secret" not in str(refusal.value)
    assert "postgresql://" in refusal.value.hint


def test_unreachable_server() -> None:
    """A server that is not there is a StorageError."""
    database = Database("postgresql://hanse@/x?host=/nonexistent")
    with pytest.raises(StorageError), database.read():
        pass
    database.close()


def test_file_that_is_no_database(tmp_path: Path) -> None:
    """A file with other content is refused and left as it is."""
    path = tmp_path / "x.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match="not a database"):
        Database(sqlite_url(path))
    assert path.read_bytes() == b"no database" * 1000


def test_full_disk_is_storage_full(sqlite_url: URL) -> None:
    """A database that cannot grow any more says StorageFull and keeps what it had."""
    database = Database(sqlite_url)
    with database.write() as connection:
        _put(connection, "a")
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(StorageFull), database.write() as connection:
        _put(connection, "b", "x" * 10_000_000)
    assert _keys(database) == ["a"]
    database.close()


def test_a_disk_with_nothing_left_is_full() -> None:
    """Where even the file that processes share has no room, SQLite speaks of an I/O error: that is a full disk as well."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    with pytest.raises(StorageFull), database_errors():
        raise OperationalError("SELECT 1", None, error)


def test_network_file_system_is_refused(tmp_path: Path) -> None:
    """SQLite on a network file system is refused with both ways out."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"36 35 98:0 / {tmp_path} rw,noatime shared:1 - nfs4 server:/x rw\n")
    with pytest.raises(BadSetting, match="nfs4") as refusal:
        refuse_network(tmp_path / "hanse.db", mounts)
    assert "--database postgresql://" in refusal.value.hint
    assert "--data" in refusal.value.hint
    refuse_network(tmp_path / "hanse.db", tmp_path / "no mountinfo here")


def test_raw_sqlite_errors_are_translated(tmp_path: Path) -> None:
    """A folder in place of the file is a StorageError."""
    (tmp_path / "x.db").mkdir()
    with pytest.raises(StorageError) as refusal:
        Database(sqlite_url(tmp_path / "x.db"))
    assert isinstance(refusal.value.__cause__, OSError | sqlite3.Error)
