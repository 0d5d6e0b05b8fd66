"""Waivers as rows."""

from __future__ import annotations

from hanse.db import repos, waivers
from hanse.db.engine import Database
from hanse.db.waivers import Waiver
from hanse.model.digest import Sha256
from hanse.model.repo import Origin, RepoId, RepoType, Visibility

A, B = Sha256("a" * 64), Sha256("b" * 64)


def test_waivers_are_found_while_they_hold(database: Database) -> None:
    """A waiver counts for its content and repository until its end, and until it is taken back."""
    named = RepoId(Origin("hub.example.org"), RepoType.MODEL, "alice", "m")
    with database.write() as conn:
        repo = repos.create(conn, named, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=0)
        made = waivers.add(conn, Waiver(0, repo, A, ("S-A", "S-B"), "why", "ann", operator=True, created_at=1, ends_at=10))
        assert made.rules == ("S-A", "S-B")
        assert waivers.of_repo(conn, repo) == [made]
        assert waivers.find(conn, repo, made.id) == made
        assert waivers.find(conn, repo + 1, made.id) is None
        assert waivers.of_contents(conn, repo, [A, B], 10) == [made]
        assert waivers.of_contents(conn, repo, [B] + [A] * 600, 10) == [made]
        assert waivers.of_contents(conn, repo, [A], 11) == []
        assert waivers.of_contents(conn, repo + 1, [A], 5) == []
        waivers.remove(conn, made.id)
        assert waivers.of_repo(conn, repo) == []
