"""Revisions, refs and what a revision name means."""

from __future__ import annotations

import pytest

from hanse.db import repos, revisions
from hanse.db.engine import Database
from hanse.db.revisions import RefRow
from hanse.model.digest import NO_GIT_OID, NO_SHA256, GitOid, Sha256
from hanse.model.repo import Origin, RefName, RepoId, RepoType, Visibility

REVS = [GitOid(f"{number:x}" * 40) for number in range(1, 6)]


@pytest.fixture(name="repo")
def _repo(database: Database) -> int:
    """Return a repository with five commits in a row, all live."""
    repo_id = RepoId(Origin("hub.example.org"), RepoType.MODEL, "a", "b")
    with database.write() as conn:
        made = repos.create(conn, repo_id, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=5)
        rows = [
            {"repo_id": made, "rev": rev, "tree": NO_SHA256, "object": NO_SHA256, "parent": parent, "title": "t", "message": ""}
            | {"author": "a", "created_at": 1, "files": 1, "bytes": 1}
            for rev, parent in zip(REVS, [None, *REVS], strict=False)
        ]
        revisions.insert_pending(conn, rows)
        revisions.insert_pending(conn, rows[:1])
        revisions.set_state(conn, made, REVS, "live", 9)
    return made


def _point(database: Database, repo: int, ref: str, rev: str, seq: int = 1) -> None:
    with database.write() as conn:
        row = RefRow(repo, RefName(ref), seq, GitOid(rev), Sha256(NO_SHA256), Sha256(NO_SHA256), "", 1)
        revisions.put_refs(conn, [row])


def test_names(database: Database, repo: int) -> None:
    """Branches come before tags, full refs are meant as written, and a prefix must fit one commit only."""
    _point(database, repo, "refs/heads/x", REVS[0])
    _point(database, repo, "refs/tags/x", REVS[1])
    _point(database, repo, "refs/tags/y", REVS[2])
    _point(database, repo, "refs/heads/gone", NO_GIT_OID)
    expected = {"x": 0, "y": 2, "refs/tags/x": 1, REVS[3]: 3, REVS[4][:7]: 4, "refs/heads/x": 0}
    with database.read() as conn:
        for name, number in expected.items():
            found = revisions.resolve(conn, repo, name)
            assert found is not None, name
            assert found.rev == REVS[number], name
        for name in ("gone", "refs/heads/gone", REVS[3][:6], "6" * 40, "refs/tags", REVS[3] + "4", "%", NO_GIT_OID):
            assert revisions.resolve(conn, repo, name) is None, name
        assert revisions.resolve(conn, repo + 1, "x") is None
        assert [ref.ref for ref in revisions.all_refs(conn, repo, "refs/tags/")] == ["refs/tags/x", "refs/tags/y"]
        assert len(revisions.all_refs(conn, repo, deleted=True)) == 4


def test_ambiguous_prefix(database: Database, repo: int) -> None:
    """A prefix of two commits names neither; a pending commit has no name at all."""
    with database.write() as conn:
        row = {"repo_id": repo, "tree": NO_SHA256, "object": NO_SHA256, "parent": None, "title": "t", "message": ""}
        row |= {"author": "a", "created_at": 1, "files": 1, "bytes": 1}
        twins = ["1" * 10 + "0" * 30, "a" * 40]
        revisions.insert_pending(conn, [row | {"rev": rev} for rev in twins])
        revisions.set_state(conn, repo, twins[:1], "live", 1)
        assert revisions.resolve(conn, repo, "1" * 10) is None
        assert revisions.resolve(conn, repo, "1" * 11) is not None
        assert revisions.resolve(conn, repo, "a" * 40) is None


def test_history(database: Database, repo: int) -> None:
    """History goes from a commit back to the root, page by page."""
    with database.read() as conn:
        pages = [[row.rev for row in revisions.history(conn, repo, REVS[4], 2, skip)] for skip in (0, 2, 4, 6)]
        assert pages == [REVS[4:2:-1], REVS[2:0:-1], REVS[:1], []]
        assert revisions.reachable(conn, repo, [REVS[2], REVS[1]]) == set(REVS[:3])
        assert revisions.reachable(conn, repo, []) == set()
        assert revisions.history_length(conn, repo, REVS[3]) == 4


def test_states(database: Database, repo: int) -> None:
    """Retiring notes when; coming back to life forgets it."""
    with database.write() as conn:
        revisions.set_state(conn, repo, REVS[:2], "retired", 50)
        assert [row.rev for row in revisions.retired_before(conn, 51, 10)] == REVS[:2]
        assert revisions.retired_before(conn, 50, 10) == []
        revisions.set_state(conn, repo, REVS[:1], "live", 60)
        assert [row.rev for row in revisions.all_of(conn, repo, ["retired"])] == REVS[1:2]
        revisions.mark_objects(conn, repo, [(REVS[0], "7" * 64)])
        found = revisions.get(conn, repo, REVS[0])
    assert found is not None
    assert (found.retired_at, found.object) == (None, "7" * 64)
