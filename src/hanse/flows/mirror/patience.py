"""Reading from a place that fails now and then: what arrived is kept, the rest asked for again, a busy place waited for.

One that fetches the file itself first is waited for as long as that goes on (`hanse.flows.pull.busy`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from hanse.errors import Busy, PeerBusy, PeerDown, PeerMisbehaved, PeerRefused, PeerTooSlow
from hanse.flows.pull.busy import Waited, rest_of
from hanse.model.filepin import FilePin
from hanse.model.steps import Steps
from hanse.peers.place import Place, RangesIgnored, part_of_whole

ATTEMPTS = 4
"""Failures in a row, without `FORGIVEN` bytes between them, after which a place counts as down."""
FORGIVEN = 64 * 1024
"""Bytes after which earlier failures are forgotten: a place that gives a byte now and then would hold a mirror for years."""
BUSY = 429
MAX_BUSY = 30
MAX_WAIT = 300
"""How often, and for how many seconds at most, a place that asks for patience is waited for."""


class Halt:
    """When reading is to end: because somebody says so (`stop`), or because it failed elsewhere."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()
        self._failed = threading.Event()

    def fail(self) -> None:
        """Let whoever reads end."""
        self._failed.set()

    def is_set(self) -> bool:
        """Tell whether reading is to end."""
        return self._stop.is_set() or self._failed.is_set()

    @staticmethod
    def stopped() -> Busy:
        """Return the error of what is not done because reading was to end."""
        return Busy("stopped", hint="run the same command again: it goes on where it was")

    def wait(self, seconds: float) -> None:
        """Wait so long, or until reading failed elsewhere."""
        self._failed.wait(seconds)


class Patience:
    """Reads one file; stop: tells when reading is to end; clock: monotonic seconds."""

    def __init__(self, stop: Halt, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stop, self._clock = stop, clock
        self._failures = 0
        self._busy = 0
        self._waited = Waited()

    def read(self, place: Place, pin: FilePin, start: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to the end, in pieces, across broken connections.

        Raises what the place raises in the end; Busy if reading was stopped.
        """
        at = start
        while at < pin.size:
            if self._stop.is_set():
                raise self._stop.stopped()
            began = at
            try:
                for piece in self._rest(place, pin, at):
                    at += len(piece)
                    if at - began >= FORGIVEN:
                        self._failures = 0
                    yield piece
                    if self._stop.is_set():
                        break
                if at < pin.size and not self._stop.is_set():
                    raise PeerMisbehaved(f"{place.name} ended {pin.path!r} at {at} of {pin.size} bytes")
            except PeerRefused as error:
                self._wait_busy(error)
            except PeerBusy as error:
                self._wait_fetched(error)
            except (PeerDown, PeerTooSlow) as error:
                self._wait_down(error)

    def whole(self, place: Place, pin: FilePin) -> bytes:
        """Return all bytes of a small file; raises as `read`."""
        return b"".join(self.read(place, pin, 0))

    def _rest(self, place: Place, pin: FilePin, at: int) -> Iterator[bytes]:
        """Yield what a place gives from `at` on; if it knows no ranges, nothing for what is passed over."""
        with suppress(RangesIgnored):
            yield from place.read(pin, at, pin.size)
            return
        yield from part_of_whole(place, pin, at, pin.size)

    def _wait_busy(self, error: PeerRefused) -> None:
        self._busy += 1
        if error.status != BUSY or self._busy > MAX_BUSY:
            raise error
        asked = error.retry_after
        self._pause(min(max(float(asked) if asked else 2.0 * self._busy, 0.1), MAX_WAIT))

    def _wait_fetched(self, error: PeerBusy) -> None:
        if not self._waited.goes_on(Steps(error.done, error.total), self._clock()):
            raise error
        self._failures = 0
        self._pause(rest_of(error.retry_after))

    def _wait_down(self, error: PeerDown | PeerTooSlow) -> None:
        self._failures += 1
        if self._failures >= ATTEMPTS:
            raise error
        self._pause(0.2 * 2**self._failures)

    def _pause(self, seconds: float) -> None:
        while seconds > 0 and not self._stop.is_set():
            self._stop.wait(min(seconds, 1.0))
            seconds -= 1.0
