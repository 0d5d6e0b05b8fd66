"""Mirrors as rows."""

from __future__ import annotations

from dataclasses import replace

from hanse.db import mirrors, repos
from hanse.db.engine import Database
from hanse.db.mirrors import Claimed, Content, Mirror
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.repo import Origin, RepoId, RepoType, Visibility

REV, LATER = GitOid("1" * 40), GitOid("2" * 40)
NAMED = RepoId(Origin("up.example"), RepoType.MODEL, "Org", "m")


def _claim(repo: int, rev: GitOid = REV) -> Claimed:
    return Claimed(repo, rev, "cache", "partial", b"pins", Sha256("a" * 64), "{}", "", 5)


def _repo(database: Database) -> int:
    with database.write() as conn:
        return repos.create(conn, NAMED, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=0, mirrored=True)


def test_where_it_comes_from(database: Database) -> None:
    """When an upstream was asked, when it answered and what it said instead are kept apart."""
    repo = _repo(database)
    with database.write() as conn:
        assert mirrors.get(conn, repo) is None
        mirrors.put(conn, Mirror(repo, "https://up.example"))
        mirrors.note(conn, repo, 7)
        mirrors.note(conn, repo, 9, "down\0")
        assert mirrors.get(conn, repo) == Mirror(repo, "https://up.example", 9, 7, "down")
        assert mirrors.every(conn) == [Mirror(repo, "https://up.example", 9, 7, "down")]
        mirrors.note(conn, repo, 11)
        assert mirrors.get(conn, repo) == Mirror(repo, "https://up.example", 11, 11, "")


def test_the_first_claim_stays(database: Database) -> None:
    """A second claim about a commit changes nothing; what a cache told is the upstream's word once that says it."""
    repo = _repo(database)
    with database.write() as conn:
        assert mirrors.claim(conn, _claim(repo)) == _claim(repo)
        assert mirrors.claim(conn, replace(_claim(repo), pins=b"others")) == _claim(repo)
        mirrors.claim(conn, _claim(repo, LATER))
        mirrors.confirm(conn, repo, REV, '{"title":"x"}')
        mirrors.pin_again(conn, repo, REV, b"mended", Sha256("9" * 64))
        mirrors.set_state(conn, repo, REV, "complete", now=8)
        mirrors.pin_again(conn, repo, REV, b"too late", Sha256("8" * 64))
        mirrors.set_state(conn, repo, LATER, "refused", says="bad")
        first, second = mirrors.of_repo(conn, repo)
        assert (first.source, first.words, first.state, first.completed_at) == ("upstream", '{"title":"x"}', "complete", 8)
        assert (first.pins, first.pinned) == (b"mended", "9" * 64)
        assert (second.source, second.state, second.says) == ("cache", "refused", "bad")
        assert mirrors.claimed(conn, repo, "3" * 40) is None


def test_contents_and_forgetting(database: Database) -> None:
    """Contents are found by the blob ids that are asked for, and all goes with the repository."""
    repo = _repo(database)
    one, two = Content(Sha256("a" * 64), XetHash("b" * 64), 3), Content(Sha256("c" * 64), XetHash("d" * 64), 4)
    with database.write() as conn:
        mirrors.put(conn, Mirror(repo, ""))
        mirrors.claim(conn, _claim(repo))
        mirrors.put_contents(conn, repo, {})
        mirrors.put_contents(conn, repo, {REV: one, LATER: two})
        mirrors.put_contents(conn, repo, {REV: two})
        assert mirrors.contents(conn, repo, [REV, GitOid("3" * 40)]) == {REV: two}
        mirrors.drop(conn, repo)
        assert (mirrors.get(conn, repo), mirrors.of_repo(conn, repo), mirrors.contents(conn, repo, [REV])) == (None, [], {})


def test_names_of_mirrors(database: Database) -> None:
    """A mirror that is still being taken in has its name and is not found; afterwards it is found by any spelling."""
    repo = _repo(database)
    with database.write() as conn:
        found = repos.find_claimed(conn, NAMED)
        assert found is not None
        assert (found.id, found.mirrored, found.people, repos.find(conn, NAMED)) == (repo, True, "", None)
        assert repos.mirrors_named(conn, RepoType.MODEL, "org/m") == []
        repos.take_name(conn, NAMED, repo)
        assert [one.id for one in repos.mirrors_named(conn, RepoType.MODEL, "org/m")] == [repo]
        assert repos.mirrors_named(conn, RepoType.DATASET, "org/m") == []
        assert (repos.has_mirrors_of(conn, "up.example"), repos.has_mirrors_of(conn, "other.example")) == (True, False)
