"""Sources are asked at once, and the silent do not keep waiting who has something already."""

from __future__ import annotations

import time

import pytest
from tests.support.pulling import Machine, main_of

from hanse.conform.faults import Fault
from hanse.conform.origin import HubOrigin
from hanse.errors import PeerDown
from hanse.flows.pull import asking


def test_a_silent_source_costs_little_once(home: Machine, origin: HubOrigin, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upstream that accepts connections and says nothing does not keep held things waiting, and is then left alone."""
    found = main_of(home.puller(upstream=origin.url))
    monkeypatch.setattr(asking, "HELD_SECONDS", 1.5)
    port = origin.port
    origin.stop()
    home.clock.time += 3600
    with HubOrigin(port=port) as stalled:
        stalled.faults.set(Fault.DRIP_HEADERS)
        stalled.faults.set(Fault.STALL)
        before = time.monotonic()
        assert main_of(home.puller(upstream=stalled.url)).rev == found.rev
        assert time.monotonic() - before < 30, "a silent source was waited for as long as a connection lasts"


def test_rest_spares_only_waiting_for_what_is_held(home: Machine, origin: HubOrigin) -> None:
    """Where nothing is held, a source that has just failed is asked at once."""
    origin.stop()
    for puller in (home.puller(upstream=origin.url), home.puller(origin.url, upstream=origin.url)):
        with pytest.raises(PeerDown):
            main_of(puller)
        origin.start()
        assert main_of(puller).as_of is None
        origin.stop()
        for kind in ("revision", "ref", "name"):
            for key in home.held.keys(kind):
                home.held.delete(kind, key)


def test_after_an_outage_the_next_start_sees_it(home: Machine, origin: HubOrigin) -> None:
    """A new process asks a source that rests once, shortly, and does not say `as of` of what that confirms."""
    found = main_of(home.puller(upstream=origin.url))
    origin.stop()
    assert main_of(home.puller(upstream=origin.url)).as_of is not None
    origin.start()
    again = main_of(home.puller(upstream=origin.url))
    assert (again.rev, again.as_of, again.notices) == (found.rev, None, ())
