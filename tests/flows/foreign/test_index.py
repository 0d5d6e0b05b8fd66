"""A copy that was there before is looked through as well, once."""

from __future__ import annotations

from sqlalchemy import URL
from tests.flows.foreign.conftest import A, Agreed, C

from hanse.db import foreign
from hanse.db.engine import Database
from hanse.flows.foreign.index import take
from hanse.flows.logcopy import LogCopy
from hanse.flows.witness import find_log


def test_what_came_before_is_taken_in(agreed: Agreed, sqlite_url: URL) -> None:
    """Looking through the end of a copy looks through its beginning first; doing it again changes nothing."""
    node, database = agreed.three[C], Database(sqlite_url)
    log = find_log(node, A)
    entries = [one for part in LogCopy(node.store, A).entries(0, log.mirrored) for one in part]
    for _ in range(2):
        take(database, node.store, A, len(entries) - 2, [*entries[-2:]])
    take(database, node.store, A, len(entries), [b"no leaf", b'{"kind":"ref","v":1,"type":"x"}'])
    with node.db.read() as there, database.read() as here:
        assert foreign.indexed(here, A) == len(entries) + 2
        assert foreign.key_leaves(here, A, 1000, 1000) == foreign.key_leaves(there, A, 1000, 1000)
    database.close()
