"""Leaves in the log by what they are about."""

from __future__ import annotations

from sqlalchemy import Connection

from hanse.db import leaves, logged, repos, revisions
from hanse.db.engine import Database
from hanse.db.revisions import RefRow
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin, RefName, RepoId, RepoType, Visibility

MAIN, DEV = RefName("refs/heads/main"), RefName("refs/heads/dev")
A, B, C = GitOid("a" * 40), GitOid("b" * 40), GitOid("c" * 40)
HERE = "hub.example.org"


def _repo(conn: Connection) -> int:
    named = RepoId(Origin(HERE), RepoType.MODEL, "alice", "m")
    return repos.create(conn, named, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=0)


def _leaf(conn: Connection, repo: int | None, index: int | None, kind: str = "ref", **ref: object) -> None:
    row: dict[str, object] = {"repo_id": repo, "kind": kind, "leaf": b"%d" % (index or 0), "leaf_hash": "d" * 64}
    leaves.append(conn, row | {"effect": "{}", "created_at": 0, "index": index} | ref)


def test_positions_of_refs(database: Database) -> None:
    """Positions are those of the present chain; leaves that wait are none yet."""
    with database.write() as conn:
        repo = _repo(conn)
        steps = [(0, MAIN, 1, A), (1, MAIN, 2, B), (2, DEV, 1, A), (3, MAIN, 1, B), (4, MAIN, 2, C), (None, MAIN, 3, A)]
        for index, ref, seq, rev in steps:
            _leaf(conn, repo, index, ref=ref, seq=seq, rev=rev, tree="e" * 64)
        _leaf(conn, repo, 9, "attest")
        assert logged.positions(conn, repo, MAIN, 10) == [(2, C), (1, B)]
        assert logged.positions(conn, repo, MAIN, 1) == [(2, C)]
        assert logged.first_logged(conn, repo, [A, B, C, "f" * 40]) == {A: 0, B: 1, C: 4}
        assert [row.index for row in logged.leaves_before(conn, repo, MAIN, 4, 2)] == [3, 1]
        newest, on_main = logged.newest_leaf(conn, repo, A), logged.newest_leaf(conn, repo, A, MAIN)
        assert (newest and newest.index, on_main and on_main.index) == (2, 0)
        assert logged.newest_leaf(conn, repo, "f" * 40) is None
        assert logged.positions_of(conn, repo, A, 10) == [(DEV, 1), (MAIN, 1)]
        revisions.put_refs(conn, [RefRow(repo, MAIN, 2, C, Sha256("e" * 64), Sha256("d" * 64), "", 0)])
        assert logged.refs_at(conn, repo, C) == [(MAIN, 2)]


def test_leaves_about_keys(database: Database) -> None:
    """They are found among all others, in their order."""
    with database.write() as conn:
        repo = _repo(conn)
        for index, kind in enumerate(["key", "snapshot", "key", "ref"]):
            _leaf(conn, repo if kind == "ref" else None, index, kind)
        _leaf(conn, None, None, "key")
        assert [row.index for row in logged.key_leaves(conn)] == [0, 2]
