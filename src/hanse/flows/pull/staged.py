"""Files of which no chunk can be checked: fetched whole, hashed, and only then anything.

One place at a time sends, so that who sent what is known; another one goes on where it stopped. If the whole is false and only
one place sent it, that place lied. If several did, or an earlier run that was ended, nobody can tell who: all of it is fetched
anew, from one place alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hanse.errors import DigestMismatch, HanseError
from hanse.flows.pull.digests import Digests, WholeFile
from hanse.flows.pull.events import Event, Kind, lie
from hanse.flows.pull.follower import Follower
from hanse.flows.pull.layout import plain_layout
from hanse.flows.pull.schedule import SLOW, Schedule
from hanse.flows.pull.sources import Source, Sources
from hanse.flows.pull.transfer import PARALLEL, PER_PLACE, Transfer
from hanse.model.filepin import FilePin
from hanse.store.held.partial import Partial

SLOW_SECONDS = 5.0
"""How long a place may be slow before another one goes on."""
SLOWEST = 1024 * 1024
"""Bytes a second that a place of which nothing is known is thought to give."""
SLOW_REST = 30.0
_EARLIER = ""


class _FalseFileError(Exception):
    """The whole file is not what it must be; `why` says in what."""

    def __init__(self, why: DigestMismatch) -> None:
        super().__init__(why.message)
        self.why = why


class Staging:
    """One file that is fetched whole.

    thorough: check every digest that the pin gives (`hanse.flows.pull.digests`); keep: leave a false file there when nobody else
    has it, for a caller who may come to check it chunk by chunk.
    """

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
        keep: bool = False,
        parallel: int = PARALLEL,
    ) -> None:
        self._pin, self._partial, self._sources, self._report, self._keep = pin, partial, sources, report, keep
        self._changed, self._stopped, self._thorough, self._parallel = changed, stopped, thorough, parallel

    def run(self) -> Digests | None:
        """Return the digests of the complete and true file, None if `stopped`.

        Raises what `Sources.verdict` says if no place is left, StorageError.
        """
        senders = {_EARLIER} if self._partial.done else set[str]()
        while not self._stopped():
            try:
                return self._once(senders)
            except _FalseFileError as false:
                self._blame(senders, false.why)
                if self._keep and not self._sources.left:
                    raise self._sources.verdict(self._pin.path) from false
                self._partial.reset()
                senders = set()
        return None

    def _once(self, senders: set[str]) -> Digests | None:
        """Fetch what is missing, noting in `senders` who sent it; raises _FalseFileError if the whole is false."""
        schedule = Schedule(plain_layout(self._pin.size), self._changed)
        schedule.have(number for number in range(schedule.layout.count) if self._covers(schedule, number))
        transfer = Transfer(self._pin, schedule, self._partial, self._sources, self._report, parallel=self._parallel)
        follower = Follower(schedule, self._partial, WholeFile(self._pin, thorough=self._thorough))
        try:
            while not schedule.complete:
                ready = self._sources.ready(self._pin.path, self._stopped)
                if ready is None:
                    return None
                source, got = ready[0], ready[0].got
                transfer.run(self._impatience(source), source)
                if source.got > got:
                    senders.add(source.place.name)
            return _result(follower)
        finally:
            follower.stop()

    def _impatience(self, source: Source) -> Callable[[], bool]:
        """Return what tells that one should not stay with a place: nobody wants the file any more, or another is much faster."""
        began, got, speeds = time.monotonic(), source.got, self._sources.speeds

        def stopped() -> bool:
            passed = time.monotonic() - began
            if self._stopped() or passed < SLOW_SECONDS:
                return self._stopped()
            rate = (source.got - got) / passed
            others = [one for one in self._sources.left if one is not source and not self._sources.resting(one)]
            better = [one for one in others if (speeds.rate(one.place.name) or SLOWEST) / PER_PLACE > SLOW * rate]
            if better:
                self._sources.rest(source, SLOW_REST)
                why = f"{source.place.name} sends {rate / 1024:.0f} KiB a second of {self._pin.path}, another place is tried"
                self._report(Event(Kind.SLOW, self._pin.path, source.place.name, None, 0, self._pin.size, why))
            return bool(better)

        return stopped

    def _covers(self, schedule: Schedule, number: int) -> bool:
        return self._partial.covers(schedule.layout.start(number), schedule.layout.start(number + 1))

    def _blame(self, senders: set[str], error: HanseError) -> None:
        """Put the one who sent a false file out; if several sent it, all but the first wait their turn alone."""
        if len(senders) == 1 and _EARLIER not in senders:
            name = next(iter(senders))
            source = next(one for one in self._sources.left if one.place.name == name)
            self._lie(source, error)

    def _lie(self, source: Source, error: HanseError) -> None:
        name = source.place.name
        if self._sources.lied(source, error.message):
            self._report(lie(self._pin.path, name, error.message, total=self._pin.size))


def _result(follower: Follower) -> Digests:
    """Return the digests of the complete file; raises _FalseFileError if they are not the pinned ones."""
    try:
        return follower.result()
    except DigestMismatch as error:
        raise _FalseFileError(error) from error
