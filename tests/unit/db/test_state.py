"""The node's own facts."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from hanse.db.engine import Database
from hanse.db.state import get_fact, get_state, insert_state, put_fact, set_state


def test_facts_are_kept(database: Database) -> None:
    """Facts start empty, are added together and can be changed."""
    with database.write() as conn:
        assert get_state(conn) == {}
        insert_state(conn, {"origin": "a.example", "cas_epoch": "00000000"})
        set_state(conn, "cas_epoch", "11111111")
    with database.read() as conn:
        assert get_state(conn) == {"origin": "a.example", "cas_epoch": "11111111"}
        assert (get_fact(conn, "cas_epoch"), get_fact(conn, "catalogue")) == ("11111111", None)


def test_a_fact_is_added_once(database: Database) -> None:
    """A fact that is there is not silently replaced."""
    with database.write() as conn:
        insert_state(conn, {"origin": "a.example"})
    with pytest.raises(IntegrityError), database.write() as conn:
        insert_state(conn, {"origin": "b.example"})


def test_a_fact_is_put_whether_it_is_there_or_not(database: Database) -> None:
    """What a job notes down is set the first time and replaced after that."""
    with database.write() as conn:
        for value in ("a", "b"):
            put_fact(conn, "scan_place", value)
            assert get_fact(conn, "scan_place") == value
