"""Rows of the keys that the log speaks of."""

from __future__ import annotations

from dataclasses import replace

from hanse.db import logkeys
from hanse.db.engine import Database
from hanse.db.logkeys import LogKey
from hanse.model.digest import Sha256

KEY = LogKey("namespace", "acme", Sha256("a" * 64), "AAAA", "operator", "active", 5)


def test_keys_are_entered_once_for_each_use(database: Database) -> None:
    """The same key may serve several namespaces; entering it again changes nothing and says so."""
    other = replace(KEY, namespace="lab", since=4)
    with database.write() as conn:
        assert logkeys.add(conn, KEY)
        assert not logkeys.add(conn, replace(KEY, state="retired"))
        assert logkeys.add(conn, other)
        assert logkeys.of_use(conn, "namespace", "acme") == [KEY]
        assert logkeys.get(conn, "namespace", "lab", KEY.key) == other
        assert logkeys.get(conn, "ref", "", KEY.key) is None
        assert logkeys.every(conn) == [KEY, other]


def test_states_are_of_one_use_or_of_all(database: Database) -> None:
    """A key is retired for one use and namespace, distrusted for all."""
    other = replace(KEY, namespace="lab")
    with database.write() as conn:
        for key in (KEY, other):
            logkeys.add(conn, key)
        logkeys.set_state(conn, KEY.key, "retired", use="namespace", namespace="acme")
        assert [key.state for key in logkeys.every(conn)] == ["retired", "active"]
        logkeys.set_state(conn, KEY.key, "distrusted")
        assert [key.state for key in logkeys.every(conn)] == ["distrusted"] * 2
