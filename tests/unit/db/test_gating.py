"""Rows of access requests, on both catalogues."""

from __future__ import annotations

from hanse.db import accounts, gating, repos
from hanse.db.engine import Database
from hanse.model.repo import Origin, RepoId, RepoType, Visibility


def test_requests_come_back_with_their_people(database: Database) -> None:
    """A request is found by account and by id, in its own repository only, with the account's name."""
    with database.write() as conn:
        ada = accounts.insert_account(conn, "Ada", "user", 1, email="ada@example.org")
        accounts.insert_account(conn, "club", "org", 1)
        name = RepoId(Origin("o.example"), RepoType.MODEL, "x", "y")
        repo = repos.create(conn, name, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=1)
        gating.add(conn, repo, ada.id, request_id="ab" * 12, status="pending", fields={"a": "b"}, now=7)
        found = gating.of_account(conn, repo, ada.id)
        assert found is not None
        assert (found.name, found.email, found.fields, found.created_at) == ("Ada", "ada@example.org", {"a": "b"}, 7)
        assert gating.by_id(conn, repo, "ab" * 12) == found
        assert gating.by_id(conn, repo + 1, "ab" * 12) is None
        assert gating.page(conn, repo, "pending", 5, 0) == [found]
        gating.set_status(conn, repo, ada.id, "rejected", "no")
        assert gating.page(conn, repo, "pending", 5, 0) == []
        assert gating.page(conn, repo, "rejected", 5, 0)[0].reason == "no"
        assert (gating.account_id(conn, "ADA"), gating.account_id(conn, "club")) == (ada.id, None)
