"""The index: transactions of several processes one after the other, kept whole whatever ends the writer."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from hanse.errors import Busy, StorageError
from hanse.store.held import index as module
from hanse.store.held.index import SCHEMA_VERSION, Index, kept_record

KILLED = """
import os, sys, signal
from pathlib import Path
from hanse.store.held.index import Index
index = Index(Path(sys.argv[1]))
index.write("INSERT INTO pins VALUES ('kept')", flushed=True)
with index.transaction() as base:
    base.execute("INSERT INTO pins VALUES ('lost')")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    """Return where the index is."""
    return tmp_path / "index.sqlite3"


def names(index: Index) -> list[str]:
    """Return what was written."""
    return [row[0] for row in index.rows("SELECT name FROM pins ORDER BY name")]


def test_killed_in_a_transaction(path: Path) -> None:
    """What was committed before a kill is there, what was not is not, and the next process is not hindered."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)], check=False, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert done.returncode == -signal.SIGKILL
    index = Index(path)
    assert names(index) == ["kept"]
    index.write("INSERT INTO pins VALUES ('next')")
    index.close()


def test_an_error_takes_the_block_back(path: Path) -> None:
    """A block that raises has written nothing."""
    index = Index(path)
    with suppress(KeyError), index.transaction() as base:
        base.execute("INSERT INTO pins VALUES ('x')")
        raise KeyError
    assert names(index) == []
    index.close()


def test_threads_and_openings_write_in_turn(path: Path) -> None:
    """Several threads in several openings lose no write."""
    opened = [Index(path) for _ in range(3)]

    def write(number: int) -> None:
        for count in range(10):
            opened[number % 3].write("INSERT INTO pins VALUES (?)", (f"{number}-{count}",))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(opened[0])) == 60
    for one in opened:
        one.close()


def test_a_newer_index_is_left_alone(path: Path) -> None:
    """An index of a later version is refused with what to do, not misread."""
    Index(path).close()
    base = sqlite3.connect(path)
    base.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    base.close()
    with pytest.raises(StorageError, match="newer Hanse"):
        Index(path)


def test_a_writer_that_does_not_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits too long for another process is told that, not that the disk failed."""
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)
    first, second = Index(path), Index(path)
    with first.transaction(), pytest.raises(Busy):
        second.write("INSERT INTO pins VALUES ('x')")
    first.close()
    second.close()


def test_looking_into_a_store(path: Path) -> None:
    """A record is read beside whoever writes; no store is made by it, and a damaged one is an error, never empty."""
    assert kept_record(path.parent, "recalled", "x") is None
    assert not path.exists()
    index = Index(path)
    index.write("INSERT INTO records VALUES ('recalled', 'x', ?, 7)", (b"why",), flushed=True)
    assert kept_record(path.parent, "recalled", "x") == (b"why", 7)
    index.close()
    assert kept_record(path.parent, "recalled", "x") == (b"why", 7)
    assert kept_record(path.parent, "recalled", "y") is None
    path.write_bytes(b"damaged" * 1000)
    with pytest.raises(StorageError, match="is damaged"):
        kept_record(path.parent, "recalled", "x")


def test_an_index_of_somebody_else(path: Path) -> None:
    """Where the index may not be written, the remedy is not more room."""
    index = Index(path)
    index._base.execute("PRAGMA query_only = 1")
    with pytest.raises(StorageError, match="cannot use the store") as caught:
        index.write("INSERT INTO pins VALUES ('x')")
    assert "must be yours to write" in caught.value.hint
    index.close()
