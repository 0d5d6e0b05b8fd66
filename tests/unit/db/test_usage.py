"""What a repository holds and is charged for."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from hanse.content.terms import Term, encode_terms
from hanse.db import blobs, garbage, repos, usage, xorbs
from hanse.db.blobs import FileRow, NewFile
from hanse.db.engine import Database
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
