"""Rows of witnessed logs: comparison and change are one statement."""

from __future__ import annotations

from dataclasses import replace

from hanse.db import witnesses
from hanse.db.engine import Database
from hanse.db.witnesses import WitnessedLog

ORIGIN = "example.com/log"
EMPTY = "e3" * 32


def _known(database: Database) -> WitnessedLog:
    with database.write() as conn:
        witnesses.add(conn, ORIGIN, ("key one", "key two"), "http://log.example", EMPTY)
        found = witnesses.find(conn, ORIGIN)
    assert found is not None
    return found


def test_a_new_log_stands_at_nothing(database: Database) -> None:
    """It is found by its origin and by the hash of it, with the keys it was given."""
    found = _known(database)
    assert (found.size, found.root, found.note, found.vkeys) == (0, EMPTY, "", ("key one", "key two"))
    with database.read() as conn:
        assert witnesses.find_hashed(conn, found.origin_hash) == found
        assert witnesses.every(conn) == [found]
        assert witnesses.find(conn, "other") is None
        assert witnesses.find_hashed(conn, "00" * 32) is None


def test_adding_again_keeps_the_size(database: Database) -> None:
    """Keys and address change, what was cosigned does not."""
    found = _known(database)
    moved = replace(found, size=5, root="55" * 32, note="note", time=9)
    with database.write() as conn:
        assert witnesses.advance(conn, found, moved)
        witnesses.add(conn, ORIGIN, ("key three",), "", EMPTY)
        assert witnesses.find(conn, ORIGIN) == replace(moved, vkeys=("key three",), url="")


def test_only_from_where_it_was_seen(database: Database) -> None:
    """A log moves from the size and root at which it was seen, never back in time."""
    found = _known(database)
    five = replace(found, size=5, root="55" * 32, note="note", time=9)
    with database.write() as conn:
        assert witnesses.advance(conn, found, five)
        assert not witnesses.advance(conn, found, replace(five, size=6))
        assert not witnesses.advance(conn, replace(five, root="66" * 32), replace(five, size=6))
        assert not witnesses.advance(conn, five, replace(five, size=6, time=8))
        assert witnesses.find(conn, ORIGIN) == five


def test_the_mirror_goes_forwards(database: Database) -> None:
    """How far a log was replayed moves from where it was seen, and the last cosigned note stays where there is no new one."""
    found = _known(database)
    with database.write() as conn:
        assert witnesses.set_mirrored(conn, found, 5, "55" * 32, "note")
        assert not witnesses.set_mirrored(conn, found, 6, "66" * 32)
        five = witnesses.find(conn, ORIGIN)
        assert five is not None
        assert not witnesses.set_mirrored(conn, five, 4, "44" * 32)
        assert witnesses.set_mirrored(conn, five, 6, "66" * 32)
        assert witnesses.find(conn, ORIGIN) == replace(five, mirrored=6, mirrored_root="66" * 32)


def test_what_is_in_the_way(database: Database) -> None:
    """A failure is kept until the log could be followed again."""
    _known(database)
    with database.write() as conn:
        witnesses.set_failure(conn, ORIGIN, "PeerDown: gone")
        failed = witnesses.find(conn, ORIGIN)
        witnesses.set_followed(conn, ORIGIN, 77)
        followed = witnesses.find(conn, ORIGIN)
    assert failed is not None
    assert followed is not None
    assert (failed.failure, failed.followed_at, followed.failure, followed.followed_at) == ("PeerDown: gone", 0, "", 77)
