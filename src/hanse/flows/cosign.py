"""Gathers cosignatures in the background: of this node's log from all its cosigners, and of silent logs of others.

Nothing waits for it: a cosigner that is down, slow or refuses is asked again later and later, while the others are asked as ever.
A cosigner is asked when the log has grown, at most once a second, and again every `refresh` seconds while it has not, because
the time in a cosignature is what tells a client that a log is not held back.

A log of somebody else that nobody submitted for that time and half of it again is silent. Anybody may then have its last
checkpoint cosigned again, so this node does: its readers go on without its operator.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from hanse.db import alarms, attestations, cosignatures, cosigners, witnesses
from hanse.db.alarms import Alarm
from hanse.db.cosigners import Cosigner
from hanse.db.witnesses import WitnessedLog
from hanse.errors import BlobNotFound
from hanse.flows import witness
from hanse.flows.asking import Asked, Target, ask
from hanse.flows.background import ROUND_SECONDS, Background, Outcome
from hanse.flows.foreign.checkpoints import arrived
from hanse.flows.keeper import Keeper
from hanse.flows.logcopy import LogCopy
from hanse.flows.mirror_cosign import mirrored_note
from hanse.model.canonical import canonical
from hanse.model.predicates import EVALUATION
from hanse.peers.client import PeerClient
from hanse.tlog.addcheckpoint import UnverifiedRequest
from hanse.tlog.checkpoint import Checkpoint
from hanse.tlog.note import parse_vkey
from hanse.tlog.proof import consistency_proof

KEEP_SIZES = 64
KEEP_RECORDS = 1000
"""Evaluation records whose first cosigned checkpoint stays: it draws the items of an audit."""
"""Of how many sizes of a log cosignatures are kept."""
_WORKERS = 16
_log = logging.getLogger(__name__)

Job = tuple[str, str, str]
"""Origin of a log; name and kind of a cosigner."""
Due = tuple[Job, Cosigner, Target]


class Cosigning:
    """Asks cosigners in threads of its own.

    target: returns the newest checkpoint of this node's log, None if there is nothing to cosign or it must not be signed;
    refresh: seconds after which a cosignature is renewed; pace: the shortest time between two questions to one cosigner.
    """

    def __init__(
        self, node: Keeper, peers: PeerClient, target: Callable[[], Target | None], refresh: int, *, pace: float = ROUND_SECONDS
    ) -> None:
        self._node = node
        self._peers = peers
        self._target = target
        self._refresh = refresh
        self._background = Background("cosign", node.db, self.step, workers=_WORKERS, pace=pace)

    def start(self) -> None:
        """Start the threads."""
        self._background.start()

    def stop(self) -> None:
        """Ask nobody any more; does not wait for answers that are still to come."""
        self._background.stop()

    def step(self) -> int:
        """Ask whoever is due, without waiting for answers; return how many are asked."""
        with self._node.db.read() as conn:
            rows, logs = cosigners.every(conn), witnesses.every(conn)
        now = self._node.clock.now()
        jobs = [job for job in (*self._own(rows, now), *self._silent(rows, logs, now)) if self._background.free(job[0])]
        if not jobs or not self._background.hold():
            return 0
        for job, cosigner, target in jobs:
            self._background.run(job, partial(self._one, job[0], cosigner, target))
        return len(jobs)

    def _own(self, rows: list[Cosigner], now: int) -> list[Due]:
        """Return whom to ask about this node's log."""
        free = [row for row in rows if self._background.free((self._node.origin, row.name, row.kind))]
        target = self._target() if free else None
        if target is None:
            return []
        size = target.checkpoint.size
        due = [row for row in free if row.size != size or row.failure or now - row.asked_at >= self._refresh]
        return [((self._node.origin, row.name, row.kind), row, target) for row in due]

    def _silent(self, rows: list[Cosigner], logs: list[WitnessedLog], now: int) -> list[Due]:
        """Return whom to ask about logs that nobody submitted for long; this node's own witness is asked at once."""
        jobs: list[Due] = []
        for log in logs:
            if log.note and log.size and now - log.time >= self._refresh + self._refresh // 2:
                again = refresh_here(self._node, log)
                target = target_of(self._node, again)
                jobs += [((log.origin, row.name, row.kind), replace(row, size=again.size, failure=""), target) for row in rows]
        return jobs

    def _one(self, origin: str, cosigner: Cosigner, target: Target) -> Outcome:
        asked = ask(self._peers, cosigner, target, self._node.clock.now())
        keep(self._node, origin, cosigner, asked)
        if asked.failure:
            return Outcome.FAILED
        return Outcome.DONE if asked.found else Outcome.WAITING


def keep(node: Keeper, origin: str, cosigner: Cosigner, asked: Asked) -> None:
    """Keep what a cosigner answered about the log of an origin, and how it stands if that is this node's own."""
    with node.db.write() as conn:
        cosignatures.put(conn, asked.found)
        records = attestations.indexes(conn, EVALUATION, KEEP_RECORDS) if origin == node.origin else []
        cosignatures.prune(conn, origin, KEEP_SIZES, records)
        if origin == node.origin:
            cosigners.record(conn, cosigner, size=asked.size, asked_at=node.clock.now(), failure=asked.failure)
            if asked.shown:
                evidence = canonical({"checkpoint": asked.shown})
                alarms.put(conn, Alarm("lost-end", origin, asked.failure, evidence, node.clock.now()))
    if asked.failure and asked.failure != cosigner.failure:
        _log.warning("cosign: %s: %s", cosigner.name, asked.failure)


def refresh_here(node: Keeper, log: WitnessedLog) -> WitnessedLog:
    """Return a log after this node's own witness cosigned its last checkpoint again, and its mirror, if it holds all of it."""
    again = witness.submit(node, UnverifiedRequest(log.size, (), log.note.encode()).encode()).log
    if (again.mirrored, again.mirrored_root) == (again.size, again.root) and again.mirror_note:
        note = mirrored_note(node, again)
        with node.db.write() as conn:
            moved = witnesses.set_mirrored(conn, again, again.size, again.root, note)
        if moved:
            again = replace(again, mirror_note=note)
            arrived(node, again)
    return again


def target_of(node: Keeper, log: WitnessedLog) -> Target:
    """Return the last checkpoint of a log of somebody else; proofs come from the copy that this node holds as a mirror.

    Without a copy only those who stand at the same size can be asked: any other proof raises BlobNotFound.
    """
    copy = LogCopy(node.store, log.origin)

    def prove(old: int) -> tuple[bytes, ...]:
        if old not in (0, log.size) and log.mirrored < log.size:
            raise BlobNotFound(f"the tiles of {log.origin} up to size {log.size} are not here")
        return consistency_proof(old, log.size, copy.reader(log.mirrored))

    checkpoint = Checkpoint(log.origin, log.size, bytes.fromhex(log.root))
    return Target(checkpoint, log.note.encode(), tuple(map(parse_vkey, log.vkeys)), prove, partial(_size, node, log))


def _size(node: Keeper, log: WitnessedLog) -> int:
    return witness.find_log(node, log.origin).size
