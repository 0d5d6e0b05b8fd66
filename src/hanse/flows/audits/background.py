"""A serving node audits the members of its federations by itself: each after a while, in threads of its own, one audit at a time.

One process of a node does it. Members that only publish files are asked like the others, by the files of their site.
"""

from __future__ import annotations

from functools import partial
from secrets import SystemRandom

from hanse.db import audits
from hanse.flows.audits.journey import audit
from hanse.flows.background import ROUND_SECONDS, Background, Outcome
from hanse.flows.federation.kept import FederationFiles
from hanse.flows.node import Node
from hanse.model.repo import Origin
from hanse.peers.bulk import BulkClient
from hanse.peers.nodefiles import NodePlace
from hanse.peers.place import Place
from hanse.peers.staticplace import StaticPlace
from hanse.tlog.members import Member

_WORKERS = 2
_LIST_SECONDS = 60
_ANSWER_SECONDS = 30.0
"""How long a member has for one range."""


def place_of(client: BulkClient, member: Member) -> Place:
    """Return where a member's files can be asked for: its node, or the site with the files that it publishes."""
    found = StaticPlace if member.static else NodePlace
    return found(client, member.addresses[0])


class Auditing:
    """Audits every member about every `seconds`; 0: none ever."""

    def __init__(
        self,
        node: Node,
        files: FederationFiles,
        seconds: int,
        *,
        pace: float = ROUND_SECONDS,
    ) -> None:
        self._node = node
        self._files = files
        self._seconds = seconds
        self._client = BulkClient(seconds=_ANSWER_SECONDS, stall_seconds=_ANSWER_SECONDS / 2)
        self._members: dict[Origin, Member] = {}
        self._listed = 0
        self._due: dict[Origin, float] = {}
        self._background = Background("audit", node.db, self.step, workers=_WORKERS, pace=pace)

    def start(self) -> None:
        """Start the threads, if anybody is to be audited at all."""
        if self._seconds:
            self._background.start()

    def stop(self) -> None:
        """Audit nobody any more, and end connections; an answer that is waited for ends by itself."""
        self._background.stop()
        self._client.close()

    def step(self) -> int:
        """Audit whoever is due, without waiting for it; return how many that are."""
        now = self._node.clock.now()
        self._list(now)
        due = [one for one in self._members.values() if self._background.free(one.origin) and self._due[one.origin] <= now]
        if not due or not self._background.hold():
            return 0
        for member in due:
            self._due[member.origin] = self._next(now)
            self._background.run(member.origin, partial(self._one, member))
        return len(due)

    def _list(self, now: int) -> None:
        """Take in who the members are, at most once a minute if there are any; when each was asked last is in the catalogue."""
        if self._members and now - self._listed < _LIST_SECONDS:
            return
        self._listed = now
        found: dict[Origin, Member] = {}
        for name in self._files.names():
            found |= self._files.load(name).members.members
        self._members = {origin: one for origin, one in found.items() if origin != self._node.origin}
        with self._node.db.read() as conn:
            asked = audits.every(conn)
        for origin in self._members.keys() - self._due.keys():
            self._due[origin] = self._next(asked[origin].asked_at) if origin in asked else now

    def _next(self, last: int) -> float:
        # A little earlier or later each time, so that nobody knows when he will be asked.
        return last + SystemRandom().uniform(0.5, 1.0) * self._seconds

    def _one(self, member: Member) -> Outcome:
        if audit(self._node, member.origin, place_of(self._client, member)) is None:
            # Nothing to draw from yet: a new member, or a log that nobody has cosigned.
            self._due[member.origin] = min(self._due[member.origin], self._node.clock.now() + _LIST_SECONDS)
        return Outcome.DONE
