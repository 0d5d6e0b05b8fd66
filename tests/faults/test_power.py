"""Power cuts: nothing that was acknowledged is lost, and no bytes that may be lost are taken for verified ones."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.held import hold, pin_of, sha256_of
from tests.support.nodes import add_user, commit, make_node, new_repo, running
from tests.support.ports import own_port
from tests.support.power import Disk
from tests.support.pull_person import FILES, NAME, Person

from hanse.conform.origin import HubOrigin
from hanse.db.engine import Database, sqlite_url
from hanse.errors import StorageError
from hanse.flows.operations import PutBytes
from hanse.store.held import Held


@pytest.fixture(name="person")
def _person(tmp_path: Path) -> Iterator[Person]:
    with HubOrigin({NAME: FILES}, port=own_port()) as origin:
        (tmp_path / "person").mkdir()
        yield Person(tmp_path / "person", origin.url)


@pytest.fixture(name="disk")
def _disk(person: Person, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Yield the disk of that person, who at no time believes in bytes that a power cut might take."""
    wrong, disk = set[Path](), Disk(monkeypatch)
    disk.watch = lambda: wrong.update(one for one in _believed(person.home / "held") if disk.unwritten(one))
    yield disk
    assert wrong == set()


def _believed(store: Path) -> list[Path]:
    """Return the files whose bytes a store takes for verified."""
    with closing(sqlite3.connect(store / "index.sqlite3" if store.exists() else ":memory:")) as base:
        made = base.execute("SELECT 1 FROM sqlite_master WHERE name = 'copies'").fetchone()
        return [store / os.fsdecode(path) for (path,) in base.execute("SELECT path FROM copies")] if made else []


@pytest.mark.parametrize("to", [None, "sub/folder"])
def test_pulled_files(person: Person, disk: Disk, to: str | None) -> None:
    """Of a revision that was pulled nothing can be lost but the notes of clients, which do without them; nor its receipt."""
    folder = None if to is None else person.folder / to
    person.pull(to=folder)
    assert {one for one in disk.at_risk(folder or person.cache) if not one.startswith(".cache")} == set()
    assert {one for one in disk.at_risk(person.home) if not one.startswith("held/")} == set()


def test_files_that_were_there(person: Person, disk: Disk) -> None:
    """What another program wrote just now is on disk before it is believed because it was hashed."""
    for path, data in FILES.items():
        (person.folder / "out" / path).parent.mkdir(parents=True, exist_ok=True)
        (person.folder / "out" / path).write_bytes(data)
    person.pull(to=person.folder / "out")
    assert len(_believed(person.home / "held")) == len(FILES)


def test_held_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is held stays, with its name; so do records and pins, and what a pinned revision has."""
    disk, flushed = Disk(monkeypatch), list[bool]()
    with Held.open(tmp_path / "held") as held:
        large = hold(held, b"large" * 100_000)
        with held.batch(5) as batch:
            batch.add(b"small", sha256_of(b"small"), None, None)
            small = batch.commit()[sha256_of(b"small")]
        risk = disk.at_risk(tmp_path / "held")
        assert not risk & {one.path.relative_to(tmp_path / "held").as_posix() for one in (large, small)}
        assert not risk & {".", "files", *(f"files/{one.sha256[:2]}" for one in (large, small))}
        held._index._base.set_trace_callback(lambda sql: flushed.append("FULL" in sql) if "synchronous" in sql else None)
        held.put("names", "x", b"first seen", 0)
        held.pin("o/n/m@r")
        held.use("o/n/m@r", "a.bin", large.sha256)
    assert flushed == [True, False] * 3


def test_a_flush_that_failed_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails once may have dropped what a second flush says is there: all of the file is fetched again."""
    data, real = b"x" * 1000, os.fsync

    def fails(_: int) -> None:
        monkeypatch.setattr(os, "fsync", real)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with Held.open(tmp_path / "held") as held:
        pin = pin_of(data)
        with held.begin(pin) as partial:
            partial.write(0, data)
            partial.mark(0, 1000)
            partial.flush()
            monkeypatch.setattr(os, "fsync", fails)
            with pytest.raises(StorageError, match="Input/output"):
                partial.commit(sha256_of(data), pin.xet, pin.git_oid)
        with held.begin(pin) as partial:
            assert partial.done == []


def test_published_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every object of a revision is on disk under its name when it is said to be published, and so are the node's keys."""
    disk = Disk(monkeypatch)
    with closing(Database(sqlite_url(tmp_path / "hanse.db"))) as database:
        database.migrate()
        with running(make_node(database, tmp_path / "data" / "objects")) as node:
            alice = add_user(node, "alice")
            commit(node, alice, new_repo(node, alice, "alice/m"), PutBytes("a.txt", b"one"), PutBytes("d/b.bin", b"2" * 100_000))
            assert len(list(node.store.list(""))) > 3
            # What the log's own thread is writing at this moment, such as a snapshot of all refs, nobody was told of.
            risk = disk.at_risk(tmp_path / "data" / "objects")
            assert {one for one in risk if not one.startswith("log")} == set()
    assert disk.at_risk(tmp_path / "data" / "objects") == disk.at_risk(tmp_path / "data" / "objects-node") == set()
