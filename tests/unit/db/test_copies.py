"""Rows about copies: each settled revision once, moved from state to state, and counted."""

from __future__ import annotations

from dataclasses import replace

from hanse.db import copies, sightings
from hanse.db.copies import Copy
from hanse.db.engine import Database
from hanse.db.sightings import Said
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin

A, B = Origin("a.example"), Origin("b.example")
ONE = Copy(A, "model", "org/m", GitOid("1" * 40), Sha256("2" * 64), 10, copies.WANTED, changed_at=5)
TWO = replace(ONE, rev=GitOid("3" * 40), settled_at=20, size=100)


def _said(log: Origin, index: int, copy: Copy) -> Said:
    return Said(log, index, copy.origin, copy.type, copy.repo, copy.rev, copy.tree, copy.settled_at + index)


def test_what_was_settled_is_planned_once(database: Database) -> None:
    """Only the home's own word settles; what has a row, and what others say, is no news."""
    with database.write() as conn:
        sightings.put(conn, [_said(A, 1, ONE), _said(A, 2, ONE), _said(B, 1, ONE), _said(B, 2, replace(TWO, origin=A))])
        found = copies.unplanned(conn, [A, B], 10)
        assert [(one.key, one.state) for one in found] == [(ONE.key, copies.LEFT)]
        assert copies.unplanned(conn, [B], 10) == []
        copies.put_new(conn, found)
        assert copies.unplanned(conn, [A, B], 10) == []
        assert copies.holders(conn, ONE) == {A: 11, B: 11}


def test_rows_move(database: Database) -> None:
    """States, counters and reasons change; a row that was withdrawn leaves that state only by being released."""
    with database.write() as conn:
        copies.put_new(conn, [ONE, TWO, replace(ONE, size=7)])
        copies.set_state(conn, ONE.key, copies.HELD, 30, size=50, tries=0, says="a\0b" * 1000)
        copies.add_moved(conn, ONE.key, 40)
        copies.add_moved(conn, ONE.key, 2)
        found = copies.get(conn, ONE.key)
        assert found is not None
        assert (found.state, found.size, found.moved, found.changed_at, len(found.says)) == (copies.HELD, 50, 42, 30, 1000 - 333)
        assert copies.counts(conn) == {copies.HELD: (1, 50, 42), copies.WANTED: (1, 100, 0)}
        copies.withdraw(conn, (A, "model", "org/m"), rev=ONE.rev, now=40)
        copies.set_state(conn, ONE.key, copies.HELD, 50)
        assert [one.rev for one in copies.in_state(conn, [copies.WITHDRAWN], 9)] == [ONE.rev]
        copies.set_state(conn, ONE.key, copies.RELEASED, 60)
        copies.withdraw(conn, (A, "model", "org/m"), rev=None, now=70)
        assert [one.rev for one in copies.in_state(conn, [copies.WITHDRAWN], 9)] == [TWO.rev]
        assert copies.get(conn, (B, "model", "x/y", ONE.rev)) is None


def test_pages_follow_one_another(database: Database) -> None:
    """Paging by the last row leaves nothing out and gives nothing twice, also among rows of one time."""
    rows = [replace(ONE, repo=f"org/m{at % 3}", rev=GitOid(f"{at:040x}"), settled_at=at // 4) for at in range(20)]
    with database.write() as conn:
        copies.put_new(conn, rows)
        seen: list[Copy] = []
        while some := copies.in_state(conn, [copies.WANTED], 3, seen[-1] if seen else None):
            seen += some
    assert len(seen) == 20
    assert {one.key for one in seen} == {one.key for one in rows}
    assert [one.settled_at for one in seen] == sorted(one.settled_at for one in rows)
