"""Two processes of one node on PostgreSQL: each log is followed by one of them, and by the other when that is gone."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.leaves import ORIGIN
from tests.support.logs import operator_log
from tests.support.memorylog import MemoryLog
from tests.support.nodes import TickingClock, make_node
from tests.support.served import log_server, until

from hanse.db.engine import Database
from hanse.flows import witness
from hanse.flows.cosigners import add_log
from hanse.flows.follow import Following
from hanse.model.leaf import encode_leaf
from hanse.peers.client import PeerClient

HOUR = 3600


@pytest.mark.soak
def test_one_of_two_follows(postgres_url: URL, tmp_path: Path) -> None:
    """While both run, a log is read and cosigned once for each look; when the one that does it stops, the other goes on."""
    made, log = operator_log(), MemoryLog(origin=ORIGIN)
    log.append([*made.leaves, made.add(encode_leaf(made.replay().snapshot(0)))])
    clock = TickingClock()
    with (
        closing(Database(postgres_url)) as first,
        closing(Database(postgres_url)) as second,
        closing(PeerClient(seconds=60)) as peers,
        log_server(log) as server,
    ):
        nodes = [make_node(database, tmp_path / "data", clock=clock) for database in (first, second)]
        node = nodes[0]
        add_log(node, [log.vkey], server.url)
        both = [Following(replace(one), peers, HOUR, pace=0.02) for one in nodes]
        for one in both:
            one.start()
        until(lambda: witness.find_log(node, ORIGIN).mirrored == log.size)
        assert server.asked.count("checkpoint") == 1
        for one in both:
            clock.time += HOUR
            until(lambda: witness.find_log(node, ORIGIN).followed_at == clock.time)
            one.stop()
        assert server.asked.count("checkpoint") <= 4  # whoever takes over looks at once
