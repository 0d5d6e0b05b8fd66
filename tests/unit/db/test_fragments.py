"""Search by any part of a name, on both systems."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from hanse.db import fragments, repos
from hanse.db.engine import Database
from hanse.db.schema import name_fragments
from hanse.model.repo import Origin, RepoId, RepoType, Visibility

FIRST = RepoId(Origin("hub.example.org"), RepoType.MODEL, "Alice", "Big_Model-7B.v2")


def _found(database: Database, term: str) -> set[int]:
    with database.read() as conn:
        return set(conn.execute(select(name_fragments.c.repo_id).where(fragments.matches(term))).scalars())


@pytest.mark.parametrize("term", ["a", "alice", "/big", "big_model-7b.v2", "7b", ".v2", "_", "e/b", "alice/big_model"])
def test_every_part_is_found(database: Database, term: str) -> None:
    """One to any number of characters from anywhere in the name lead to it; those after the eighth are not looked at."""
    with database.write() as conn:
        made = repos.create(conn, FIRST, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=1)
        repos.take_name(conn, FIRST, made)
    assert _found(database, term) == {made}


@pytest.mark.parametrize("term", ["bob", "zz", "7c", "%", "alicf", "\u00e9"])
def test_others_are_not(database: Database, term: str) -> None:
    """A text that is not in the name leads nowhere; there are no wildcards."""
    with database.write() as conn:
        made = repos.create(conn, FIRST, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=1)
        repos.take_name(conn, FIRST, made)
    assert _found(database, term) == set()


def test_names_change_and_end(database: Database) -> None:
    """After a rename only the new name is found, after deletion none."""
    with database.write() as conn:
        made = repos.create(conn, FIRST, visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=1)
        repos.take_name(conn, FIRST, made)
        repos.take_name(conn, RepoId(FIRST.origin, FIRST.type, "bob", "small"), made)
    assert (_found(database, "alice"), _found(database, "small")) == (set(), {made})
    with database.write() as conn:
        repos.free_names(conn, made)
    assert _found(database, "small") == set()
