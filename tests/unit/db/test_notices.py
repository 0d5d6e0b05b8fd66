"""Notices as rows."""

from __future__ import annotations

from hanse.db import notices, repos
from hanse.db.engine import Database
from hanse.db.notices import Notice, Noticed
from hanse.model.digest import GitOid
from hanse.model.repo import Origin, RepoId, RepoType, Visibility

REV, LATER = GitOid("1" * 40), GitOid("2" * 40)


def test_a_notice_is_kept_once(database: Database) -> None:
    """The same thing found again changes nothing; several of one kind stand beside each other."""
    named = RepoId(Origin("hub.example.org"), RepoType.MODEL, "alice", "m")
    with database.write() as conn:
        repo = repos.create(conn, named, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=0)
        notices.put(conn, [])
        notices.put(conn, [Notice(repo, REV, "licence-changed", "LICENSE", "first\0", 5)])
        notices.put(conn, [Notice(repo, REV, "licence-changed", "LICENSE", "second", 6)])
        notices.put(conn, [Notice(repo, REV, "licence-changed", "card", "card", 5), Notice(repo, LATER, "x", "", "y", 9)])
        later, card, first = notices.of_repo(conn, repo)
        assert (later, card.says) == (Noticed(LATER, "x", "y", 9), "card")
        assert first == Noticed(REV, "licence-changed", "first", 5)
        assert notices.of_repo(conn, repo, LATER) == [later]
        assert notices.of_repo(conn, repo, limit=1) == [later]
        notices.drop(conn, repo)
        assert notices.of_repo(conn, repo) == []
