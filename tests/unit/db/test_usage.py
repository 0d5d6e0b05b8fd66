"""What a repository holds and is charged for."""

from __future__ import annotations

import pytest
from sqlalchemy import URL, select, text

from hanse.content.terms import Term, encode_terms
from hanse.db import accounts, blobs, garbage, lfs, repos, usage, xorbs
from hanse.db.blobs import FileRow, NewFile
from hanse.db.engine import Database
from hanse.db.lfs import LfsUpload
from hanse.db.schema import repo_files, repo_xorbs
from hanse.db.xorbs import NewXorb
from hanse.model.digest import Sha256, XetHash
from hanse.model.repo import Origin, RepoId, RepoType, Visibility


@pytest.fixture(name="held")
def _held(database: Database) -> tuple[int, list[FileRow]]:
    """Return a repository and two files of 10 and 20 bytes that nobody holds, the second in a xorb."""
    xorb = XetHash("c" * 64)
    with database.write() as conn:
        repo_id = RepoId(Origin("hub.example.org"), RepoType.MODEL, "a", "b")
        made = repos.create(conn, repo_id, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=5)
        xorbs.insert_xorbs(conn, [NewXorb(xorb, 30, 20, 1)], 1)
        terms = encode_terms([Term(xorb, 0, 1, 20)])
        new = [
            NewFile(XetHash(a * 64), Sha256(a * 64), size, packed, 1) for a, size, packed in (("a", 10, None), ("b", 20, terms))
        ]
        return made, list(blobs.insert_files(conn, new, 1).values())


def _used(database: Database, repo: int) -> int:
    with database.read() as conn:
        found = repos.get(conn, repo)
    assert found is not None
    return found.used_bytes


def test_charged_once(database: Database, held: tuple[int, list[FileRow]]) -> None:
    """A file is charged by the first commit that names it, staged before or not, and by no later one."""
    repo, rows = held
    with database.write() as conn:
        blobs.link_files(conn, repo, [rows[0].id], None, 1)
    assert _used(database, repo) == 0
    with database.write() as conn:
        assert usage.hold(conn, repo, rows, None, 2).added == 30
        assert usage.hold(conn, repo, [*rows, rows[0]], None, 3) == usage.Holding(0, ())
        assert usage.hold(conn, repo, [], None, 3) == usage.Holding(0, ())
        assert set(blobs.file_states(conn, repo, [row.id for row in rows]).values()) == {"live"}
        assert len(conn.execute(select(repo_xorbs)).all()) == 1
        blobs.set_file_state(conn, repo, [rows[1].id], "retired")
        assert usage.hold(conn, repo, rows, None, 4).added == 0
    assert _used(database, repo) == 30
    with database.write() as conn:
        conn.execute(repo_files.delete().where(repo_files.c.file_id == rows[1].id))
        assert usage.recount(conn, repo) == 10


def test_removed_bytes_are_noticed(database: Database, held: tuple[int, list[FileRow]]) -> None:
    """Holding a file whose bytes were removed meanwhile says so."""
    repo, rows = held
    with database.write() as conn:
        garbage.mark_erased(conn, [rows[1].id])
        assert [row.id for row in usage.hold(conn, repo, rows, None, 2).gone] == [rows[1].id]


def test_staged_is_counted_until_it_is_old_or_committed(database: Database, held: tuple[int, list[FileRow]]) -> None:
    """Uploads count for namespace and account from when they were last sent; commits and other namespaces take them out."""
    repo, rows = held
    with database.write() as conn:
        account = accounts.insert_account(conn, "bob", "user", 1).id
        blobs.link_files(conn, repo, [row.id for row in rows], account, 10)
        where = Origin("hub.example.org"), "A"
        assert usage.staged_bytes(conn, *where, since=10, now=10) == 30
        assert usage.staged_bytes(conn, *where, since=11, now=11) == 0
        assert usage.staged_bytes(conn, Origin("other.example.org"), "a", since=0, now=10) == 0
        assert usage.account_staged_bytes(conn, account, [], since=10, now=10) == 30
        assert usage.account_staged_bytes(conn, account, ["a"], since=10, now=10) == 0
        assert usage.missing_bytes(conn, repo, rows, 11) == 30
        blobs.link_files(conn, repo, [rows[0].id], account, 12)
        blobs.link_files(conn, repo, [rows[1].id], None, 12)
        assert usage.missing_bytes(conn, repo, rows, 11) == 20
        assert usage.hold(conn, repo, rows[:1], account, 13).fresh == 0
        assert usage.staged_bytes(conn, *where, since=0, now=13) == 20


def test_uploads_in_parts_are_staged(database: Database, held: tuple[int, list[FileRow]]) -> None:
    """An upload in parts counts at its whole size until it expires, and is known by its content."""
    repo, _ = held
    digest = Sha256("d" * 64)
    with database.write() as conn:
        account = accounts.insert_account(conn, "bob", "user", 1).id
        lfs.add(conn, LfsUpload("e" * 32, repo, account, digest, 70, 50, 100))
        for now, size in ((99, 70), (100, 0)):
            assert usage.staged_bytes(conn, Origin("hub.example.org"), "a", since=0, now=now) == size
            assert usage.account_staged_bytes(conn, account, [], since=0, now=now) == size
            assert lfs.under_way(conn, repo, account, [digest], now) == ({digest} if size else set())


def test_the_index_serves(sqlite_url: URL) -> None:
    """Staged files are found without reading what a repository holds."""
    database = Database(sqlite_url)
    with database.read() as conn:
        query = "SELECT file_id FROM repo_files WHERE repo_id = 1 AND added_at > 5 AND repo_files.state = 'staged'"
        plan = conn.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()
    database.close()
    assert "ix_repo_files_staged" in str(plan)
