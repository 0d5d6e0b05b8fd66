"""Verdicts on whole revisions as rows."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from hanse.db import repos, repository_scans, revisions
from hanse.db.engine import Database
from hanse.db.repository_scans import Head, RepositoryScan
from hanse.db.revisions import RefRow
from hanse.model.digest import NO_GIT_OID, GitOid, Sha256
from hanse.model.repo import Origin, RefName, RepoId, RepoType, Visibility

REV, OLD = GitOid("1" * 40), GitOid("2" * 40)
RULES, SCANNER = "r" * 64, "scan/1"


def _repo(database: Database, *, state: str = "live") -> int:
    named = RepoId(Origin("hub.example.org"), RepoType.MODEL, "alice", f"m-{state}")
    row: dict[str, object] = {"tree": "a" * 64, "object": "b" * 64, "parent": None, "title": "", "message": "", "author": ""}
    with database.write() as conn:
        repo = repos.create(conn, named, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=0)
        repos.update_columns(conn, repo, state=state)
        both = [{**row, "repo_id": repo, "rev": rev, "created_at": 0, "files": 0, "bytes": 0} for rev in (REV, OLD)]
        revisions.insert_pending(conn, both)
        revisions.set_state(conn, repo, [REV, OLD], "live", 0)
        _move(conn, repo, "refs/heads/main", REV)
    return repo


def _move(conn: Connection, repo: int, name: str, rev: GitOid) -> None:
    row = RefRow(repo, RefName(name), 1, rev, Sha256("a" * 64), Sha256("c" * 64), "", 100)
    revisions.put_refs(conn, [row])


def _row(repo: int, rev: GitOid = REV) -> RepositoryScan:
    return RepositoryScan(repo, rev, RULES, SCANNER, b"report", "", 5)


def test_heads_wait_until_they_rest(database: Database) -> None:
    """A head is found once it is old enough, until its verdict by this scanner and ruleset is known."""
    repo = _repo(database)
    head = Head(repo, "refs/heads/main", REV)
    with database.write() as conn:
        assert repository_scans.unjudged(conn, RULES, SCANNER, 99) is None
        assert repository_scans.unjudged(conn, RULES, SCANNER, 100) == head
        assert repository_scans.unjudged(conn, RULES, SCANNER, 100, (repo, head.ref)) is None
        assert repository_scans.unasked(conn, RULES, SCANNER, "x", before=100) is None
        repository_scans.put(conn, _row(repo))
        assert repository_scans.unjudged(conn, RULES, SCANNER, 100) is None
        assert repository_scans.unjudged(conn, RULES, "scan/2", 100) == head
        assert repository_scans.unjudged(conn, "s" * 64, SCANNER, 100) == head
        assert repository_scans.unasked(conn, RULES, SCANNER, "x", before=100) == head
        repository_scans.set_asked(conn, repo, REV, RULES, "x")
        assert repository_scans.unasked(conn, RULES, SCANNER, "x", before=100) is None
        _move(conn, repo, "refs/heads/main", NO_GIT_OID)
        assert repository_scans.unjudged(conn, "s" * 64, SCANNER, 100) is None


def test_repositories_that_are_gone_are_not_judged(database: Database) -> None:
    """Only live repositories have heads that count."""
    _repo(database, state="withdrawn")
    with database.read() as conn:
        assert repository_scans.unjudged(conn, RULES, SCANNER, 100) is None


def test_a_verdict_is_replaced_and_goes_with_its_revision(database: Database) -> None:
    """There is one verdict for each ruleset; it goes when its revision is erased, or when all are dropped."""
    repo = _repo(database)
    with database.write() as conn:
        repository_scans.put(conn, _row(repo))
        repository_scans.put(conn, replace(_row(repo), scanner="scan/2"))
        repository_scans.put(conn, _row(repo, OLD))
        assert repository_scans.get(conn, repo, REV, RULES, SCANNER) is None
        assert repository_scans.get(conn, repo, REV, RULES, "scan/2") == replace(_row(repo), scanner="scan/2")
        revisions.set_state(conn, repo, [OLD], "erased", 0)
        repository_scans.put(conn, _row(repo))
        assert repository_scans.get(conn, repo, OLD, RULES, SCANNER) is None
        repository_scans.drop(conn, repo)
        assert repository_scans.get(conn, repo, REV, RULES, SCANNER) is None
