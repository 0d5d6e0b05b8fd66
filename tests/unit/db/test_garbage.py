"""Queries that decide what may go."""

from __future__ import annotations

import pytest

from hanse.content.terms import Term, encode_terms
from hanse.db import blobs, garbage, repos, xorbs
from hanse.db.blobs import FileRow, NewFile
from hanse.db.engine import Database
from hanse.db.xorbs import NewXorb
from hanse.model.digest import Sha256, XetHash, xet_to_bytes
from hanse.model.repo import Origin, RepoId, RepoType, Visibility

X, Y = XetHash("0123456789abcdef" * 4), XetHash("f" * 64)


@pytest.fixture(name="repo")
def _repo(database: Database) -> int:
    """Return a repository, beside two xorbs."""
    with database.write() as conn:
        repo_id = RepoId(Origin("hub.example.org"), RepoType.MODEL, "a", "b")
        xorbs.insert_xorbs(conn, [NewXorb(one, 30, 20, 5) for one in (X, Y)], 1000)
        return repos.create(conn, repo_id, visibility=Visibility.PRIVATE, salt=bytes(32), creator_id=None, now=5)


def _file(database: Database, letter: str, terms: bytes | None, now: int = 1) -> FileRow:
    with database.write() as conn:
        (row,) = blobs.insert_files(conn, [NewFile(XetHash(letter * 64), Sha256("e" * 64), 9, terms, 1)], now).values()
    return row


def test_unheld_files(database: Database, repo: int) -> None:
    """Only old files that no repository holds may go; their content stays if another file needs the same."""
    one, two, new = _file(database, "1", None), _file(database, "2", None), _file(database, "3", None, 50)
    with database.write() as conn:
        blobs.link_files(conn, repo, [two.id], None, 7)
        assert [row.id for row in garbage.unheld_files(conn, 50, 9)] == [one.id]
        assert [row.id for row in garbage.lock_unheld(conn, [one.id, two.id, new.id], besides=repo)] == [one.id, two.id, new.id]
        assert garbage.whole_files(conn, [one.sha256], [one.id, two.id]) == {one.sha256}
        assert garbage.whole_files(conn, [one.sha256], [one.id, two.id, new.id]) == set()
        assert [(held.file_id, held.state) for held in garbage.held_files(conn, repo)] == [(two.id, "staged")]
        assert (garbage.stale_stagers(conn, 8), garbage.stale_stagers(conn, 7)) == ([repo], [])
        garbage.release_files(conn, repo, [two.id])
        garbage.mark_erased(conn, [one.id])
        assert [row.id for row in garbage.unheld_files(conn, 50, 9)] == [two.id]


def test_xorbs_that_terms_name(database: Database, repo: int) -> None:
    """Terms name a xorb where a name stands, not wherever its bytes appear."""
    named = _file(database, "1", encode_terms([Term(Y, 0, 1, 9), Term(X, 1, 2, 9)]))
    raw = xet_to_bytes(X)
    shifted = raw[4:] + raw[:4]
    _file(
        database,
        "2",
        shifted[:28] + shifted[28:] + (0).to_bytes(4, "little") + (1).to_bytes(4, "little") + (9).to_bytes(4, "little"),
    )
    with database.write() as conn:
        garbage.stop_file_writers(conn)
        assert [row.id for row in garbage.terms_naming(conn, raw)] == [named.id]
        assert garbage.needed_xorbs(conn) == {raw, xet_to_bytes(Y), shifted}
        garbage.set_terms(conn, named.id, encode_terms([Term(Y, 0, 1, 9)]))
        assert garbage.terms_naming(conn, raw) == []
        assert repo


def test_idle_xorbs(database: Database, repo: int) -> None:
    """A xorb is idle when both its arrival and its last mention lie back far enough; dropping it leaves no trace."""
    with database.write() as conn:
        rows = xorbs.get_xorbs(conn, [X, Y])
        xorbs.advertise(conn, [rows[X].id], 10)
        xorbs.link_xorbs(conn, repo, [rows[X].id, rows[Y].id])
        xorbs.insert_chunks(conn, [(bytes(32), rows[Y].id)])
        assert garbage.idle_xorbs(conn, 1000) == []
        assert [name for _, name in garbage.idle_xorbs(conn, 1001)] == [Y]
        assert {name for _, name in garbage.idle_xorbs(conn, 11 * 86400)} == {X, Y}
        assert (sorted(garbage.linked_xorbs(conn, repo)), garbage.xorb_repos(conn, rows[X].id)) == ([X, Y], [repo])
        garbage.drop_xorbs(conn, [rows[Y].id])
        assert list(xorbs.get_xorbs(conn, [X, Y])) == [X]
        assert xorbs.find_chunk(conn, repo, bytes(32), 9) == []


def test_scrubbing(database: Database, repo: int) -> None:
    """An erased repository that was not public keeps its number and nothing that tells what it was."""
    with database.write() as conn:
        blobs.insert_shard(conn, repo, Sha256("5" * 64), 1)
        assert garbage.own_shards(conn, repo) == ["5" * 64]
        assert garbage.deleted_repos(conn, "pending", 6) == [repo]
        assert garbage.count_unsettled(conn, repo) == 0
        garbage.scrub_repo(conn, repo, public=False)
        found = repos.get(conn, repo)
        assert garbage.own_shards(conn, repo) == []
    assert found is not None
    assert (found.state, found.salt, found.repo.path) == ("erased", None, f"/erased-{repo}")
