"""The sequencer: leases, fences, and rolling forward from every point at which it can crash."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import URL, update
from tests.support import world
from tests.support.faults import FaultyStore
from tests.support.nodes import TickingClock, add_user, commit, make_node, new_repo, running

from hanse.db import leaves
from hanse.db.engine import Database
from hanse.db.schema import leases as lease_table
from hanse.errors import Busy, LeaseLost, StorageError
from hanse.flows.journal import Times
from hanse.flows.keyleaves import register_keys
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.sequence import LEASE_MS, Sequencer
from hanse.model.actor import Actor
from hanse.store.local import LocalStore

PUTS = 5  # staged batch, bundle, tile, head of one small batch; then what the batch before made superfluous


class Millis:
    """A clock in milliseconds that stands still until told to move."""

    def __init__(self) -> None:
        self.time = 1_000_000

    def __call__(self) -> int:
        """Return the time that was set."""
        return self.time


def _queue(node: Node, actor: Actor, path: str = "alice/m") -> None:
    """Queue the leaves of a new repository without waiting for a sequencer; before the first ones, those of the node's keys."""
    register_keys(node)
    with pytest.raises(Busy):
        new_repo(_impatient(node), actor, path)


def _lapse(database: Database) -> None:
    """Let the present lease end as if its 5 seconds had passed."""
    with database.write() as conn:
        conn.execute(update(lease_table).values(expires_at=0))


def _impatient(node: Node) -> Node:
    return replace(node, limits=replace(node.limits, publish_timeout_seconds=0))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 2 + PUTS))
def test_failure_at_any_object_rolls_forward(database: Database, tmp_path: Path, at: int, after: bool) -> None:
    """Whichever object cannot be put or deleted, nothing is half applied and the next try completes the same batch."""
    data = tmp_path / "data"
    with running(make_node(database, data)) as node:
        alice = add_user(node, "alice")
        repo = new_repo(node, alice, "alice/m")
    faulty = make_node(database, data, store=FaultyStore(LocalStore(data), at, after=after))
    _queue(node, alice, "alice/n")
    with suppress(StorageError):
        while faulty.sequencer.step():
            pass
    _lapse(database)
    with running(make_node(database, data)) as again:
        commit(again, alice, repo, PutBytes("a", b"1"))
    world.check(again)
    with database.read() as conn:
        assert leaves.outstanding(conn) == (False, False)
        head = leaves.head(conn)
    assert head is not None
    assert head.staged is None


def test_failing_transaction_changes_nothing(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If applying an effect fails, the head stays and the leaves wait."""
    node = make_node(database, tmp_path / "data")
    alice = add_user(node, "alice")
    _queue(node, alice)
    with monkeypatch.context() as patch:
        patch.setattr("hanse.flows.effects.apply_all", _disk_failure)
        with pytest.raises(StorageError):
            node.sequencer.step()
    _lapse(database)
    with database.read() as conn:
        head = leaves.head(conn)
        assert leaves.outstanding(conn)[0]
    assert head is not None
    assert head.size == 0
    with running(make_node(database, tmp_path / "data")) as again:
        new_repo(again, alice, "alice/n")
    world.check(again)


def _disk_failure(*_: object) -> None:
    raise StorageError("the disk failed here on purpose")


def test_thread_survives_what_nobody_expected(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is none of this program's own is reported and tried again; the thread goes on and publishes."""
    node = make_node(database, tmp_path / "data")
    alice = add_user(node, "alice")
    _queue(node, alice)
    with monkeypatch.context() as patch:
        patch.setattr("hanse.flows.effects.apply_all", _programming_error)
        node.sequencer.start()
        _until(lambda: node.sequencer.failure is not None)
        failure = node.sequencer.failure
    assert isinstance(failure, StorageError)
    assert "ZeroDivisionError" in failure.message
    try:
        repo = new_repo(node, alice, "alice/n")
        commit(node, alice, repo, PutBytes("a", b"1"))
        _until(lambda: node.sequencer.failure is None)
    finally:
        node.sequencer.stop()
    world.check(node)


def _programming_error(*_: object) -> None:
    raise ZeroDivisionError("a mistake on purpose")


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_fence_stops_a_sleeper(database: Database, tmp_path: Path) -> None:
    """A holder that slept past its lease and was replaced finds LeaseLost, writes nothing, and can start afresh."""
    clock = Millis()
    node = make_node(database, tmp_path / "data")
    alice = add_user(node, "alice")
    sleeper, other = (Sequencer(database, node.store, TickingClock(), now_ms=clock) for _ in range(2))
    _queue(node, alice, "alice/a")
    assert sleeper.step() == 8  # five keys of the node, and that of the namespace
    _queue(node, alice, "alice/b")
    assert other.step() == 0, "the lease is another's"
    clock.time += LEASE_MS + 1
    journal = sleeper._journal
    assert other.step() == 2
    _queue(node, alice, "alice/c")
    with database.read() as conn:
        rows = leaves.waiting(conn, 10)
    with pytest.raises(LeaseLost):
        journal.commit(rows, sleeper._holder, 1, Times(0, clock.time))
    assert sleeper.step() == 0
    clock.time += LEASE_MS + 1
    assert sleeper.step() == 2
    world.check(node)


def test_lease_is_given_up_on_stop(database: Database, tmp_path: Path) -> None:
    """After a clean stop another process goes on at once."""
    data = tmp_path / "data"
    with running(make_node(database, data)) as node:
        alice = add_user(node, "alice")
        new_repo(node, alice, "alice/a")
    with database.read() as conn:
        lease = leaves.peek_lease(conn)
    assert lease is not None
    assert lease.expires_at == 0
    with running(make_node(database, data)) as other:
        new_repo(other, alice, "alice/b")


def test_many_sequencers_one_journal(database: Database, tmp_path: Path) -> None:
    """Processes that share a catalogue publish side by side: one journal without gap or double, whoever sequences."""
    data = tmp_path / "data"
    nodes = [make_node(database, data) for _ in range(3)]
    alice = add_user(nodes[0], "alice")
    with running(nodes[0]), running(nodes[1]), running(nodes[2]):
        repo = new_repo(nodes[0], alice, "alice/m")

        def work(number: int) -> None:
            for turn in range(5):
                commit(nodes[number], alice, repo, PutBytes(f"{number}-{turn}", b"x"))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done = commit(nodes[0], alice, repo, PutBytes("last", b"x"))
    assert done.seq == 17
    world.check(nodes[0])


def test_batch_larger_than_a_bundle(sqlite_url: URL, tmp_path: Path) -> None:
    """Leaves that waited long come in several batches, over the border of a bundle."""
    node = make_node(Database(sqlite_url), tmp_path / "data")
    alice = add_user(node, "alice")
    for number in range(140):
        _queue(node, alice, f"alice/r{number}")
    assert [node.sequencer.step() for _ in range(3)] == [255, 31, 0]
    world.check(node)
    node.db.close()


def test_waiting_without_sequencer_is_busy(database: Database, tmp_path: Path) -> None:
    """A publisher is told to come back if nothing sequences; the change is applied later."""
    node = make_node(database, tmp_path / "data")
    alice = add_user(node, "alice")
    _queue(node, alice)
    node.sequencer.step()
    with database.read() as conn:
        assert leaves.index_of(conn, 1) == 0
