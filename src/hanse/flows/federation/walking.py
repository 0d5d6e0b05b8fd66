"""A serving node walks to the newest state of its federations by itself, and does what follows from it.

Each federation is looked at once after the start, then every sixty times the seconds after which logs are followed, at most
hourly, a little earlier or later each time so that members do not all ask at once; and once within a minute or so after the log
of a member named a version, since a leaf in a log is no more than a reason to look. One process of a node does it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from secrets import SystemRandom

from hanse.flows.background import ROUND_SECONDS, Background, Outcome
from hanse.flows.federation.enact import enact, listed_members
from hanse.flows.federation.follow import update
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.federation.newer import Marks, marks, withheld
from hanse.flows.keeper import Keeper
from hanse.model.repo import Origin
from hanse.peers.client import PeerClient

TIMES = 60
MOST_SECONDS = 3600
EARLY_SECONDS = 60
"""How often at most a federation is looked at because a log named a version."""
_log = logging.getLogger(__name__)


class Walking:
    """Walks in a thread of its own. seconds: after which logs are followed; enacted: called after something changed."""

    def __init__(
        self,
        node: Keeper,
        files: FederationFiles,
        peers: PeerClient,
        seconds: int,
        *,
        enacted: Callable[[], None] = lambda: None,
        pace: float = ROUND_SECONDS,
    ) -> None:
        self._node = node
        self._files = files
        self._peers = peers
        self._seconds = min(MOST_SECONDS, TIMES * seconds)
        self._enacted = enacted
        self._due: dict[Origin, float] = dict.fromkeys(files.names(), 0.0)
        self._early: dict[Origin, tuple[float, Marks]] = {}
        self._background = Background("federation", node.db, self.step, workers=1, pace=pace)

    def start(self) -> None:
        """Start the thread."""
        self._background.start()

    def stop(self) -> None:
        """Walk no further; what is being read is left to end by itself."""
        self._background.stop()

    def step(self) -> int:
        """Walk wherever it is due, without waiting for it; return how many federations that are."""
        now = self._node.clock.now()
        names = self._files.names()
        free = [name for name in names if self._background.free(name)]
        due = [name for name in free if now >= self._due.setdefault(name, self._next(now)) or self._is_named(name, now)]
        if not due or not self._background.hold():
            return 0
        for name in due:
            self._due[name] = self._next(now)
            self._background.run(name, partial(self._walk, name))
        return len(due)

    def _next(self, now: int) -> float:
        return now + SystemRandom().uniform(0.8, 1.0) * self._seconds

    def _is_named(self, name: Origin, now: int) -> bool:
        """Tell whether a log named a version since this was asked last, which is done once a minute at most."""
        after, before = self._early.get(name, (0.0, None))
        if now < after:
            return False
        found = marks(self._node, listed_members(self._node, name))
        self._early[name] = (now + EARLY_SECONDS, found)
        return before is not None and found != before

    def _walk(self, name: Origin) -> Outcome:
        before = self._files.load(name)
        trip = update(self._peers, self._files, name)
        for url, says in trip.wrong.items():
            _log.error("federation %s: %s shows something false: %s", name, url, says)
        told = enact(self._node, trip.federation)
        for line in told:
            _log.info("federation %s: %s", name, line)
        for line in withheld(self._node, self._files, trip.federation):
            _log.warning("federation %s: %s", name, line)
        if told or trip.federation != before:
            self._enacted()
        return Outcome.DONE
