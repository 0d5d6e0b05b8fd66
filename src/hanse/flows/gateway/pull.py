"""A puller as a gateway uses it: every file on its way is counted in the session, and tokens go to the home server only."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Protocol

from hanse.flows.gateway.session import Session, size_text
from hanse.flows.pull.asked import PulledRevision
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.fetch import Fetch
from hanse.flows.pull.puller import Puller
from hanse.model.repo import RepoType
from hanse.store.held.heldfile import HeldFile

SAY_SECONDS = 10.0
"""How often it is said how far files are."""


class Tracked(Protocol):
    """A fetch as far as it is counted."""

    @property
    def streamable(self) -> bool:
        """Whether its bytes leave while it goes on."""
        ...

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
        self._say_at = 0.0

    def report(self, event: Event) -> None:
        """Take an event of the fetcher."""
        if event.kind is Kind.LIE:
            chunk = "" if event.chunk is None else f", chunk {event.chunk}"
            self._session.lied(event.place, event.message or f"{event.path}{chunk}")
        elif event.kind is Kind.DEAD:
            self._session.fails(event.place, f"nothing of {event.path} comes now: {event.message}")
        elif event.kind is Kind.WAIT:
            self._session.waits(event.message)
        elif event.kind is Kind.PROGRESS and time.monotonic() > self._say_at:
            self._say()

    def _say(self) -> None:
        """Say how far the files are of which nothing leaves yet: whoever waits for them sees nothing of them until then."""
        with self._lock:
            if time.monotonic() <= self._say_at:
                return
            self._say_at = time.monotonic() + SAY_SECONDS
            held = [one.progress for one in self._running.values() if not one.streamable and one.progress[0] < one.progress[1]]
        if held:
            done, total = sum(one for one, _ in held), sum(one for _, one in held)
            what = "a file" if len(held) == 1 else f"{len(held)} files"
            self._session.waits(
                f"{size_text(done)} of {size_text(total)} are here of {what}, to be checked before the first byte is given"
            )

    def add(self, fetch: Tracked) -> None:
        """Count a fetch, now or when it has ended; one that several wait for is counted once."""
        with self._lock:
            if not self._running:
                self._say_at = time.monotonic() + SAY_SECONDS
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
