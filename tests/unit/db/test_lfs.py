"""Rows of multipart uploads and of large files, on both catalogues."""

from __future__ import annotations

from dataclasses import replace

from hanse.db import accounts, blobs, lfs, repos
from hanse.db.blobs import NewFile
from hanse.db.engine import Database
from hanse.db.lfs import LfsUpload
from hanse.model.digest import Sha256, XetHash
from hanse.model.repo import Origin, RepoId, RepoType, Visibility

UPLOAD = LfsUpload("ab" * 16, 1, 1, Sha256("cd" * 32), 250, 100, 1000)


def test_parts() -> None:
    """Only the last part is shorter."""
    assert UPLOAD.parts == 3
    assert [UPLOAD.part_length(number) for number in (1, 2, 3)] == [100, 100, 50]
    assert replace(UPLOAD, size=200).parts == 2


def _repo(database: Database) -> tuple[int, int]:
    with database.write() as conn:
        account = accounts.insert_account(conn, "ada", "user", 1).id
        name = RepoId(Origin("o.example"), RepoType.MODEL, "x", "y")
        repo = repos.create(conn, name, visibility=Visibility.PUBLIC, salt=None, creator_id=account, now=1)
    return account, repo


def test_uploads(database: Database) -> None:
    """The same upload is found again, others are not, and expired ones are listed."""
    account, repo = _repo(database)
    upload = replace(UPLOAD, account_id=account, repo_id=repo)
    with database.write() as conn:
        lfs.add(conn, upload)
        assert lfs.find(conn, upload.id) == upload
        assert lfs.find_same(conn, replace(upload, id="x", expires_at=5)) == upload
        assert lfs.find_same(conn, replace(upload, size=251)) is None
        assert lfs.expired(conn, 1000, 5) == []
        assert lfs.expired(conn, 1001, 5) == [upload]
        lfs.extend(conn, upload.id, 2000)
        assert lfs.expired(conn, 1001, 5) == []
        lfs.remove(conn, upload.id)
        assert lfs.find(conn, upload.id) is None


def test_large_files(database: Database) -> None:
    """Files with terms that commits name or named are large; small, staged and erased ones do not appear."""
    _, repo = _repo(database)
    names = {"live": b"t", "retired": b"t", "staged": b"t", "small": None}
    with database.write() as conn:
        new = [NewFile(XetHash(f"{at:064x}"), Sha256(f"{at:064x}"), at, terms, 1) for at, terms in enumerate(names.values(), 1)]
        rows = list(blobs.insert_files(conn, new, 1).values())
        blobs.link_files(conn, repo, [row.id for row in rows], None, 9)
        for row, state in zip(sorted(rows, key=lambda row: row.size), ("live", "retired", "staged", "live"), strict=True):
            blobs.set_file_state(conn, repo, [row.id], state)
        found = lfs.held_files(conn, repo, after=0, limit=10)
        assert [(one.size, one.added_at) for one in found] == [(1, 9), (2, 9)]
        assert lfs.held_files(conn, repo, after=found[0].id, limit=10) == found[1:]
