"""A puller as a gateway uses it: every file on its way is counted in the session, and old names without a namespace are found.

Names such as `gpt2` are an upstream's own: it says under which full name it keeps them now. What it said first stays.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Protocol

from hanse.errors import BadRepoId, IntegrityError, NotFoundError, RepoNotFound
from hanse.flows.gateway_session import Session
from hanse.flows.pull.asked import PulledRevision
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.fetch import Fetch
from hanse.flows.pull.puller import Puller
from hanse.model.repo import Origin, RepoType, parse_name, parse_repo_id
from hanse.peers.hub import Hub
from hanse.store.held.heldfile import HeldFile

_KIND = "full-name"


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
            self._session.lied(event.place, f"{event.path}{chunk}: {event.message}" if event.message else f"{event.path}{chunk}")

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
        token = token if self._own_token else ""
        return self._puller.revision(kind, self.full_name(kind, name, token), revision, token=token)

    def file(self, revision: PulledRevision, path: str) -> Fetch | HeldFile:
        """Return a file of a revision, or its fetch; raises as `Puller.file`."""
        found = self._puller.file(revision, path)
        if isinstance(found, Fetch):
            self._counting.add(found)
        return found

    def full_name(self, kind: RepoType, name: str, token: str) -> str:
        """Return `namespace/name` for a name that may lack its namespace; raises RepoNotFound, BadRepoId, PeerError."""
        if "/" in name:
            return name
        settings, held = self._puller.settings, self._puller.held
        key = f"{settings.upstream}|{kind.value}|{parse_name(name).lower()}"
        kept = held.get(_KIND, key)
        if kept is not None:
            return kept[0].decode()
        if settings.upstream is None or settings.offline:
            raise RepoNotFound(f"no repository {name!r} is known here", hint="write it as namespace/name")
        hub = Hub(settings.upstream, token or settings.token_for(settings.upstream))
        try:
            full = parse_repo_id(Origin("any"), kind, hub.info(kind, name, "main").id).path
        except (BadRepoId, NotFoundError) as error:
            raise RepoNotFound(f"no repository {name!r} is known at {hub.name}", hint="write it as namespace/name") from error
        if full.partition("/")[2].lower() != name.lower():
            raise IntegrityError(f"{hub.name} gives {full!r} as the full name of {name!r}", hint="write it as namespace/name")
        held.put(_KIND, key, full.encode(), 0)
        return full
