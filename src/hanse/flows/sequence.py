"""The sequencer: the one writer of the journal among all processes of a node.

Every process runs one. Whoever sees waiting leaves takes the lease, unless another holder's is not over, and sequences
batches under the lease's fence; a busy holder renews it with each batch, an idle one lets it lapse, so that an idle node
writes nothing. The fence is checked inside the transaction that moves the head: a process that was suspended and comes back
after another took over finds LeaseLost and has written nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from hanse.clock import Clock
from hanse.db import leaves
from hanse.db.engine import Database
from hanse.errors import Busy, HanseError, IntegrityError, LeaseLost, StorageError, StorageFull
from hanse.flows.holders import is_gone, new_holder
from hanse.flows.journal import MAX_BATCH, Journal, Times, head_key
from hanse.flows.logstate import LogState
from hanse.store.base import BlobStore

LEASE_MS = 5000
_IDLE_SECONDS = 0.1
"""How often a process looks for leaves that another one queued."""
_BUSY_SECONDS = 0.02
"""The same soon after a batch, while others that publish wait for this process, which holds the lease."""
_BUSY_MS = 1000
"""How long after a batch that is: looking fifty times a second costs several per cent of a core."""
_FAILED_SECONDS = 1.0
_log = logging.getLogger(__name__)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


class Sequencer:
    """Sequences waiting leaves in a thread of its own, and lets publishers wait for theirs.

    The lease uses the machine's clock in milliseconds, never `clock`: machines that share a node must agree on time to well
    under the 5 seconds of a lease for speed, not for safety, which the fence gives.
    """

    def __init__(
        self,
        db: Database,
        store: BlobStore,
        clock: Clock,
        *,
        state: LogState | None = None,
        now_ms: Callable[[], int] = _wall_ms,
    ) -> None:
        self._db = db
        self._store = store
        self._clock = clock
        self._now_ms = now_ms
        self._journal = Journal(db, store, state)
        self._holder = new_holder()
        self._fence: int | None = None
        self._until = 0  # when the lease lapses, if this process has it
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._applied = threading.Condition()
        self._indexes: dict[int, int | None] = {}  # leaves that threads of this process wait for
        self._thread: threading.Thread | None = None
        self._failure: HanseError | None = None
        self._failures = 0

    @property
    def failure(self) -> HanseError | None:
        """Why the journal cannot go on at present, or None."""
        return self._failure

    def start(self) -> None:
        """Start sequencing; first whatever a crash left half done."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch at hand, give the lease up and end the thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._release()

    def wait(self, pending_id: int, timeout: float) -> int:
        """Return the log index of a leaf once it is in the log, applied, and all objects of its batch are in the store.

        timeout: seconds. Raises Busy afterwards (the leaf stays queued and will be applied), and StorageFull if there is no
        space for it (likewise); IntegrityError if the journal is damaged.
        """
        deadline = time.monotonic() + timeout
        with self._applied:
            self._indexes.setdefault(pending_id, None)
        self._wake.set()
        try:
            return self._await(pending_id, deadline)
        finally:
            with self._applied:
                self._indexes.pop(pending_id, None)

    def _await(self, pending_id: int, deadline: float) -> int:
        # Where this process sequences, it says so itself; the catalogue is asked in case that changes.
        pause, size, failures = (0.1 if self._now_ms() < self._until else 0.01), None, self._failures
        while True:
            with self._applied:
                index = self._indexes.get(pending_id)
                if index is None and self._applied.wait(min(pause, max(0.0, deadline - time.monotonic()))):
                    index = self._indexes.get(pending_id)
            if index is not None:
                return index
            index, size = self._look(pending_id, size)
            if index is not None:
                return index
            failure = self._failure
            if isinstance(failure, IntegrityError):
                raise failure
            if isinstance(failure, StorageFull) and self._failures > failures:  # tried again since
                raise StorageFull(failure.message, hint="free space; the change is queued and will be applied then")
            if time.monotonic() >= deadline:
                raise Busy("the journal did not take the change up in time", hint="it is queued and will be applied; look again")
            pause = min(pause * 2, _IDLE_SECONDS)

    def _look(self, pending_id: int, size: int | None) -> tuple[int | None, int | None]:
        """Return the leaf's index if another process applied it; else None and the head at which it was first seen committed."""
        with self._db.read() as conn:
            index, head = leaves.index_of(conn, pending_id), leaves.head(conn)
        if index is None or head is None:
            return None, None
        size = size or head.size
        # A batch is committed only after the one before it was applied.
        if head.size > size or head.staged is None or self._store.size(head_key(size)) is not None:
            return index, size
        return None, size

    def step(self) -> int:
        """Sequence one batch and return its number of leaves: 0 if none wait, or another process holds the lease.

        Raises LeaseLost if another process took over meanwhile; the next step starts afresh.
        """
        with self._db.read() as conn:
            waits, staged = leaves.outstanding(conn)
        if not waits and not (staged and self._fence is None):
            return 0
        if not self._hold() or self._fence is None:
            return 0
        with self._db.read() as conn:
            rows = leaves.waiting(conn, MAX_BATCH)
        if not rows:
            return 0
        self._until = self._now_ms() + LEASE_MS
        batch, content = self._journal.commit(rows, self._holder, self._fence, Times(self._clock.now(), self._until))
        self._tell({row.id: content.start + at for at, row in enumerate(rows)})
        self._journal.finish(batch, content)
        return len(rows)

    def _hold(self) -> bool:
        """Tell whether this process has the lease, taking it and loading the journal if need be."""
        with self._db.read() as conn:
            present = leaves.peek_lease(conn)
        now = self._now_ms()
        if present is not None and present.holder != self._holder and present.expires_at > now:
            if not is_gone(present.holder):
                self._fence = None
                return False
            now = present.expires_at  # killed on this machine: nobody need wait for the lease to lapse
        if present is not None and present.holder == self._holder and present.fence == self._fence:
            return True
        self._fence = None
        with self._db.write() as conn:
            taken = leaves.take_lease(conn, self._holder, now, LEASE_MS)
        if taken is None:
            return False
        self._journal.load(taken.fence)
        self._fence = taken.fence
        return True

    def _tell(self, indexes: dict[int, int]) -> None:
        with self._applied:
            for leaf_id in indexes.keys() & self._indexes.keys():
                self._indexes[leaf_id] = indexes[leaf_id]
            self._applied.notify_all()

    def _run(self) -> None:
        while True:
            done = 0
            try:
                done = self.step()
                self._failure = None
                if not done:
                    self._journal.prune()
            except LeaseLost as error:
                self._fence, self._until = None, 0
                _log.warning("sequencer: %s", error.message)
            except HanseError as error:
                # The disk or the database failed: try again; everything acknowledged so far is safe.
                self._fence, self._failure = None, error
                self._failures += 1
                _log.exception("sequencer: %s", error.message)
            except Exception as error:  # noqa: BLE001 logged below and tried again
                # A thread that ends here would leave a node that looks well and never publishes again.
                self._fence, self._failure = None, StorageError(f"the journal cannot go on: {type(error).__name__}")
                _log.exception("sequencer: unexpected")
            if self._stopping.is_set() and not done:
                break
            if not done:
                self._wake.wait(self._pause())
                self._wake.clear()

    def _pause(self) -> float:
        if self._failure is not None:
            return _FAILED_SECONDS
        return _BUSY_SECONDS if self._now_ms() < self._until - LEASE_MS + _BUSY_MS else _IDLE_SECONDS

    def _release(self) -> None:
        try:
            with self._db.write() as conn:
                leaves.release_lease(conn, self._holder)
        except HanseError as error:  # it lapses by itself
            _log.warning("sequencer: the lease was not given up: %s", error.message)
        self._fence = None
