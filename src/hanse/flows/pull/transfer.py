"""Fetches the pieces of one file from several places at once and stores those that are true.

Each place has a few *lanes*, threads that take a task from the schedule, ask the place for it in one request, and check every
piece before it is written. Nothing that fails its check is written, and the place that sent it gets no further task for this
file. In a file without a chunk list pieces cannot be checked; then one place at a time has lanes, so that who sent what is known.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from hanse.errors import HanseError, PeerMisbehaved, StorageError
from hanse.flows.pull.events import Event, Kind, lie
from hanse.flows.pull.layout import Layout
from hanse.flows.pull.schedule import LEAST, Schedule, Task
from hanse.flows.pull.sources import Source, Sources, as_failure
from hanse.model.filepin import FilePin
from hanse.peers.place import Place, RangesIgnored, part_of_whole
from hanse.store.held.partial import Partial

PARALLEL = 8
PER_PLACE = 3
GATHER = 256 * 1024
"""Bytes that are checked and written at a time, unless they come slowly: calls cost more than bytes, each waits for its turn."""
GATHER_STAGED = 1024 * 1024
"""The same where nobody has a byte before the last one is here."""
GATHER_SECONDS = 0.05
NICE = 5
"""How far lanes give way: three of them weigh as much as one other thread of this machine."""
_TICK = 0.1


class _FalsePieceError(Exception):
    """A piece is not what it must be; `number` says which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Transfer:
    """One file on its way. `run` fetches what is missing; readers look at `schedule` meanwhile.

    report: told lies, slow and dead places, and progress, from several threads; parallel: requests at once, all places together.
    """

    def __init__(
        self,
        pin: FilePin,
        schedule: Schedule,
        partial: Partial,
        sources: Sources,
        report: Callable[[Event], None],
        *,
        parallel: int = PARALLEL,
    ) -> None:
        self._pin, self.schedule, self._partial, self._sources = pin, schedule, partial, sources
        self._layout: Layout = schedule.layout
        self._report, self._parallel = report, parallel
        self._failure: Exception | None = None
        self._closed = False
        self._turned = threading.Event()
        self._gather = GATHER if schedule.layout.checked else GATHER_STAGED
        self._writing = 0
        self._only: Source | None = None
        self._lanes: dict[Source, int] = {}
        self._slow: set[str] = set()

    def run(self, stopped: Callable[[], bool], only: Source | None = None) -> bool:
        """Fetch until everything is here, no place is left, or `stopped`; return whether everything is here.

        only: the one place to use; then it is left, too, as soon as it fails. Nothing is written any more on return. Raises
        StorageError and whatever else is wrong here rather than there.
        """
        self._only, self._closed = only, False
        changed = self.schedule.changed
        try:
            while not self.schedule.complete and self._failure is None and not stopped():
                left = [only] if only is not None else self._sources.left
                if not left or (only is not None and (only.out or self._sources.resting(only))):
                    break
                self._staff(left)
                self._turned.wait(_TICK)  # not for each piece: whoever wakes up takes a turn from those that work
                self._turned.clear()
        finally:
            with changed:
                self._closed = True
                changed.notify_all()
                changed.wait_for(lambda: not self._writing)
        if self._failure is not None:
            raise self._failure
        return self.schedule.complete

    def _staff(self, left: list[Source]) -> None:
        """Start the lanes that the places which are left should have and have not."""
        useful = max(1, (self._layout.size - self.schedule.done_bytes) // LEAST)
        each = max(1, min(PER_PLACE, self._parallel // len(left), useful))
        for source in left:
            for _ in range(self._lanes.get(source, 0), each):
                with self.schedule.changed:
                    self._lanes[source] = self._lanes.get(source, 0) + 1
                threading.Thread(target=self._lane, args=(source,), name=f"fetch {source.place.name}", daemon=True).start()

    def _lane(self, source: Source) -> None:
        """Work for one place until the transfer or the place is done."""
        name, changed = source.place.name, self.schedule.changed
        _give_way()
        try:
            while self._wanted(source):
                rest = self._sources.resting(source)
                task = None if rest else self.schedule.take(name, self._sources.speeds.rate(name), whole=source.whole)
                if task is not None:
                    self._work(source, task)
                    continue
                with changed:
                    if self._wanted(source):
                        changed.wait(min(rest, _TICK) or _TICK)
        except Exception as error:  # noqa: BLE001 - whatever it is, the one who waits has to know
            self._failure = self._failure or error
        finally:
            with changed:
                self._lanes[source] -= 1
            self._turned.set()

    def _wanted(self, source: Source) -> bool:
        return self._live(source) and not source.out and not self.schedule.complete

    def _live(self, source: Source) -> bool:
        """Whether what a place sends is still wanted."""
        return not self._closed and (self._only is None or self._only is source)

    def _work(self, source: Source, task: Task) -> None:
        """Fetch one task and note how it went."""
        if task.helps and task.helps not in self._slow:
            self._slow.add(task.helps)
            self._tell(Kind.SLOW, task.helps, f"{task.helps} is slow with {self._pin.path}, {source.place.name} helps")
        began, whole = time.monotonic(), source.whole
        try:
            self._receive(source, task, whole=whole)
        except _FalsePieceError as lie:
            self._lie(source, lie.number)
        except RangesIgnored as error:
            source.whole = True
            if whole:
                self._fail(source, error)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - a place is code that talks to strangers
            self._fail(source, as_failure(error, source.place.name))
        finally:
            self.schedule.give_back(task)
            self._turned.set()
            if task.got:
                self._sources.speeds.saw(source.place.name, task.got, time.monotonic() - began)

    def _receive(self, source: Source, task: Task, *, whole: bool) -> None:
        """Check and store what the place sends for `task`, piece by piece; raises what the place raises, or _FalsePieceError.

        whole: ask for the whole file.
        """
        start, end = self._layout.start(task.at), self._layout.start(task.end)
        gathered, held, received, flushed = list[bytes | memoryview](), 0, 0, time.monotonic()
        first = self._layout.start(task.at + 1) - start
        read = part_of_whole if whole else _part
        with _reading(read(source.place, self._pin, start, end)) as stream:
            for data in stream.pieces():
                received += len(data)
                if not self._live(source):
                    return
                if received > end - start:
                    raise PeerMisbehaved(f"{source.place.name} sent more than the {end - start} bytes that it was asked for")
                gathered.append(data)
                held += len(data)
                now = time.monotonic()
                task.coming = held
                if received < end - start and (held < first or (held < self._gather and now - flushed < GATHER_SECONDS)):
                    continue
                left = self._accept(source, task, memoryview(b"".join(gathered) if len(gathered) > 1 else data))
                if left is None:
                    return
                first = self._layout.start(task.at + 1) - self._layout.start(task.at)
                gathered, held, flushed = [left] if left else [], len(left), now
                task.coming = held
        if gathered and self._live(source):  # what came whole before it broke off need not come again
            self._accept(source, task, memoryview(b"".join(gathered)))
        raise stream.error or PeerMisbehaved(f"{source.place.name} ended after {received} of {end - start} bytes")

    def _accept(self, source: Source, task: Task, data: memoryview) -> memoryview | None:
        """Check and store the whole pieces at the front of `data`; return what is left over, None if the task is over.

        Raises _FalsePieceError once what comes before the false piece is stored.
        """
        first = task.at
        true, whole = self._layout.true_run(first, data)
        used = self._layout.start(true) - self._layout.start(first)
        more = self._store(source, task, true, data[:used])
        if true < whole:
            raise _FalsePieceError(true)
        return data[used:] if more else None

    def _store(self, source: Source, task: Task, end: int, data: memoryview) -> bool:
        """Write the true pieces of `task` before `end`; return whether the rest of the task is still wanted."""
        if task.at == end:
            return True
        changed, offset = self.schedule.changed, self._layout.start(task.at)
        with changed:
            if not self._live(source):
                return False
            self._writing += 1
        try:
            self._partial.write(offset, data)
            self._partial.mark(offset, offset + len(data))
        finally:
            with changed:
                self._writing -= 1
                if self._closed:
                    changed.notify_all()
        self._sources.brought(source, len(data))
        more = self.schedule.arrived(task, end)
        self._report(Event(Kind.PROGRESS, self._pin.path, source.place.name, None, self.schedule.done_bytes, self._pin.size))
        return more

    def _lie(self, source: Source, number: int) -> None:
        name = source.place.name
        why, done = f"chunk {number} of {self._pin.path} is false", self.schedule.done_bytes
        if self._sources.lied(source, why, checked=self._layout.checked):
            self._report(lie(self._pin.path, name, why, chunk=number, done=done, total=self._pin.size))

    def _fail(self, source: Source, error: HanseError) -> None:
        news = self._sources.failed(source, error)
        if news is not None:
            self._tell(news, source.place.name, f"{self._pin.path}: {error.message}" if news is Kind.WAIT else error.message)

    def _tell(self, kind: Kind, place: str, message: str) -> None:
        self._report(Event(kind, self._pin.path, place, None, self.schedule.done_bytes, self._pin.size, message))


def _give_way() -> None:
    """Let the one thread that hashes the file go first where cores are few: bytes leave when it has seen the last of them."""
    if sys.platform == "linux":  # elsewhere priorities are of processes
        me = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, me, os.getpriority(os.PRIO_PROCESS, me) + NICE)


def _part(place: Place, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
    return place.read(pin, start, end)


class _Stream:
    """What a place sends, up to where it ends or breaks off; error: why it broke off."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.error: Exception | None = None

    def pieces(self) -> Iterator[bytes]:
        """Yield what comes; raises nothing."""
        try:
            yield from self._pieces
        except Exception as error:  # noqa: BLE001 - a place is code that talks to strangers
            self.error = error


@contextmanager
def _reading(pieces: Iterator[bytes]) -> Iterator[_Stream]:
    """End the transfer behind an iterator when the block is left."""
    try:
        yield _Stream(pieces)
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            with suppress(Exception):
                close()
