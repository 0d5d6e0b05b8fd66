"""Replayed states in memory, made again from copies when they are gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.leaves import ORIGIN
from tests.support.logs import Log, operator_log
from tests.support.nodes import fresh_catalogue

from hanse.db import foreign
from hanse.db.engine import Database
from hanse.db.foreign import KeptCheckpoint
from hanse.db.witnesses import WitnessedLog
from hanse.errors import BadProof, StorageError
from hanse.flows import replays as module
from hanse.flows.logcopy import LogCopy
from hanse.flows.replays import Replays
from hanse.store.keys import mirror_key
from hanse.store.local import LocalStore
from hanse.tlog import saved
from hanse.tlog.hashing import Frontier, leaf_hash
from hanse.tlog.replay import Replay

LOG = WitnessedLog(ORIGIN, (), "", 0, "", "", 0, 0, "", "", 0, "", 0)


def _hold(store: LocalStore, log: Log, old: int) -> WitnessedLog:
    copy = LogCopy(store, ORIGIN)
    copy.put(copy.grow(old, log.leaves[old:]))
    return replace(LOG, mirrored=len(log.leaves))


def test_what_is_kept_goes_on(tmp_path: Path) -> None:
    """Entries continue what was kept; what was appended and not kept is forgotten."""
    store, log = LocalStore(tmp_path), operator_log()
    replays = Replays(store)
    assert replays.append(LOG, log.leaves) == []
    assert replays.append(LOG, log.leaves) == []  # not kept: begins again
    replays.keep(ORIGIN)
    held = _hold(store, log, 0)
    log.snapshot()
    assert replays.append(held, log.leaves[held.mirrored :]) == []


def test_a_restart_replays_the_copy(tmp_path: Path) -> None:
    """A new process has the same state as the old one: a snapshot of everything before is true for it, another is not."""
    store, log = LocalStore(tmp_path), operator_log()
    held = _hold(store, log, 0)
    true = log.snapshot()
    assert Replays(store).append(held, [true]) == []
    log.ref(2)
    with pytest.raises(BadProof):
        Replays(store).append(held, [log.snapshot()])


def test_a_failed_append_changes_nothing(tmp_path: Path) -> None:
    """After a false entry the state is what it was before."""
    store, log = LocalStore(tmp_path), operator_log()
    replays, held = Replays(store), _hold(store, log, 0)
    with pytest.raises(BadProof):
        replays.append(held, [log.leaves[-1]])
    assert replays.append(held, [log.snapshot()]) == []


@pytest.fixture(name="db")
def _db(tmp_path: Path) -> Iterator[Database]:
    """Return an empty catalogue."""
    database = fresh_catalogue(tmp_path)
    yield database
    database.close()


@pytest.fixture(name="appended")
def _appended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Write states down after every leaf, and return how many leaves each call of a replay took in, as it goes on."""
    seen: list[int] = []
    whole = Replay.append

    def counted(self: Replay, leaves: list[bytes]) -> None:
        seen.append(len(leaves))
        whole(self, leaves)

    monkeypatch.setattr(Replay, "append", counted)
    monkeypatch.setattr(module, "SAVE_LEAVES", 1)
    return seen


def _step(replays: Replays, store: LocalStore, log: Log, held: WitnessedLog, end: int, *, arrived: bool = True) -> WitnessedLog:
    """Take a log into a copy up to `end`, and return how it stands."""
    replays.append(held, log.leaves[held.mirrored : end])
    copy = LogCopy(store, ORIGIN)
    copy.put(copy.grow(held.mirrored, log.leaves[held.mirrored : end]))
    root = Frontier().append(map(leaf_hash, log.leaves[:end])).root.hex()
    replays.keep(ORIGIN, arrived=arrived)
    return replace(held, mirrored=end, mirrored_root=root)


def test_a_restart_replays_only_what_was_not_written_down(
    tmp_path: Path, db: Database, appended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new process reads the state that was written down, and takes in the leaves after it, no others."""
    store, log = LocalStore(tmp_path / "data"), operator_log()
    for number in range(60):
        log.ref(number)
    replays = Replays(store, db)
    held = _step(replays, store, log, LOG, 40)
    monkeypatch.setattr(module, "SAVE_LEAVES", 1000)
    held = _step(replays, store, log, held, 50)
    appended.clear()
    assert Replays(store, db).append(held, log.leaves[50:]) == []
    assert appended == [10, len(log.leaves) - 50]


def test_a_restart_has_the_maps_where_the_copy_stood(tmp_path: Path, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new process has the maps at each kept checkpoint from the state that was written down on, as the old one had them."""
    store, log, held, sizes = LocalStore(tmp_path / "data"), operator_log(), LOG, list[int]()
    replays = Replays(store, db)
    for number in range(4):
        monkeypatch.setattr(module, "SAVE_LEAVES", 1 if number == 1 else 1000)
        log.ref(number)
        log.snapshot()
        held = _step(replays, store, log, held, len(log.leaves))
        sizes.append(held.mirrored)
        with db.write() as conn:
            foreign.put_checkpoint(conn, ORIGIN, KeptCheckpoint(held.mirrored, held.mirrored_root, ""))
    fresh = Replays(store, db)
    for size in sizes[1:]:
        mine, theirs = fresh.maps(held, size), replays.maps(held, size)
        assert mine is not None
        assert theirs is not None
        assert (mine.snapshot, mine.refs.root) == (theirs.snapshot, theirs.refs.root)
    assert fresh.maps(held, sizes[0]) is None
    assert fresh.maps(held, sizes[1] + 1) is None, "no checkpoint was kept there"


def test_a_damaged_state_is_replayed_anew(tmp_path: Path, db: Database, appended: list[int]) -> None:
    """One wrong byte, a missing part, the state of another history, and the whole copy is replayed: the outcome is the same."""
    store, log, other = LocalStore(tmp_path / "data"), operator_log(), operator_log()
    held = _step(Replays(store, db), store, log, LOG, len(log.leaves))
    other.leaves.pop()
    other.tips.clear()
    other.ref(7)
    next_leaf = log.snapshot()
    with db.read() as conn:
        good = foreign.kept_replay(conn, ORIGIN)
    wrong = good[0][:-1] + bytes([good[0][-1] ^ 1])
    for bad in ([wrong, *good[1:]], good[:1], saved.save(other.replay()), []):
        with db.write() as conn:
            foreign.put_replay(conn, ORIGIN, bad)
        appended.clear()
        assert Replays(store, db).append(held, [next_leaf]) == []
        assert appended == [held.mirrored, 1]


def test_a_damaged_copy_is_no_fault_of_its_log(tmp_path: Path, db: Database) -> None:
    """Where the bytes on this node's own disk changed, replay ends with a storage error, never with what blames the log."""
    store, log = LocalStore(tmp_path / "data"), operator_log()
    held = _step(Replays(store, db), store, log, LOG, len(log.leaves))
    with pytest.raises(StorageError, match="held here is damaged: its root is"):
        Replays(store).append(replace(held, mirrored_root="ab" * 32), [])
    key = mirror_key(held.origin_hash, f"tile/entries/000.p/{held.mirrored}")
    data = store.get(key)
    store.delete(key)
    store.put(key, data.replace(b"org/name", b"org/nome"))
    with pytest.raises(StorageError, match="held here is damaged: leaf"):
        Replays(store).append(held, [])


def test_a_long_log_is_written_down_underway(tmp_path: Path, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a copy is still catching up its state is written down at each doubling, so that a kill does not lose it all."""
    monkeypatch.setattr(module, "SAVE_UNDERWAY", 8)
    store, log, sizes = LocalStore(tmp_path / "data"), operator_log(), set[int]()
    for number in range(35):
        log.ref(number)
    replays, held = Replays(store, db), LOG
    for end in range(1, len(log.leaves) + 1):
        held = _step(replays, store, log, held, end, arrived=False)
        with db.read() as conn:
            parts = foreign.kept_replay(conn, ORIGIN)
        sizes |= {saved.load(parts).size} if parts else set()
    assert sizes == {8, 16, 32}
