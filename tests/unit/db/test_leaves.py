"""The journal in the catalogue: order, the head's compare-and-swap, the lease."""

from __future__ import annotations

import pytest

from hanse.db import leaves, repos
from hanse.db.engine import Database
from hanse.db.leaves import LogHead
from hanse.errors import LeaseLost
from hanse.model.digest import NO_SHA256, Sha256
from hanse.model.repo import Origin, RepoId, RepoType, Visibility


@pytest.fixture(name="queued")
def _queued(database: Database) -> list[int]:
    """Return the row ids of three leaves that wait, of two repositories."""
    with database.write() as conn:
        made = [
            repos.create(
                conn,
                RepoId(Origin("hub.example.org"), RepoType.MODEL, "a", name),
                visibility=Visibility.PUBLIC,
                salt=None,
                creator_id=None,
                now=5,
            )
            for name in ("b", "c")
        ]
        row = {"kind": "ref", "ref": "r", "seq": 1, "rev": "1", "tree": "2", "leaf_hash": "3", "effect": "{}", "created_at": 1}
        return [leaves.append(conn, {**row, "repo_id": made[at % 2], "leaf": b"%d" % at}) for at in range(3)]


def test_leaves_wait_in_order(database: Database, queued: list[int]) -> None:
    """Waiting leaves come in order of id, of all repositories or one; an index takes them out, once."""
    with database.write() as conn:
        assert [row.id for row in leaves.waiting(conn, 2)] == queued[:2]
        first = leaves.get(conn, queued[0])
        assert first is not None
        assert first.repo_id is not None
        assert [row.leaf for row in leaves.waiting_of(conn, first.repo_id)] == [b"0", b"2"]
        assert leaves.effects_of(conn, first.repo_id) == ["{}", "{}"]
        leaves.set_indexes(conn, queued[:2], 0)
        assert (leaves.index_of(conn, queued[1]), leaves.index_of(conn, queued[2])) == (1, None)
        assert [row.index for row in leaves.sequenced(conn, 1, 10)] == [1]
        assert (leaves.log_size(conn), leaves.outstanding(conn), leaves.get(conn, 99)) == (2, (True, False), None)
        assert (leaves.logged(conn, 0, 9), leaves.logged(conn, 1, 2), leaves.logged(conn, 2, 9)) == ([b"0", b"1"], [b"1"], [])
    with pytest.raises(LeaseLost), database.write() as conn:
        leaves.set_indexes(conn, queued[1:], 2)
    with database.read() as conn:
        assert leaves.index_of(conn, queued[2]) is None


def test_indexes_skip_what_others_queued(database: Database, queued: list[int]) -> None:
    """A batch need not be consecutive rows: each gets the next index, what lies between stays waiting."""
    with database.write() as conn:
        leaves.set_indexes(conn, [queued[0], queued[2]], 7)
        assert [leaves.index_of(conn, number) for number in queued] == [7, None, 8]


def test_leaf_is_found_by_its_hash(database: Database, queued: list[int]) -> None:
    """The newest leaf of a ref with a hash is found, none of another repository or ref; a leaf need have no repository."""
    with database.write() as conn:
        first = leaves.get(conn, queued[0])
        assert first is not None
        assert first.repo_id is not None
        found = leaves.by_hash(conn, first.repo_id, "r", "3")
        assert found is not None
        assert found.id == queued[2]
        assert leaves.by_hash(conn, first.repo_id, "r", "4") is leaves.by_hash(conn, first.repo_id, "q", "3") is None
        row: dict[str, object] = {
            "repo_id": None,
            "kind": "snapshot",
            "leaf": b"s",
            "leaf_hash": "5",
            "effect": "{}",
            "created_at": 1,
            "index": 0,
        }
        made = leaves.get(conn, leaves.append(conn, row))
    assert made is not None
    assert (made.repo_id, made.index) == (None, 0)


def _head(size: int, fence: int, staged: str | None = None) -> LogHead:
    return LogHead(size, NO_SHA256, b"", fence, None if staged is None else Sha256(staged))


def test_head_moves_only_from_where_it_was(database: Database) -> None:
    """The head moves from the expected size, under no older fence, and not before the staged batch was put in place."""
    with database.write() as conn:
        assert leaves.head(conn) is None
        leaves.create_head(conn, _head(0, 1))
        leaves.create_head(conn, _head(7, 1))
        leaves.swap_head(conn, 0, _head(2, 2, "a" * 64))
        assert leaves.head(conn) == _head(2, 2, "a" * 64)
        assert leaves.outstanding(conn) == (False, True)
        for size, new in ((2, _head(3, 2)), (0, _head(1, 2))):
            with pytest.raises(LeaseLost):
                leaves.swap_head(conn, size, new)
        leaves.clear_staged(conn, Sha256("b" * 64))
        leaves.clear_staged(conn, Sha256("a" * 64))
        with pytest.raises(LeaseLost):
            leaves.swap_head(conn, 2, _head(3, 1))
        leaves.swap_head(conn, 2, _head(3, 2))


def test_lease(database: Database) -> None:
    """One holder at a time; the fence grows with every change of holder and with nothing else."""
    with database.write() as conn:
        assert leaves.peek_lease(conn) is None
        taken = leaves.take_lease(conn, "one", 1000, 500)
        assert taken is not None
        assert leaves.take_lease(conn, "two", 1400, 500) is None
        again = leaves.take_lease(conn, "one", 1400, 500)
        assert again is not None
        assert (taken.fence, again.fence, again.expires_at) == (1, 1, 1900)
        leaves.check_lease(conn, "one", 1)
        other = leaves.take_lease(conn, "two", 1900, 500)
        assert other is not None
        assert other.fence == 2
        with pytest.raises(LeaseLost):
            leaves.check_lease(conn, "one", 1)
        leaves.extend_lease(conn, 5000)
        leaves.release_lease(conn, "one")
        assert leaves.take_lease(conn, "one", 3000, 500) is None
        leaves.release_lease(conn, "two")
        back = leaves.take_lease(conn, "one", 3000, 500)
    assert back is not None
    assert back.fence == 3


def test_newest_change_of_a_repository(database: Database, queued: list[int]) -> None:
    """The newest leaf about the repository as a whole is found, whatever its refs did since."""
    with database.write() as conn:
        first = leaves.get(conn, queued[0])
        assert first is not None
        assert first.repo_id is not None
        row = {"repo_id": first.repo_id, "kind": "repo", "ref": None, "seq": None, "rev": None, "tree": None, "effect": "{}"}
        for name in ("4", "5"):
            leaves.append(conn, {**row, "created_at": 1, "leaf": b"x", "leaf_hash": name})
        leaves.append(conn, {**row, "kind": "ref", "created_at": 1, "leaf": b"x", "leaf_hash": "6"})
        assert leaves.newest_change(conn, first.repo_id) == "5"
