"""A puller as a gateway uses it: every file on its way is counted in the session, and tokens go to the home server only."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Protocol

from hanse.flows.gateway.session import Session
from hanse.flows.pull.asked import PulledRevision
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.fetch import Fetch
from hanse.flows.pull.puller import Puller
from hanse.model.repo import RepoType
from hanse.store.held.heldfile import HeldFile


class Tracked(Protocol):
    """A fetch as far as it is counted."""

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes that are here, and all."""
        ...

    @property
    def sources(self) -> Mapping[str, int]:
        """Bytes by place."""
        ...


class Counting:
    """What files that were fetched in a session came from. Safe for threads."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._running: dict[int, Tracked] = {}

    def report(self, event: Event) -> None:
        """Take an event of the fetcher."""
        if event.kind is Kind.LIE:
            chunk = "" if event.chunk is None else f", chunk {event.chunk}"
            self._session.lied(event.place, event.message or f"{event.path}{chunk}")
        elif event.kind is Kind.DEAD:
            self._session.fails(event.place, f"nothing of {event.path} comes now: {event.message}")
        elif event.kind is Kind.WAIT:
            self._session.waits(event.message)

    def add(self, fetch: Tracked) -> None:
        """Count a fetch, now or when it has ended; one that several wait for is counted once."""
        with self._lock:
            self._running[id(fetch)] = fetch
        self.settle(everything=False)

    def settle(self, *, everything: bool) -> None:
        """Move what has come whole, or simply everything, into the session's count."""
        with self._lock:
            done = [key for key, one in self._running.items() if everything or one.progress[0] == one.progress[1]]
            ended = [self._running.pop(key) for key in done]
        for fetch in ended:
            for place, count in fetch.sources.items():
                self._session.came(place, count)
            if fetch.progress[0] == fetch.progress[1]:
                self._session.fetched()


class GatewaySource:
    """What a gateway's handlers ask: a puller, watched.

    own_token: whether a caller's token is for the puller's home server; otherwise it goes nowhere.
    """

    def __init__(self, puller: Puller, counting: Counting, *, own_token: bool) -> None:
        self._puller = puller
        self._counting = counting
        self._own_token = own_token

    def revision(self, kind: RepoType, name: str, revision: str, *, token: str = "") -> PulledRevision:
        """Return a revision that may be used; raises as `Puller.revision`."""
        return self._puller.revision(kind, name, revision, token=token if self._own_token else "")

    def file(self, revision: PulledRevision, path: str) -> Fetch | HeldFile:
        """Return a file of a revision, or its fetch; raises as `Puller.file`."""
        found = self._puller.file(revision, path)
        if isinstance(found, Fetch):
            self._counting.add(found)
        return found
