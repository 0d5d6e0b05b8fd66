"""Rows of whom the node asks."""

from __future__ import annotations

from dataclasses import replace

from hanse.db import cosigners
from hanse.db.cosigners import Cosigner
from hanse.db.engine import Database

W1 = Cosigner("w1.example/witness", "witness", "vkey", "http://w1.example", 5)


def test_add_change_remove(database: Database) -> None:
    """One cosigner for each name and kind; adding it again starts it anew."""
    mirror = replace(W1, kind="mirror")
    with database.write() as conn:
        for one in (W1, mirror):
            cosigners.put(conn, one)
        cosigners.record(conn, W1, size=9, asked_at=77, failure="PeerDown: gone")
        assert cosigners.find(conn, W1.name, "witness") == replace(W1, size=9, asked_at=77, failure="PeerDown: gone")
        assert cosigners.find(conn, W1.name, "mirror") == mirror
        cosigners.put(conn, replace(W1, url="http://new.example"))
        assert cosigners.every(conn) == [mirror, replace(W1, url="http://new.example")]
        assert cosigners.remove(conn, W1.name, "witness")
        assert not cosigners.remove(conn, W1.name, "witness")
        assert cosigners.every(conn) == [mirror]
