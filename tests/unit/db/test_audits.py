"""How audits of members went, as rows."""

from __future__ import annotations

from hanse.db import audits
from hanse.db.audits import Audited
from hanse.db.engine import Database
from hanse.model.repo import Origin


def test_a_member_has_one_row(database: Database) -> None:
    """A member that was never audited has zeros; a row is replaced as a whole."""
    one = Origin("b.example")
    done = Audited(one, 3, 2, 1, 0, failing=True, outcome="false", says="other bytes", asked_at=5, served_at=4, logged_at=5)
    with database.write() as conn:
        assert audits.get(conn, one) == Audited(one)
        audits.put(conn, Audited(one, asked=1))
        audits.put(conn, done)
        assert audits.get(conn, one) == done
        assert audits.every(conn) == {one: done}
