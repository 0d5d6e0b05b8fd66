"""Hashes a file in order while its pieces arrive in any order, so that little is left to do after the last one."""

from __future__ import annotations

import os
import threading

from hanse.errors import StorageError
from hanse.flows.pull.digests import Digests, WholeFile
from hanse.flows.pull.schedule import Schedule
from hanse.store.durable import storage_errors
from hanse.store.held.partial import Partial

_READ = 4 << 20
"""Bytes that are read and hashed at a time: for each piece this thread waits for its turn beside those that fetch."""


class Follower:
    """A thread that reads what is done from the front and hashes it; `result` waits for it, `stop` gives it up."""

    def __init__(self, schedule: Schedule, partial: Partial, whole: WholeFile) -> None:
        self._schedule, self._partial, self._whole = schedule, partial, whole
        self._buffer = memoryview(bytearray(_READ))
        self._stopped = False
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="fetch hash", daemon=True)
        self._thread.start()

    def result(self) -> Digests:
        """Return the digests of the complete file; raises DigestMismatch if they are not the pinned ones, StorageError."""
        self._thread.join()
        if self._problem is not None:
            raise self._problem
        return self._whole.finish()

    def stop(self) -> None:
        """End the thread; it reads nothing any more on return."""
        with self._schedule.changed:
            self._stopped = True
            self._schedule.changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        try:
            with storage_errors("read a fetched file"), self._partial.path.open("rb", buffering=0) as file:
                self._follow(file.fileno())
        except Exception as error:  # noqa: BLE001 - raised where the result is asked for
            self._problem = error

    def _follow(self, file: int) -> None:
        layout, changed, number = self._schedule.layout, self._schedule.changed, 0
        while number < layout.count and not self._stopped:
            end = self._schedule.first_gap(number)
            if end > number:
                self._take(file, layout.start(number), layout.start(end))
                number = end
                continue
            with changed:
                if self._schedule.first_gap(number) == number and not self._stopped:
                    changed.wait()

    def _take(self, file: int, at: int, end: int) -> None:
        while at < end and not self._stopped:
            count = os.preadv(file, [self._buffer[: end - at]], at)
            if not count:
                raise StorageError(f"{self._partial.path} has lost bytes after {at}", hint="fetch the file again")
            self._whole.update(self._buffer[:count])
            at += count
