"""Files, their holders and accepted shards."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from hanse.db import blobs, repos
from hanse.db.batch import BATCH
from hanse.db.blobs import NewFile
from hanse.db.engine import Database
from hanse.db.schema import files
from hanse.db.schema import repos as repos_table
from hanse.model.digest import Sha256, XetHash
from hanse.model.repo import Origin, RepoId, RepoType, Visibility

PUBLIC = repos_table.c.visibility == "public"


def _file(number: int, terms: bytes | None = b"terms") -> NewFile:
    return NewFile(XetHash(f"{number:064x}"), Sha256(f"{number:063x}f"), 10 * number, terms, 1)


@pytest.fixture(name="repos_of")
def _repos_of(database: Database) -> tuple[int, int]:
    """Return the ids of a public and a private repository."""
    made = []
    with database.write() as conn:
        for name, visibility in (("open", Visibility.PUBLIC), ("closed", Visibility.PRIVATE)):
            repo = RepoId(Origin("o"), RepoType.MODEL, "a", name)
            made.append(repos.create(conn, repo, visibility=visibility, salt=None, creator_id=None, now=1))
    return made[0], made[1]


def test_files_are_found_through_their_holders_only(database: Database, repos_of: tuple[int, int]) -> None:
    """A scope sees what its repositories hold, by content and by file hash, and nothing else."""
    open_repo, closed_repo = repos_of
    with database.write() as conn:
        rows = blobs.insert_files(conn, [_file(1), _file(2)], 5)
        blobs.link_files(conn, open_repo, [rows[_file(1).xet].id], None, 5)
        blobs.link_files(conn, closed_repo, [rows[_file(2).xet].id], None, 5)
        digests, hashes = [_file(1).sha256, _file(2).sha256], [_file(1).xet, _file(2).xet]
        assert list(blobs.find_by_sha256(conn, open_repo, digests)) == digests[:1]
        assert list(blobs.find_by_sha256(conn, PUBLIC, digests)) == digests[:1]
        assert list(blobs.find_by_xet(conn, closed_repo, hashes)) == hashes[1:]
        assert set(blobs.get_by_sha256(conn, digests)) == set(digests)
        assert set(blobs.get_by_xet(conn, hashes, keep=True)) == set(hashes)


def test_erased_files_are_not_found(database: Database, repos_of: tuple[int, int]) -> None:
    """An erased file does not exist for any scope until it is sent again."""
    with database.write() as conn:
        row = blobs.insert_files(conn, [_file(1)], 5)[_file(1).xet]
        blobs.link_files(conn, repos_of[0], [row.id], None, 5)
        conn.execute(update(files).values(erased=True))
        assert blobs.find_by_xet(conn, repos_of[0], [row.xet]) == {}
        assert blobs.get_by_xet(conn, [row.xet])[row.xet].erased
        blobs.insert_files(conn, [_file(1, b"other terms")], 6)
        assert blobs.find_by_xet(conn, repos_of[0], [row.xet])[row.xet].terms == b"other terms"


def test_terms_are_kept_once_given(database: Database) -> None:
    """A file stored whole gains terms; terms that are there are never replaced."""
    with database.write() as conn:
        assert blobs.insert_files(conn, [_file(1, None)], 5)[_file(1).xet].terms is None
        assert blobs.insert_files(conn, [_file(1, b"first")], 5)[_file(1).xet].terms == b"first"
        assert blobs.insert_files(conn, [_file(1, b"second")], 5)[_file(1).xet].terms == b"first"
        assert blobs.insert_files(conn, [_file(1, None)], 5)[_file(1).xet].terms == b"first"


def test_states_of_held_files(database: Database, repos_of: tuple[int, int]) -> None:
    """Sending a file again revives a retired one and leaves a live one live."""
    repo = repos_of[0]
    with database.write() as conn:
        ids = sorted(row.id for row in blobs.insert_files(conn, [_file(1), _file(2)], 5).values())
        blobs.link_files(conn, repo, ids, None, 5)
        blobs.set_file_state(conn, repo, ids[:1], "live")
        blobs.set_file_state(conn, repo, ids[1:], "retired")
        assert blobs.file_states(conn, repo, ids) == {ids[0]: "live", ids[1]: "retired"}
        blobs.link_files(conn, repo, ids, None, 6)
        assert blobs.file_states(conn, repo, ids) == {ids[0]: "live", ids[1]: "staged"}


def test_more_files_than_a_statement_may_name(database: Database, repos_of: tuple[int, int]) -> None:
    """Batches of any size work, and a walk in pages sees each file once."""
    many = [_file(number) for number in range(1, 2 * BATCH + 3)]
    with database.write() as conn:
        rows = blobs.insert_files(conn, many, 5)
        blobs.link_files(conn, repos_of[0], [row.id for row in rows.values()], None, 5)
        assert len(blobs.find_by_sha256(conn, repos_of[0], [file.sha256 for file in many])) == len(many)
        page = blobs.all_files(conn, 0, BATCH)
        rest = blobs.all_files(conn, page[-1].id, 10 * BATCH)
    assert [row.xet for row in (*page, *rest)] == [file.xet for file in many]


def test_shards_are_accepted_per_repository(database: Database, repos_of: tuple[int, int]) -> None:
    """That one repository took a shard says nothing about another."""
    digest = Sha256("a" * 64)
    with database.write() as conn:
        blobs.insert_shard(conn, repos_of[0], digest, 5)
        blobs.insert_shard(conn, repos_of[0], digest, 6)
        assert blobs.shard_accepted(conn, repos_of[0], digest)
        assert not blobs.shard_accepted(conn, repos_of[1], digest)
