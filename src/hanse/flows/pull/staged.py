"""Files of which no chunk can be checked: fetched whole, hashed, and only then anything.

One place at a time sends, so that who sent what is known; another one goes on where it stopped. If the whole is false and only
one place sent it, that place lied. If several did, or an earlier run that was ended, nobody can tell who: all of it is fetched
anew, from one place alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hanse.errors import DigestMismatch, HanseError, PeerMisbehaved
from hanse.flows.pull.digests import Digests, WholeFile
from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.follower import Follower
from hanse.flows.pull.layout import plain_layout
from hanse.flows.pull.schedule import Schedule
from hanse.flows.pull.sources import Source, Sources, as_failure
from hanse.flows.pull.transfer import PARALLEL, Transfer
from hanse.model.filepin import FilePin
from hanse.store.held.partial import Partial

IN_MEMORY = 512 * 1024
"""Bytes up to which a file is checked before it is written at all."""
_TICK = 0.1
_EARLIER = ""


class Staging:
    """One file that is fetched whole. thorough: check every digest that the pin gives (`hanse.flows.pull.digests`)."""

    def __init__(
        self,
        pin: FilePin,
        partial: Partial,
        sources: Sources,
        report: Callable[[Event], None],
        *,
        changed: threading.Condition,
        stopped: Callable[[], bool],
        thorough: bool = False,
        parallel: int = PARALLEL,
    ) -> None:
        self._pin, self._partial, self._sources, self._report = pin, partial, sources, report
        self._changed, self._stopped, self._thorough, self._parallel = changed, stopped, thorough, parallel

    def run(self) -> Digests | None:
        """Return the digests of the complete and true file, None if `stopped`.

        Raises what `Sources.verdict` says if no place is left, StorageError.
        """
        if self._pin.size <= IN_MEMORY:
            return self._in_memory()
        senders = {_EARLIER} if self._partial.done else set[str]()
        while not self._stopped():
            try:
                return self._once(senders)
            except DigestMismatch as error:
                self._partial.reset()
                self._blame(senders, error)
                senders = set()
        return None

    def _once(self, senders: set[str]) -> Digests | None:
        """Fetch what is missing, noting in `senders` who sent it; raises DigestMismatch if the whole is false."""
        schedule = Schedule(plain_layout(self._pin.size), self._changed)
        schedule.have(number for number in range(schedule.layout.count) if self._covers(schedule, number))
        transfer = Transfer(self._pin, schedule, self._partial, self._sources, self._report, parallel=self._parallel)
        follower = Follower(schedule, self._partial, WholeFile(self._pin, thorough=self._thorough))
        try:
            while not schedule.complete:
                source = self._next()
                if source is None:
                    return None
                got = source.got
                transfer.run(self._stopped, source)
                if source.got > got:
                    senders.add(source.place.name)
            return follower.result()
        finally:
            follower.stop()

    def _covers(self, schedule: Schedule, number: int) -> bool:
        return self._partial.covers(schedule.layout.start(number), schedule.layout.start(number + 1))

    def _next(self) -> Source | None:
        """Return the place to ask now, waiting for one that rests; None if `stopped`. Raises if no place is left."""
        while not self._stopped():
            left = self._sources.left
            if not left:
                raise self._sources.verdict(self._pin.path)
            ready = next((one for one in left if not self._sources.resting(one)), None)
            if ready is not None:
                return ready
            time.sleep(min(_TICK, *(self._sources.resting(one) for one in left)))
        return None

    def _blame(self, senders: set[str], error: HanseError) -> None:
        """Put the one who sent a false file out; if several sent it, all but the first wait their turn alone."""
        if len(senders) == 1 and _EARLIER not in senders:
            name = next(iter(senders))
            source = next(one for one in self._sources.left if one.place.name == name)
            self._lie(source, error)

    def _lie(self, source: Source, error: HanseError) -> None:
        name = source.place.name
        if self._sources.lied(source, error.message):
            why = f"{name}: {error.message}; it is asked for nothing more of this file"
            self._report(Event(Kind.LIE, self._pin.path, name, None, 0, self._pin.size, why))

    def _in_memory(self) -> Digests | None:
        """Fetch a small file in one request and check it before it is written."""
        while True:
            source = self._next() if self._pin.size else None
            if source is None and self._pin.size:
                return None
            try:
                data = self._read(source) if source is not None else b""
                whole = WholeFile(self._pin, thorough=self._thorough)
                whole.update(data)
                digests = whole.finish()
            except DigestMismatch as error:
                if source is None:
                    raise
                self._lie(source, error)
                continue
            except Exception as error:  # noqa: BLE001 - a place is code that talks to strangers
                assert source is not None
                self._fail(source, as_failure(error, source.place.name))
                continue
            self._partial.write(0, data)
            self._partial.mark(0, len(data))
            if source is not None:
                self._sources.brought(source, len(data))
            return digests

    def _read(self, source: Source) -> bytes:
        parts, size, began = list[bytes](), 0, time.monotonic()
        for piece in source.place.read(self._pin, 0, self._pin.size):
            size += len(piece)
            if size > self._pin.size or self._stopped():
                break
            parts.append(piece)
        if size != self._pin.size:
            raise PeerMisbehaved(f"{source.place.name} sent {size} bytes, asked for {self._pin.size}")
        self._sources.speeds.saw(source.place.name, size, time.monotonic() - began)
        return b"".join(parts)

    def _fail(self, source: Source, error: HanseError) -> None:
        if self._sources.failed(source, error):
            self._report(Event(Kind.DEAD, self._pin.path, source.place.name, None, 0, self._pin.size, error.message))
