"""Rows of discussions and their events, on both catalogues."""

from __future__ import annotations

from hanse.db import discussions, repos
from hanse.db.discussions import Event
from hanse.db.engine import Database
from hanse.model.digest import GitOid
from hanse.model.repo import Origin, RefName, RepoId, RepoType, Visibility


def test_numbers_count_within_a_repository(database: Database) -> None:
    """Each repository numbers its own threads from 1, and events keep their order."""
    with database.write() as conn:
        ids = [
            repos.create(
                conn,
                RepoId(Origin("o.example"), RepoType.MODEL, "x", name),
                visibility=Visibility.PUBLIC,
                salt=None,
                creator_id=None,
                now=1,
            )
            for name in ("a", "b")
        ]
        common = {"title": "t", "status": "open", "author": "ada"}
        main = RefName("refs/heads/main")
        made = [
            discussions.create(conn, repo, pull_request=number == 1, target=main, base=GitOid("0" * 40), now=5, **common)
            for number, repo in enumerate((ids[0], ids[0], ids[1]))
        ]
        assert [one.num for one in made] == [1, 2, 1]
        assert discussions.find(conn, ids[0], 2) == made[1]
        assert [one.num for one in discussions.pull_requests(conn, ids[0])] == [2]
        for number in range(3):
            discussions.add_event(conn, ids[0], 1, Event(f"{number:024x}", "comment", "ada", 5, {"raw": "é" * number}))
        listed = discussions.events(conn, ids[0], 1, 10)
        assert [event.id[-1] for event in listed] == ["0", "1", "2"]
        assert discussions.thread_size(conn, ids[0], 1)[0] == 3
        discussions.set_event_data(conn, listed[0].id, {"raw": "x"})
        assert discussions.event(conn, ids[0], 1, listed[0].id).data == {"raw": "x"}  # type: ignore[union-attr]
        assert discussions.event(conn, ids[0], 2, listed[0].id) is None
        found, count = discussions.search(conn, ids[0], pull_request=None, statuses=["open"], author="ADA", limit=1, skip=0)
        assert ([one.num for one in found], count) == ([2], 2)
