"""Waiting for another process: as long as something comes from it, and no longer."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.held import pin_of

from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.waiting import STUCK_SECONDS, Waiting
from hanse.store.held import Held

DATA = bytes(range(256)) * 64


def test_it_is_waited_for_while_it_goes_on(tmp_path: Path) -> None:
    """How far it is can be seen; who has been silent for a minute has stopped, and the file is fetched beside it."""
    now, told = [0.0], list[Event]()
    with Held.open(tmp_path / "held") as held:
        pin = pin_of(DATA, "a.bin")
        other = Waiting(pin, held, told.append, clock=lambda: now[0])
        with held.begin(pin) as partial:
            for at in range(3):
                partial.write(at * 4096, DATA[at * 4096 : (at + 1) * 4096])
                os.utime(partial.path, ns=(at, at))
                now[0] += STUCK_SECONDS - 1
                assert other.look() >= 0
                assert not other.stuck
            now[0] += STUCK_SECONDS
            assert other.look() <= len(DATA)
            assert other.stuck
            with held.begin(pin, beside=True) as twin:
                assert twin.path != partial.path
                assert twin.done == []
                twin.write(0, DATA)
                twin.mark(0, len(DATA))
                assert pin.sha256 is not None
                twin.commit(pin.sha256, pin.xet, None)
            assert held.find(pin) is not None
    assert [one.kind for one in told] == [Kind.WAIT, Kind.WAIT]
    assert "is waited for" in told[0].message
    assert "has stopped" in told[1].message
