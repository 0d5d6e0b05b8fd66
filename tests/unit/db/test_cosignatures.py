"""Rows of gathered cosignatures."""

from __future__ import annotations

from dataclasses import replace

from hanse.db import cosignatures
from hanse.db.cosignatures import Cosignature
from hanse.db.engine import Database

ORIGIN = "hub.example.org"


def _one(name: str, size: int, time: int = 100, kind: str = "witness") -> Cosignature:
    return Cosignature(ORIGIN, size, name, "00" * 4, kind, "11" * 32, time, f"line of {name} at {time}")


def test_the_newest_of_each_is_kept(database: Database) -> None:
    """A later cosignature of the same size takes the place of an earlier one, an earlier one does not."""
    with database.write() as conn:
        cosignatures.put(conn, [_one("w1", 5), _one("w2", 5)])
        cosignatures.put(conn, [_one("w1", 5, 200), _one("w2", 5, 50)])
        assert cosignatures.of_size(conn, ORIGIN, 5) == [_one("w1", 5, 200), _one("w2", 5)]
        assert cosignatures.times(conn, ORIGIN, 5) == {"w1": 200, "w2": 100}
        cosignatures.put(conn, [replace(_one("w1", 5, 300), key_id="22" * 4)])
        assert cosignatures.times(conn, ORIGIN, 5) == {"w1": 300, "w2": 100}


def test_the_newest_size_with_a_quorum(database: Database) -> None:
    """Cosigners are counted by name, each kind for itself."""
    with database.write() as conn:
        cosignatures.put(conn, [_one("w1", 5), _one("w2", 5), _one("w1", 9), _one("m1", 9, kind="mirror")])
        cosignatures.put(conn, [replace(_one("w1", 9), key_id="22" * 4)])
        assert cosignatures.newest_size(conn, ORIGIN, "witness", 1) == 9
        assert cosignatures.newest_size(conn, ORIGIN, "witness", 2) == 5
        assert cosignatures.newest_size(conn, ORIGIN, "witness", 3) is None
        assert cosignatures.newest_size(conn, ORIGIN, "mirror", 1) == 9
        assert cosignatures.newest_size(conn, "other", "witness", 1) is None


def test_who_cosigned_which_size(database: Database) -> None:
    """The newest sizes come first, each with everybody's key and time; smaller sizes and other logs are left out."""
    with database.write() as conn:
        cosignatures.put(conn, [_one("w1", 5), _one("w2", 7), _one("m1", 7, 50, "mirror"), _one("w1", 9)])
        cosignatures.put(conn, [replace(_one("w2", 7, 60), key_id="22" * 4), replace(_one("w1", 11), origin="other")])
        first, second = [("w1", "00" * 4, "witness", 100)], [("m1", "00" * 4, "mirror", 50), ("w2", "00" * 4, "witness", 100)]
        assert cosignatures.made(conn, ORIGIN, 6) == {9: first, 7: [*second, ("w2", "22" * 4, "witness", 60)]}
        assert list(cosignatures.made(conn, ORIGIN, 6)) == [9, 7]
        assert list(cosignatures.made(conn, ORIGIN, 0, 2)) == [9, 7]


def test_the_largest_and_the_sizes(database: Database) -> None:
    """The largest size is what the log must never be shorter than."""
    with database.write() as conn:
        assert cosignatures.largest(conn, ORIGIN) is None
        cosignatures.put(conn, [_one("w1", 5), _one("w2", 7), _one("w1", 6)])
        assert cosignatures.largest(conn, ORIGIN) == _one("w2", 7)
        assert cosignatures.sizes(conn, ORIGIN, 2) == [7, 6]


def test_old_sizes_are_forgotten(database: Database) -> None:
    """The newest sizes stay, and the last one of each cosigner, however old: it is what tells where it stands."""
    with database.write() as conn:
        cosignatures.put(conn, [_one("w1", size) for size in range(1, 20)])
        cosignatures.put(conn, [_one("w2", 3), replace(_one("w1", 2), origin="other")])
        cosignatures.prune(conn, ORIGIN, 4)
        assert cosignatures.sizes(conn, ORIGIN, 100) == [19, 18, 17, 16, 3]
        assert cosignatures.sizes(conn, "other", 100) == [2]


def test_first_sizes_stay_for_some_leaves(database: Database) -> None:
    """The first cosigned size after a leaf is found, and outlasts pruning where it is asked to stay."""
    with database.write() as conn:
        cosignatures.put(conn, [_one("w1", size) for size in (3, 5, 8, 9, 12, 15)])
        assert [cosignatures.first_size(conn, ORIGIN, index) for index in (0, 4, 5, 14, 15)] == [3, 5, 8, 15, None]
        cosignatures.prune(conn, ORIGIN, 2, [4, 6, 99])
        assert cosignatures.sizes(conn, ORIGIN, 100) == [15, 12, 8, 5]
        assert cosignatures.first_size(conn, ORIGIN, 4) == 5
