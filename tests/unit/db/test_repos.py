"""Names of repositories in the catalogue."""

from __future__ import annotations

import pytest

from hanse.db import repos
from hanse.db.engine import Database
from hanse.errors import Conflict
from hanse.model.repo import Origin, RepoId, RepoType, Visibility

ORIGIN = Origin("hub.example.org")


def _id(path: str, kind: RepoType = RepoType.MODEL) -> RepoId:
    namespace, _, name = path.partition("/")
    return RepoId(ORIGIN, kind, namespace, name)


def _create(database: Database, path: str, kind: RepoType = RepoType.MODEL) -> int:
    with database.write() as conn:
        made = repos.create(conn, _id(path, kind), visibility=Visibility.PUBLIC, salt=None, creator_id=None, now=5)
        repos.take_name(conn, _id(path, kind), made)
        return made


def test_found_by_name_in_any_case(database: Database) -> None:
    """A repository is found by its folded name within its origin and type, spelled as registered."""
    made = _create(database, "Org/Name")
    with database.read() as conn:
        found = repos.find(conn, _id("oRG/nAME"))
        assert found is not None
        assert (found[0].id, found[0].repo.path, found[1]) == (made, "Org/Name", False)
        assert repos.find(conn, _id("org/name", RepoType.DATASET)) is None
        assert repos.find(conn, RepoId(Origin("other"), RepoType.MODEL, "org", "name")) is None
        assert repos.get_many(conn, [made, 99]).keys() == {made}


def test_reserved_names_are_taken_but_lead_nowhere(database: Database) -> None:
    """Until its leaf is applied a repository's name cannot be taken, and is not found."""
    with database.write() as conn:
        repos.create(conn, _id("a/b"), visibility=Visibility.PRIVATE, salt=bytes(32), creator_id=None, now=5)
    with database.read() as conn:
        assert repos.find(conn, _id("a/b")) is None
    with pytest.raises(Conflict), database.write() as conn:
        repos.reserve_name(conn, _id("A/B"), 1)


def test_redirects(database: Database) -> None:
    """Former names lead on, until somebody takes them; freeing takes all of them back."""
    made = _create(database, "a/old")
    with database.write() as conn:
        repos.reserve_name(conn, _id("a/new"), made)
        repos.take_name(conn, _id("a/new"), made)
    with database.read() as conn:
        found = repos.find(conn, _id("a/old"))
    assert found is not None
    assert (found[0].repo.path, found[1]) == ("a/new", True)
    _create(database, "a/old")
    with database.write() as conn:
        repos.free_names(conn, made)
        assert repos.find(conn, _id("a/new")) is None
        assert repos.find(conn, _id("a/old")) is not None


def test_rows_without_a_name(database: Database) -> None:
    """What was erased has a row and no name; a repository that is being prepared has no row."""
    with database.write() as conn:
        assert not repos.any_exist(conn)
        made = repos.create_erased(conn, ORIGIN, RepoType.MODEL)
        assert repos.any_exist(conn)
        repos.update_columns(conn, made, downloads=3)
        found = repos.lock(conn, made)
    assert found is not None
    assert (found.state, found.downloads, found.public) == ("erased", 3, False)
    assert repos.unborn(_id("a/b"), Visibility.PUBLIC, None, 1).id == 0


def test_listed_by_state_and_former_name(database: Database) -> None:
    """Repositories are listed in order of their names; deleted ones are found by the last name they had, in any case."""
    second, first = _create(database, "b/x"), _create(database, "a/Old")
    with database.write() as conn:
        repos.free_names(conn, first)
        repos.update_columns(conn, first, state="retired")
        assert [one.id for one in repos.in_state(conn)] == [first, second]
        assert [one.id for one in repos.in_state(conn, "retired")] == [first]
        assert [one.id for one in repos.deleted_as(conn, _id("A/old"), ("retired", "withdrawn"))] == [first]
        assert repos.deleted_as(conn, _id("a/old", RepoType.DATASET), ("retired",)) == []
        assert repos.deleted_as(conn, _id("a/old"), ("withdrawn",)) == []
