"""Rows about copies of others' logs."""

from __future__ import annotations

from hanse.db import foreign
from hanse.db.engine import Database
from hanse.db.foreign import ADVISORY, KEEP_CHECKPOINTS, KEY, LIST, REF, REPO, KeptCheckpoint, Listed

LOG = "b.example.org"


def test_leaves_are_found_by_what_they_are_about(database: Database) -> None:
    """Keys in the order of the log, positions of a ref the newest first, both below a bound; again changes nothing."""
    rows = [Listed(1, KEY), Listed(2, REF, "r"), Listed(3, REF, "s"), Listed(4, REF, "r"), Listed(7, KEY)]
    with database.write() as conn:
        assert foreign.indexed(conn, LOG) == 0
        foreign.put_leaves(conn, LOG, rows, 8)
        foreign.put_leaves(conn, LOG, rows[:2], 9)
        assert foreign.indexed(conn, LOG) == 9
        assert foreign.key_leaves(conn, LOG, 8, 10) == [1, 7]
        assert foreign.key_leaves(conn, LOG, 7, 10) == [1]
        assert foreign.ref_leaves(conn, LOG, "r", 8, 10) == [4, 2]
        assert foreign.ref_leaves(conn, LOG, "r", 4, 10) == [2]
        assert foreign.ref_leaves(conn, "other", "r", 4, 10) == []


def test_leaves_are_found_by_their_repository(database: Database) -> None:
    """The newest leaf of each ref, the newest about the repository itself, and which repositories a stretch is about."""
    here, other = foreign.place_of("o", "model", "A/m"), foreign.place_of("o", "dataset", "a/m")
    assert here == foreign.place_of("o", "model", "a/M")
    rows = [Listed(1, REPO, "", here), Listed(2, REF, "r", here), Listed(3, REF, "s", here), Listed(4, REF, "r", here)]
    rows += [Listed(5, REF, "t", other), Listed(6, REPO, "", here), Listed(7, KEY)]
    with database.write() as conn:
        foreign.put_leaves(conn, LOG, rows, 8)
        assert foreign.newest_refs(conn, LOG, here, 8, 10) == [4, 3]
        assert foreign.newest_refs(conn, LOG, here, 4, 1) == [3]
        assert [foreign.newest_repo(conn, LOG, here, size) for size in (8, 6, 1)] == [6, 1, None]
        assert [foreign.places(conn, LOG, *part) for part in ((0, 5), (4, 6), (7, 8))] == [{here}, {here, other}, set()]


def test_advisories_are_counted_where_they_come_in(database: Database) -> None:
    """The number grows with a leaf, with its arrival in the copy, and with its statement, and with nothing else."""
    with database.write() as conn:
        assert foreign.advisories_known(conn) == 0
        foreign.put_leaves(conn, LOG, [Listed(1, KEY)], 2)
        assert foreign.advisories_known(conn) == 0
        foreign.put_leaves(conn, LOG, [Listed(2, ADVISORY), Listed(3, ADVISORY)], 4)
        foreign.put_leaves(conn, "other", [Listed(0, ADVISORY)], 1)
        assert foreign.advisories_known(conn) == 3
        foreign.note_advisories(conn, LOG, 0, 2)
        assert foreign.advisories_known(conn) == 3
        foreign.note_advisories(conn, LOG, 2, 4)
        assert foreign.advisories_known(conn) == 5
        foreign.put_bundle(conn, LOG, 1, b"x")
        assert foreign.advisories_known(conn) == 5
        foreign.put_advisory(conn, LOG, 3, b"y")
        assert foreign.advisories_known(conn) == 6
        assert foreign.bundle(conn, LOG, 3) == b"y"
        assert foreign.indexed(conn, LOG) == 4


def test_the_newest_checkpoints_are_kept(database: Database) -> None:
    """So many of each log, the largest first; one that is kept stays as it is."""
    with database.write() as conn:
        for size in range(KEEP_CHECKPOINTS + 5):
            foreign.put_checkpoint(conn, LOG, KeptCheckpoint(size, "00", f"note {size}"))
        foreign.put_checkpoint(conn, LOG, KeptCheckpoint(size, "11", "another"))
        found = foreign.kept_checkpoints(conn, LOG)
    assert [one.size for one in found] == list(range(KEEP_CHECKPOINTS + 4, 4, -1))
    assert found[0].note == f"note {KEEP_CHECKPOINTS + 4}"


def test_bundles(database: Database) -> None:
    """A bundle is kept by the leaf that lists it, the first one for good."""
    with database.write() as conn:
        assert foreign.bundle(conn, LOG, 3) is None
        foreign.put_bundle(conn, LOG, 3, b"one")
        foreign.put_bundle(conn, LOG, 3, b"two")
        assert foreign.bundle(conn, LOG, 3) == b"one"


def test_versions_of_federations(database: Database) -> None:
    """The newest leaf that names one is known by its index, and what the newest ones name, of each log."""
    with database.write() as conn:
        assert foreign.newest_list(conn, LOG) == -1
        rows = [Listed(at, LIST, f"targets/{at}/00", "f" * 64) for at in (2, 5, 9)]
        foreign.put_leaves(conn, LOG, [*rows, Listed(11, KEY)], 12)
        assert foreign.newest_list(conn, LOG) == 9
        assert foreign.lists(conn, LOG, 2) == [rows[2], rows[1]]
        assert foreign.lists(conn, LOG, 2, 9) == [rows[1], rows[0]]
        assert foreign.lists(conn, "other", 2) == []


def test_a_replayed_state_is_kept_in_parts(database: Database) -> None:
    """The parts come back in their order; a later state takes the place of all of the former one's, of this log alone."""
    parts = [bytes([number]) * number for number in range(12)]
    with database.write() as conn:
        foreign.put_replay(conn, LOG, parts)
        foreign.put_replay(conn, "other", parts[:2])
        assert foreign.kept_replay(conn, LOG) == parts
        foreign.put_replay(conn, LOG, [b"new"])
        assert foreign.kept_replay(conn, LOG) == [b"new"]
        assert foreign.kept_replay(conn, "other") == parts[:2]
        assert foreign.kept_replay(conn, "nobody") == []
