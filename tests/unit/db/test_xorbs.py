"""Xorbs, who may refer to them, and the chunks that find them."""

from __future__ import annotations

import pytest

from hanse.db import repos, xorbs
from hanse.db.engine import Database
from hanse.db.schema import repos as repos_table
from hanse.db.xorbs import NewXorb
from hanse.model.digest import XetHash
from hanse.model.repo import Origin, RepoId, RepoType, Visibility

PUBLIC = repos_table.c.visibility == "public"


def _xorb(number: int) -> NewXorb:
    return NewXorb(XetHash(f"{number:064x}"), 100, 90, 2)


@pytest.fixture(name="held")
def _held(database: Database) -> tuple[int, int, list[int]]:
    """Return ids of a public and a private repository, and of four xorbs: three held by the first, the last by the second."""
    with database.write() as conn:
        made = [
            repos.create(conn, RepoId(Origin("o"), RepoType.MODEL, "a", name), visibility=seen, salt=None, creator_id=None, now=1)
            for name, seen in (("open", Visibility.PUBLIC), ("closed", Visibility.PRIVATE))
        ]
        rows = xorbs.insert_xorbs(conn, [_xorb(number) for number in range(4)], 5)
        ids = sorted(row.id for row in rows.values())
        xorbs.link_xorbs(conn, made[0], ids[:3])
        xorbs.link_xorbs(conn, made[1], ids[3:])
    return made[0], made[1], ids


def test_xorbs_are_found_through_their_holders_only(database: Database, held: tuple[int, int, list[int]]) -> None:
    """A scope may refer to what its repositories hold."""
    names = [_xorb(number).hash for number in range(5)]
    with database.read() as conn:
        assert set(xorbs.find_xorbs(conn, PUBLIC, names)) == set(names[:3])
        assert set(xorbs.find_xorbs(conn, held[1], names)) == {names[3]}
        assert set(xorbs.get_xorbs(conn, names)) == set(names[:4])
        assert [row.hash for row in xorbs.recent_xorbs(conn, held[0], 2)] == [names[2], names[1]]
        assert [row.hash for row in xorbs.all_xorbs(conn, held[2][1], 9)] == names[2:4]


def test_chunks_find_the_newest_xorbs_of_a_scope(database: Database, held: tuple[int, int, list[int]]) -> None:
    """The same chunk in a private xorb is not found from outside."""
    value, ids = b"c" * 32, held[2]
    with database.write() as conn:
        xorbs.insert_chunks(conn, [(value, ids[0]), (value, ids[3]), (value, ids[3])])
        xorbs.insert_chunks(conn, [(value, ids[2])])
        assert [row.id for row in xorbs.find_chunk(conn, PUBLIC, value, 9)] == [ids[2], ids[0]]
        assert [row.id for row in xorbs.find_chunk(conn, held[1], value, 9)] == [ids[3]]
        assert xorbs.find_chunk(conn, PUBLIC, b"d" * 32, 9) == []


def test_neighbours_share_a_repository(database: Database, held: tuple[int, int, list[int]]) -> None:
    """What came in around a xorb is found in the repositories of the scope that hold it, and nowhere else."""
    ids = held[2]
    with database.read() as conn:
        assert [row.id for row in xorbs.neighbours(conn, PUBLIC, ids[0], 16)] == ids[:3]
        assert [row.id for row in xorbs.neighbours(conn, PUBLIC, ids[0], 2)] == ids[:2]
        assert xorbs.neighbours(conn, PUBLIC, ids[3], 16) == []


def test_the_day_of_advertising_never_moves_back(database: Database, held: tuple[int, int, list[int]]) -> None:
    """The newest day an answer named a xorb counts."""
    first = held[2][0]
    with database.write() as conn:
        for day in (7, 9, 8):
            xorbs.advertise(conn, [first], day)
        days = [row.advertised_day for row in xorbs.all_xorbs(conn)]
    assert days == [9, None, None, None]
