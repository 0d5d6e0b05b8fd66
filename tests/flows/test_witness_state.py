"""What a cosigner must not forget, when its catalogue is made again."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.memorylog import MemoryLog
from tests.support.nodes import fresh_catalogue, make_node

from hanse.cli.main import run
from hanse.db import alarms, cosigners
from hanse.db.alarms import Alarm
from hanse.db.cosigners import Cosigner
from hanse.db.engine import Database, sqlite_url
from hanse.errors import SizeConflict
from hanse.flows import witness
from hanse.flows.cosigners import add_log
from hanse.flows.keyring import Custody, open_keyring
from hanse.flows.witness_state import put_keys_away, read_state, write_state
from hanse.opening import opened_witness
from hanse.settings import load


def test_it_is_carried_over(database: Database, tmp_path: Path) -> None:
    """Sizes, cosigners and alarms are in the new catalogue as they were in the old one: no fork can be cosigned."""
    log = MemoryLog()
    log.grow(9)
    node = make_node(database, tmp_path / "data")
    add_log(node, [log.vkey])
    witness.submit(node, log.request(0, 7))
    with database.write() as conn:
        cosigners.put(conn, Cosigner("w.example/w", "witness", "vkey", "http://w.example", 5))
        alarms.put(conn, Alarm("equivocation", log.origin, "two roots", b"evidence", 5))
    state = read_state(database.url)
    assert state is not None
    fresh = fresh_catalogue(tmp_path)
    write_state(fresh, state)
    again = make_node(fresh, tmp_path / "data")
    with pytest.raises(SizeConflict):
        witness.submit(again, log.request(0))
    assert witness.submit(again, log.request(7)).checkpoint.size == 9
    with fresh.read() as conn:
        assert (len(cosigners.every(conn)), alarms.count(conn)) == (1, 1)
    fresh.close()


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """A damaged catalogue, one without these tables, and none at all tell nothing."""
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database at all" * 100)
    (tmp_path / "empty.db").touch()
    for name in ("damaged.db", "empty.db"):
        assert read_state(sqlite_url(tmp_path / name)) is None
    assert read_state(URL.create("sqlite", database=str(tmp_path / "no" / "folder.db"))) is None


def test_keys_are_put_away(tmp_path: Path) -> None:
    """The keys of witness and mirror are renamed, never deleted, and new ones are made; the others stay."""
    before = open_keyring(tmp_path, Custody())
    names = {path.name for path in put_keys_away(tmp_path)}
    assert names == {"witness.key.lost-1", "mirror.key.lost-1"}
    after = open_keyring(tmp_path, Custody())
    assert before.log.public == after.log.public
    assert before.witness.public != after.witness.public
    second = open_keyring(tmp_path, Custody(ml_dsa=True)).witness_ml_dsa
    assert second is not None
    moved = {"witness.key.lost-2", "witness-ml-dsa.key.lost-1", "mirror.key.lost-2"}
    assert {path.name for path in put_keys_away(tmp_path)} == moved


@pytest.mark.parametrize("damaged", [False, True])
def test_rebuilding_a_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool) -> None:
    """`hanse admin rebuild --replace` keeps sizes and keys while the old catalogue can be read, and neither if it cannot."""
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    settings = load({}, {"HANSE_HOME": str(tmp_path)})
    log = MemoryLog()
    log.grow(9)
    with opened_witness(settings) as node:
        add_log(node, [log.vkey])
        witness.submit(node, log.request(0, 7))
        key = node.keys.witness.public
    if damaged:
        (settings.data / "hanse.db").write_bytes(b"nothing that could be read" * 1000)
    assert run(["admin", "rebuild", "--replace"]) == 0
    with opened_witness(settings) as node:
        assert (node.keys.witness.public == key) is not damaged
        if not damaged:
            assert witness.find_log(node, log.origin).size == 7
