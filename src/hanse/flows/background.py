"""Work beside everything else: jobs with a key, each in a thread, one of a key at a time; those that fail run ever less often.

Under a lease only one process of a node does it. Nobody waits for it, and stopping does not either.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum

from hanse.db import leaves
from hanse.db.engine import Database
from hanse.errors import HanseError
from hanse.flows.holders import new_holder

ROUND_SECONDS = 1.0
MAX_PAUSE = 600.0
MAX_WAITING_PAUSE = 30.0
_FIRST_WAIT = 0.25
_LEASE_MS = 15_000
_log = logging.getLogger(__name__)


class Outcome(Enum):
    """How a job ended: done, to be asked again soon, or failed."""

    DONE = "done"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass
class State:
    """When a key may run again (monotonic seconds), and how often it failed or had to wait in a row."""

    until: float = 0.0
    failed: int = 0
    waited: int = 0

    def ended(self, outcome: Outcome, now: float, pace: float) -> None:
        """Take in how a job of this key ended."""
        if outcome is Outcome.FAILED:
            self.failed += 1
            self.until = now + min(MAX_PAUSE, 2.0 ** min(self.failed, 10))
        elif outcome is Outcome.WAITING:
            self.waited += 1
            self.until = now + min(MAX_WAITING_PAUSE, _FIRST_WAIT * 2.0 ** min(self.waited, 8))
        else:
            self.failed = self.waited = 0
            self.until = now + pace


class Background:
    """Calls `step` about once a second, and whenever a job has ended; `step` looks what is due and runs jobs.

    name: of threads and lease; workers: jobs at a time; pace: seconds between two jobs of a key, and two calls of `step`.
    """

    def __init__(self, name: str, db: Database, step: Callable[[], object], *, workers: int, pace: float = ROUND_SECONDS) -> None:
        self._name = name
        self._db = db
        self._step = step
        self._pace = pace
        self._holder = new_holder()
        self._lock = threading.Lock()
        self._busy: set[Hashable] = set()
        self._states: dict[Hashable, State] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread that calls `step`."""
        self._thread.start()

    def stop(self) -> None:
        """Start nothing any more; jobs that run are left to end by themselves."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)
        self._pool.shutdown(wait=False, cancel_futures=True)
        try:
            with self._db.write() as conn:
                leaves.release_lease(conn, self._holder, self._name)
        except HanseError as error:  # it lapses by itself
            _log.warning("%s: the lease was not given up: %s", self._name, error.message)

    def poke(self) -> None:
        """Have `step` called now."""
        self._wake.set()

    def free(self, key: Hashable) -> bool:
        """Tell whether a job of this key may run: none does, and its pause is over."""
        with self._lock:
            return key not in self._busy and self._states.setdefault(key, State()).until <= time.monotonic()

    def hold(self) -> bool:
        """Take or keep the lease; tell whether this process has it."""
        with self._db.write() as conn:
            return leaves.take_lease(conn, self._holder, time.time_ns() // 1_000_000, _LEASE_MS, self._name) is not None

    def run(self, key: Hashable, job: Callable[[], Outcome]) -> None:
        """Run a job in a thread; one that raises has failed."""
        with self._lock:
            self._busy.add(key)
            self._states.setdefault(key, State())
        self._pool.submit(self._one, key, job)

    def _one(self, key: Hashable, job: Callable[[], Outcome]) -> None:
        outcome = Outcome.FAILED
        try:
            outcome = job()
        except HanseError as error:
            _log.warning("%s: %s: %s", self._name, key, error.message)
        except Exception:  # noqa: BLE001 logged, and tried again later
            _log.exception("%s: %s", self._name, key)
        finally:
            with self._lock:
                self._states[key].ended(outcome, time.monotonic(), self._pace)
                self._busy.discard(key)
            self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._step()
            except HanseError as error:
                _log.warning("%s: %s", self._name, error.message)
            except Exception:  # noqa: BLE001 a thread that ends here would leave a node that looks well and does nothing
                _log.exception("%s: unexpected", self._name)
            self._wake.wait(self._pace)
            self._wake.clear()
