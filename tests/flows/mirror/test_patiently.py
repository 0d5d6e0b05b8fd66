"""An upstream that asks for patience gets it, for as long as it says."""

from __future__ import annotations

import threading

import pytest
from tests.support.upstreams import FILES, NAME, upstream

from hanse.conform.faults import Fault
from hanse.errors import Busy, PeerRefused
from hanse.flows.mirror.journey import Options, mirror
from hanse.flows.mirror.patience import MAX_BUSY, MAX_WAIT
from hanse.flows.mirror.patiently import Patiently
from hanse.flows.mirror.upstream import InfoClaim
from hanse.flows.node import Node
from hanse.model.digest import GitOid
from hanse.model.repo import RepoType

MODEL = RepoType.MODEL


def test_it_is_asked_again_after_the_time_that_it_names(lite: Node) -> None:
    """An upstream that wants an hour at every first question is mirrored, after the longest wait that is made, told each time."""
    waited: list[float] = []
    told: list[int] = []
    with upstream() as (origin, hub):
        origin.faults.retry_after = 3600
        origin.faults.set(Fault.RATE_LIMIT, times=1)

        def wait(_stop: threading.Event, seconds: float) -> None:
            waited.append(seconds)
            hub.hub.client.patience.forgive()

        patient = Patiently(hub, threading.Event(), lambda _url, seconds: told.append(seconds), wait)
        done = mirror(lite, patient, MODEL, NAME, options=Options())
        assert (patient.url, patient.origin) == (hub.url, hub.origin)
        assert patient.refs(MODEL, NAME) == {"refs/heads/main": done.revision.rev}
        assert {one.path for one in patient.tree(MODEL, NAME, done.revision.rev)} == FILES.keys()
        assert [one.rev for one in patient.commits(MODEL, NAME, "main", 5)] == [done.revision.rev]
    assert waited == told == [MAX_WAIT]
    assert done.revision.files == len(FILES)


class Refusing(Patiently):
    """An upstream that refuses every question. status: with what."""

    asked = 0
    status = 429

    def info(self, kind: RepoType, path: str, rev: str) -> InfoClaim:
        """Refuse."""
        Refusing.asked += 1
        raise PeerRefused(f"no {kind} {path} {rev}", status=self.status)


def test_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many waits a question, then the refusal counts; another refusal counts at once, and whoever is told to stop does."""
    with upstream() as (_, hub):
        monkeypatch.setattr(Refusing, "asked", 0)
        waited: list[float] = []
        refusing = Refusing(hub, threading.Event())
        with pytest.raises(PeerRefused):
            Patiently(refusing, threading.Event(), wait=lambda _stop, seconds: waited.append(seconds)).info(MODEL, NAME, "main")
        assert (Refusing.asked, len(waited)) == (MAX_BUSY + 1, MAX_BUSY)
        stop = threading.Event()
        stop.set()
        with pytest.raises(Busy, match="stopped"):
            Patiently(refusing, stop).info(MODEL, NAME, "main")
        monkeypatch.setattr(Refusing, "status", 403)
        with pytest.raises(PeerRefused):
            Patiently(refusing, stop).info(MODEL, NAME, "main")
        assert Patiently(hub, stop).place(MODEL, NAME, GitOid("1" * 40)).name == hub.hub.name
