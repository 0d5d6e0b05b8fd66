"""Replayed states in memory, made again from copies when they are gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.leaves import ORIGIN
from tests.support.logs import Log, operator_log

from hanse.db.witnesses import WitnessedLog
from hanse.errors import BadProof
from hanse.flows.logcopy import LogCopy
from hanse.flows.replays import Replays
from hanse.store.local import LocalStore

LOG = WitnessedLog(ORIGIN, (), "", 0, "", "", 0, 0, "", "", 0, "")


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
