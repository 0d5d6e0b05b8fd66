"""An upstream that wants to be left alone for a while is, and then asked again: what it says of repositories, not their bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hanse.errors import Busy, PeerRefused
from hanse.flows.mirror.patience import BUSY, MAX_BUSY, MAX_WAIT
from hanse.flows.mirror.upstream import CommitClaim, InfoClaim, Upstream
from hanse.model.digest import GitOid
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType
from hanse.peers.place import Place

T = TypeVar("T")
Wait = Callable[[threading.Event, float], None]


def _wait(stop: threading.Event, seconds: float) -> None:
    stop.wait(seconds)


@dataclass(frozen=True, slots=True)
class Patiently:
    """An upstream, asked again as often as it says 429, after the time that it names; implements `Upstream`.

    stop: set when waiting is to end, which then raises Busy; report: told what is waited for, and for how many seconds; wait:
    waits. At most `MAX_BUSY` times a question, `MAX_WAIT` seconds each.
    """

    upstream: Upstream
    stop: threading.Event
    report: Callable[[str, int], None] = lambda _name, _seconds: None
    wait: Wait = field(default=_wait)

    @property
    def url(self) -> str:
        """Address of the upstream."""
        return self.upstream.url

    @property
    def origin(self) -> str:
        """Who answers for its names."""
        return self.upstream.origin

    def info(self, kind: RepoType, path: str, rev: str) -> InfoClaim:
        """Return what a revision name means at this moment."""
        return self._ask(lambda: self.upstream.info(kind, path, rev))

    def tree(self, kind: RepoType, path: str, rev: GitOid) -> Sequence[FilePin]:
        """Return every file of a revision."""
        return self._ask(lambda: self.upstream.tree(kind, path, rev))

    def refs(self, kind: RepoType, path: str) -> Mapping[str, GitOid]:
        """Return full names of branches and tags -> commit ids."""
        return self._ask(lambda: self.upstream.refs(kind, path))

    def commits(self, kind: RepoType, path: str, rev: str, limit: int) -> Sequence[CommitClaim]:
        """Return up to `limit` commits from `rev` back, the newest first."""
        return self._ask(lambda: self.upstream.commits(kind, path, rev, limit))

    def place(self, kind: RepoType, path: str, rev: GitOid) -> Place:
        """Return where the bytes of a revision are."""
        return self.upstream.place(kind, path, rev)

    def _ask(self, question: Callable[[], T]) -> T:
        for count in range(1, MAX_BUSY + 1):
            try:
                return question()
            except PeerRefused as error:
                if error.status != BUSY:
                    raise
                seconds = min(error.retry_after or 2 * count, MAX_WAIT)
            self.report(self.url, seconds)
            self.wait(self.stop, seconds)
            if self.stop.is_set():
                raise Busy("stopped", hint="run the same command again: it goes on where it was")
        return question()
