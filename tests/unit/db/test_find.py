"""Rows that `hanse find` and the lint ask for."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, true

from hanse.db import blobs, find, repos, revisions
from hanse.db.blobs import NewFile
from hanse.db.engine import Database
from hanse.db.revisions import RefRow
from hanse.db.schema import repos as repos_table
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.repo import Origin, RefName, RepoId, RepoType, Visibility

REV = GitOid("1" * 40)
TREE, DIGEST, XET = Sha256("a" * 64), Sha256("b" * 64), XetHash("c" * 64)
ALL = true()


def _repo(conn: Connection, name: str) -> int:
    named = RepoId(Origin("hub.example.org"), RepoType.MODEL, "alice", name)
    repo = repos.create(conn, named, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=0)
    row: dict[str, object] = {"repo_id": repo, "rev": REV, "tree": TREE, "object": "d" * 64, "parent": None}
    row |= dict.fromkeys(("title", "message", "author"), "") | dict.fromkeys(("created_at", "files", "bytes"), 0)
    revisions.insert_pending(conn, [row])
    return repo


def _hold(conn: Connection, repo: int, now: int, state: str = "live") -> None:
    file = blobs.insert_files(conn, [NewFile(XET, DIGEST, 7, None, 1)], 0)[XET]
    blobs.link_files(conn, repo, [file.id], None, now)
    blobs.set_file_state(conn, repo, [file.id], state)


def _ids(call: Callable[[], list[find.Holder]]) -> list[int]:
    return [one.repo.id for one in call()]


def test_who_holds_a_content(database: Database) -> None:
    """Repositories that name it, live or retired, by SHA-256 or Xet hash, the first one first; mere uploads do not count."""
    with database.write() as conn:
        first, second, third = (_repo(conn, name) for name in "abc")
        for repo, now, state in ((first, 9, "live"), (second, 5, "retired"), (third, 1, "staged")):
            _hold(conn, repo, now, state)
        assert _ids(lambda: find.holders(conn, DIGEST, ALL, 10)) == [second, first]
        assert _ids(lambda: find.holders(conn, XET, ALL, 1)) == [second]
        assert _ids(lambda: find.holders(conn, DIGEST, repos_table.c.id == first, 10)) == [first]
        assert find.holders(conn, "0" * 64, ALL, 10) == []


def test_who_had_it_before(database: Database) -> None:
    """Earlier holders by time, and of the same second by number; never the repository itself, nor a later one."""
    with database.write() as conn:
        first, second, third = (_repo(conn, name) for name in "abc")
        for repo, now in ((first, 5), (second, 5), (third, 4)):
            _hold(conn, repo, now)
        assert _ids(lambda: find.earlier_elsewhere(conn, second, [DIGEST], ALL, 10)) == [third, first]
        assert _ids(lambda: find.earlier_elsewhere(conn, first, [DIGEST], ALL, 10)) == [third]
        assert _ids(lambda: find.earlier_elsewhere(conn, third, [DIGEST], ALL, 10)) == []


def test_who_has_a_revision(database: Database) -> None:
    """Kept revisions by commit id or tree, and the refs that point at them."""
    with database.write() as conn:
        first, second = _repo(conn, "a"), _repo(conn, "b")
        assert find.with_revision(conn, "rev", REV, ALL, 10) == []
        for repo, state in ((first, "live"), (second, "retired")):
            revisions.set_state(conn, repo, [REV], state, 0)
        for column, digest in (("rev", REV), ("tree", TREE)):
            assert [repo.id for repo, _ in find.with_revision(conn, column, digest, ALL, 10)] == [first, second]
        row = RefRow(first, RefName("refs/heads/main"), 1, REV, TREE, Sha256("e" * 64), "", 0)
        revisions.put_refs(conn, [row])
        assert find.refs_to(conn, first, REV) == ["refs/heads/main"]
        assert find.refs_to(conn, second, REV) == []
