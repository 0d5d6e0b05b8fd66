"""Gathers cosignatures in the background: of this node's log from all its cosigners, and of silent logs of others.

Nothing waits for it: a cosigner that is down, slow or refuses is asked again later and later, while the others are asked as ever.
A cosigner is asked when the log has grown, at most once a second, and again every `refresh` seconds while it has not, because
the time in a cosignature is what tells a client that a log is not held back.

A log of somebody else that nobody submitted for that time and half of it again is silent. Anybody may then have its last
checkpoint cosigned again, so this node does: its readers go on without its operator.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from hanse.db import cosignatures, cosigners, leaves, witnesses
from hanse.db.cosigners import Cosigner
from hanse.db.witnesses import WitnessedLog
from hanse.errors import BlobNotFound, HanseError
from hanse.flows import witness
from hanse.flows.asking import Asked, Target, ask
from hanse.flows.holders import new_holder
from hanse.flows.logcopy import LogCopy
from hanse.flows.node import Node
from hanse.peers.client import PeerClient
from hanse.tlog.addcheckpoint import UnverifiedRequest
from hanse.tlog.checkpoint import Checkpoint
from hanse.tlog.note import parse_vkey
from hanse.tlog.proof import consistency_proof

ROUND_SECONDS = 1.0
KEEP_SIZES = 64
"""Of how many sizes of a log cosignatures are kept."""
MAX_PAUSE = 600.0
_MAX_PENDING = 30.0
_LEASE = "cosign"
_LEASE_MS = 15_000
_WORKERS = 16
_log = logging.getLogger(__name__)

Job = tuple[str, str, str]
"""Origin of a log; name and kind of a cosigner."""


@dataclass
class _Backoff:
    """When a cosigner may be asked again (monotonic seconds), and how often it failed or was not ready in a row."""

    until: float = 0.0
    failures: int = 0
    pending: int = 0

    def ended(self, asked: Asked, now: float) -> None:
        """Take in how asking ended."""
        if asked.failure:
            self.failures += 1
            self.until = now + min(MAX_PAUSE, 2.0 ** min(self.failures, 10))
        elif not asked.found:
            self.pending += 1
            self.until = now + min(_MAX_PENDING, 0.25 * 2.0 ** min(self.pending, 8))
        else:
            self.failures = self.pending = 0
            self.until = now + ROUND_SECONDS


class Cosigning:
    """Asks cosigners in threads of its own.

    target: returns the newest checkpoint of this node's log, None if there is nothing to cosign or it must not be signed;
    refresh: seconds after which a cosignature is renewed.
    """

    def __init__(self, node: Node, peers: PeerClient, target: Callable[[], Target | None], refresh: int) -> None:
        self._node = node
        self._peers = peers
        self._target = target
        self._refresh = refresh
        self._holder = new_holder()
        self._lock = threading.Lock()
        self._busy: set[Job] = set()
        self._backoff: dict[Job, _Backoff] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="cosign")
        self._thread = threading.Thread(target=self._run, name="cosign", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        self._thread.start()

    def stop(self) -> None:
        """Ask nobody any more; does not wait for answers that are still to come."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def step(self) -> int:
        """Ask whoever is due, without waiting for answers; return how many were asked."""
        with self._node.db.read() as conn:
            rows, logs = cosigners.every(conn), witnesses.every(conn)
        now = self._node.clock.now()
        jobs = self._own(rows, now) + self._silent(rows, logs, now)
        if not jobs or not self._hold():
            return 0
        for job, cosigner, target in jobs:
            with self._lock:
                self._busy.add(job)
            self._pool.submit(self._one, job, cosigner, target)
        return len(jobs)

    def _own(self, rows: list[Cosigner], now: int) -> list[tuple[Job, Cosigner, Target]]:
        """Return whom to ask about this node's log."""
        free = [row for row in rows if self._free((self._node.origin, row.name, row.kind))]
        target = self._target() if free else None
        if target is None:
            return []
        size = target.checkpoint.size
        due = [row for row in free if row.size != size or row.failure or now - row.asked_at >= self._refresh]
        return [((self._node.origin, row.name, row.kind), row, target) for row in due]

    def _silent(self, rows: list[Cosigner], logs: list[WitnessedLog], now: int) -> list[tuple[Job, Cosigner, Target]]:
        """Return whom to ask about logs that nobody submitted for long; this node's own witness is asked at once."""
        jobs: list[tuple[Job, Cosigner, Target]] = []
        for log in logs:
            if log.note and log.size and now - log.time >= self._refresh + self._refresh // 2:
                again = refresh_here(self._node, log)
                target = target_of(self._node, again)
                asked = [replace(row, size=again.size, failure="") for row in rows]
                jobs += [(job, row, target) for row in asked if self._free(job := (log.origin, row.name, row.kind))]
        return jobs

    def _free(self, job: Job) -> bool:
        with self._lock:
            return job not in self._busy and self._backoff.setdefault(job, _Backoff()).until <= time.monotonic()

    def _hold(self) -> bool:
        """Take or keep the lease under which one process of a node asks."""
        with self._node.db.write() as conn:
            return leaves.take_lease(conn, self._holder, time.time_ns() // 1_000_000, _LEASE_MS, _LEASE) is not None

    def _one(self, job: Job, cosigner: Cosigner, target: Target) -> None:
        asked = Asked(cosigner.size, failure="stopped")
        try:
            asked = ask(self._peers, cosigner, target, self._node.clock.now())
            keep(self._node, job[0], cosigner, asked)
        except HanseError as error:
            _log.warning("cosign: %s: %s", cosigner.name, error.message)
        except Exception:  # noqa: BLE001 logged, and asked again later
            _log.exception("cosign: %s", cosigner.name)
        finally:
            with self._lock:
                self._backoff[job].ended(asked, time.monotonic())
                self._busy.discard(job)
            self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.step()
            except HanseError as error:
                _log.warning("cosign: %s", error.message)
            except Exception:  # noqa: BLE001 logged; a thread that ends here would leave the log without cosignatures for ever
                _log.exception("cosign: unexpected")
            self._wake.wait(ROUND_SECONDS)
            self._wake.clear()


def keep(node: Node, origin: str, cosigner: Cosigner, asked: Asked) -> None:
    """Keep what a cosigner answered about the log of an origin, and how it stands if that is this node's own."""
    own = origin == node.origin
    with node.db.write() as conn:
        cosignatures.put(conn, asked.found)
        cosignatures.prune(conn, origin, KEEP_SIZES)
        if own:
            cosigners.record(conn, cosigner, size=asked.size, asked_at=node.clock.now(), failure=asked.failure)
    if asked.failure and asked.failure != cosigner.failure:
        _log.warning("cosign: %s: %s", cosigner.name, asked.failure)


def refresh_here(node: Node, log: WitnessedLog) -> WitnessedLog:
    """Return a log after this node's own witness cosigned its last checkpoint again."""
    return witness.submit(node, UnverifiedRequest(log.size, (), log.note.encode()).encode()).log


def target_of(node: Node, log: WitnessedLog) -> Target:
    """Return the last checkpoint of a log of somebody else; proofs come from the copy that this node holds as a mirror.

    Without a copy only those who stand at the same size can be asked: any other proof raises BlobNotFound.
    """
    copy = LogCopy(node.store, log.origin)

    def prove(old: int) -> tuple[bytes, ...]:
        if old not in (0, log.size) and log.mirrored < log.size:
            raise BlobNotFound(f"the tiles of {log.origin} up to size {log.size} are not here")
        return consistency_proof(old, log.size, copy.reader(log.mirrored))

    checkpoint = Checkpoint(log.origin, log.size, bytes.fromhex(log.root))
    return Target(checkpoint, log.note.encode(), tuple(map(parse_vkey, log.vkeys)), prove)
