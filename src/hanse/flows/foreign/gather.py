"""Fetches, in the background, the statements of others about revisions that are held here: their leaves have digests only.

Each mirrored log is walked through, once and again from its beginning every hour. Where it lists a statement about a revision
that is here, and neither the statement is here nor can it be made (`hanse.flows.foreign.statements`), its node is asked for the
evidence file of that revision; what that shows counts as far as the copy of the log says so (`hanse.flows.foreign.keep`).
Statements of its advisories are fetched first (`hanse.flows.advisories.fetch`).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from hanse.db import foreign, repos, revisions, sightings, witnesses
from hanse.db.repos import Repo
from hanse.db.sightings import Said
from hanse.db.witnesses import WitnessedLog
from hanse.errors import NotFoundError, PeerRefused
from hanse.flows.advisories.fetch import fetch as fetch_advisories
from hanse.flows.background import ROUND_SECONDS, Background, Outcome
from hanse.flows.fetch_evidence import fetch_evidence
from hanse.flows.foreign import statements
from hanse.flows.foreign.checkpoints import arrived
from hanse.flows.foreign.copies import Copy
from hanse.flows.foreign.index import take
from hanse.flows.foreign.keep import keep_evidence
from hanse.flows.node import Node
from hanse.model.repo import parse_repo_id, parse_repo_type
from hanse.peers.client import PeerClient

PAGE = 200
"""Statements of one log that are looked at in one go."""
FETCHES = 4
"""Files fetched from one node in one go."""
AGAIN_SECONDS = 3600
_WORKERS = 2


@dataclass
class Walk:
    """How far a log was walked through.

    after: index; begun: when, seconds; asked: size of its copy when it was last asked about a (repository, revision): what it
    logged before is not asked for again in this walk, what it logs later is.
    """

    after: int = -1
    begun: int = 0
    asked: dict[tuple[int, str], int] = field(default_factory=dict)


class Gathering:
    """Gathers in threads of its own. seconds: after which a log that grew is looked at again."""

    def __init__(self, node: Node, peers: PeerClient, seconds: int, *, pace: float = ROUND_SECONDS) -> None:
        self._node = node
        self._peers = peers
        self._seconds = seconds
        self._walks: dict[str, Walk] = {}
        self._looked: dict[str, int] = {}
        self._background = Background("gather", node.db, self.step, workers=_WORKERS, pace=pace)

    def start(self) -> None:
        """Start the threads."""
        self._background.start()

    def stop(self) -> None:
        """Ask nobody any more; what is being read is left to end by itself."""
        self._background.stop()

    def step(self) -> int:
        """Look at whatever log is due, without waiting for it; return how many that are."""
        with self._node.db.read() as conn:
            logs = [log for log in witnesses.every(conn) if log.mirrored and log.url.endswith("/log")]
        now = self._node.clock.now()
        due = [log for log in logs if now - self._looked.get(log.origin, 0) >= self._seconds]
        due = [log for log in due if self._background.free(log.origin)]
        if not due or not self._background.hold():
            return 0
        for log in due:
            self._background.run(log.origin, partial(self.one, log))
        return len(due)

    def one(self, log: WitnessedLog) -> Outcome:
        """Look at the next statements of a log and fetch what is missing; raises PeerError, and goes on there the next time."""
        self._catch_up(log)
        fetch_advisories(self._node, self._peers, log)
        now = self._node.clock.now()
        walk = self._walks.setdefault(log.origin, Walk(begun=now))
        if now - walk.begun >= AGAIN_SECONDS:
            walk = self._walks[log.origin] = Walk(begun=now)
        with self._node.db.read() as conn:
            rows = sightings.page(conn, log.origin, walk.after, PAGE)
        copy, left = Copy(self._node.db, self._node.store, log), FETCHES
        for row in rows:
            if not left:
                return Outcome.DONE
            left -= self._look(walk, copy, row)
            walk.after = row.index
        if len(rows) < PAGE:
            self._looked[log.origin] = now
        return Outcome.DONE

    def _catch_up(self, log: WitnessedLog) -> None:
        """Take in what the copy held before it was looked through, and the checkpoint that it stands at."""
        take(self._node.db, self._node.store, log.origin, log.mirrored, ())
        with self._node.db.read() as conn:
            kept = {one.size for one in foreign.kept_checkpoints(conn, log.origin)}
        if log.mirror_note and log.mirrored not in kept:
            arrived(self._node, log)

    def _look(self, walk: Walk, copy: Copy, row: Said) -> bool:
        """Fetch the evidence of a revision that is here if a statement about it is missing; tell whether a node was asked."""
        repo = self._held(row)
        leaf = copy.attest(row.index) if repo else None
        if repo is None or leaf is None or leaf.ref is not None or row.index < walk.asked.get((repo.id, row.rev), 0):
            return False
        if statements.find(self._node, repo, copy, row.index, leaf) is not None:
            return False
        base = copy.log.url.removesuffix("/log")
        with suppress(NotFoundError, PeerRefused):  # it says so in its log and does not give it: nothing more can be known
            seen = f"{copy.log.origin}:{copy.log.mirrored}"  # all that is not asked for again, also what too few cosigned yet
            data = fetch_evidence(self._peers, base, repo.repo.type, repo.repo.path, revision=row.rev, seen=seen)
            keep_evidence(self._node, repo, data)
        walk.asked[repo.id, row.rev] = copy.log.mirrored
        return True

    def _held(self, row: Said) -> Repo | None:
        """Return the public repository that a statement is about if its revision is here."""
        named = parse_repo_id(row.origin, parse_repo_type(row.type), row.repo)
        with self._node.db.read() as conn:
            found = repos.find(conn, named)
            if found is None or not found[0].public:
                return None
            there = revisions.get(conn, found[0].id, row.rev)
        return found[0] if there is not None and there.tree == row.tree else None
