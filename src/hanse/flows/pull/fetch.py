"""Fetching one file: from several places at once, every chunk checked before it is stored or leaves, kept in the held store.

1. Look in the held store; wait for another process that fetches the same. A small file is had whole, checked and stored: done.
2. Get a chunk list that recomputes to the pinned xet hash.
3. With it: fetch chunks from everywhere, each checked; readers get them as they come. Without: stage the whole, then hash it.
4. Commit the file under the digests that were computed, ask the judge, and let it go.

Whoever opens a file that is being fetched already gets the same fetch, with his places added to it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from hanse.errors import BadRange, Busy, DigestMismatch, HanseError
from hanse.flows.pull.chunklists import find_chunk_list
from hanse.flows.pull.digests import Digests, WholeFile
from hanse.flows.pull.events import Event, Kind, silent
from hanse.flows.pull.follower import Follower
from hanse.flows.pull.layout import Layout, chunk_layout, true_chunks
from hanse.flows.pull.schedule import Reader, Schedule
from hanse.flows.pull.small import IN_MEMORY, SmallFile
from hanse.flows.pull.sources import REST_SECONDS, TRIES, Sources, Speeds
from hanse.flows.pull.staged import Staging
from hanse.flows.pull.transfer import PARALLEL, Transfer
from hanse.flows.pull.waiting import Waiting
from hanse.model.filepin import FilePin
from hanse.model.steps import Steps
from hanse.peers.place import Place
from hanse.store.held.heldfile import HeldFile
from hanse.store.held.partial import Partial
from hanse.store.held.store import Held

PIECE = 1 << 20
_TICK = 0.1

Judge = Callable[[HeldFile], None]
Report = Callable[[Event], None]
_Key = tuple[FilePin, bool, str]


@dataclass(frozen=True, slots=True)
class Apart:
    """Says that what the fetches of others bring is not given out for nothing.

    whose: a fetch is shared with others that say the same; require: called with the file, before the judge, if not every byte
    of it came from the fetch's own places; it raises to refuse.
    """

    whose: str
    require: Callable[[HeldFile], None]


class Fetcher:
    """Fetches files into a held store; safe for threads. One serves a whole process: what it learns of places is for all files.

    report: told everything that happens, from many threads; parallel: requests at once for one file; thorough: check every
    digest that a pin gives, also where one strong one decides (`hanse.flows.pull.digests`); tries, rest: how often a place may
    fail in a row, and how many seconds it rests at first.
    """

    def __init__(
        self,
        held: Held,
        *,
        report: Report = silent,
        parallel: int = PARALLEL,
        thorough: bool = False,
        tries: int = TRIES,
        rest: float = REST_SECONDS,
    ) -> None:
        self.held = held
        self.report = report
        self.parallel = parallel
        self.thorough = thorough
        self.speeds = Speeds()
        self._tries, self._rest = tries, rest
        self._lock = threading.Lock()
        self._running: dict[_Key, Fetch] = {}

    def open(self, pin: FilePin, places: Sequence[Place], *, judge: Judge | None = None, apart: Apart | None = None) -> Fetch:
        """Return the fetch of a file, begun if nobody here has begun it.

        judge: called with the complete, verified file before its first byte leaves; it raises PolicyError to refuse; apart: needs
        a judge. Each `open` is ended by reading to the end, by `wait`, or by `cancel`.
        """
        # Every digest that is pinned must hold for whoever pinned it. A judge looks at the name, too: the same content under
        # another name is judged again. What has another key here and the same bytes waits for this one in the held store.
        whose = "" if apart is None else apart.whose
        key = (pin if judge is not None else replace(pin, path=""), judge is not None, whose)
        with self._lock:
            running = self._running.get(key)
            if running is not None and running.share(places):
                return running
            sources = self.sources(places)
            fetch = self._running[key] = Fetch(self, pin, sources, judge, lambda one: self._forget(key, one), apart=apart)
            fetch.begin()
            return fetch

    def sources(self, places: Sequence[Place]) -> Sources:
        """Return the places of one file, to be asked as this fetcher asks them."""
        return Sources(places, self.speeds, tries=self._tries, rest=self._rest)

    def _forget(self, key: _Key, fetch: Fetch) -> None:
        with self._lock:
            if self._running.get(key) is fetch:
                del self._running[key]


class Fetch:
    """One file on its way, or there. Made by `Fetcher.open`; safe for threads."""

    def __init__(
        self,
        fetcher: Fetcher,
        pin: FilePin,
        sources: Sources,
        judge: Judge | None,
        forget: Callable[[Fetch], None],
        *,
        apart: Apart | None = None,
    ) -> None:
        self.pin = pin
        self._apart, self._own = apart, False
        self._fetcher, self._sources, self._judge, self._forget = fetcher, sources, judge, forget
        lock = threading.RLock()  # pieces change by the thousand: who waits for how it turns out is not woken for each
        self._changed, self._turned = threading.Condition(lock), threading.Condition(lock)
        self._users = 1
        self._stopped = self._ended = False
        self._schedule: Schedule | None = None
        self._descriptor = -1
        self._file: HeldFile | None = None
        self._error: Exception | None = None
        self._done = 0
        self._told: list[Judge] = []

    def then(self, told: Callable[[HeldFile], None]) -> None:
        """Have somebody told of the file once it is here and may be used: not if it never is."""
        with self._changed:
            if not self._ended:
                self._told.append(told)
                return
        if self._file is not None:
            told(self._file)

    @property
    def streamable(self) -> bool:
        """Whether `read` gives bytes before the whole file is here: each can be checked, and no judge has to see it all first."""
        return self._file is not None or (self._judge is None and self._schedule is not None and self._schedule.layout.checked)

    @property
    def progress(self) -> tuple[int, int]:
        """Bytes that came (a chunk that is not whole counts, too, and leaves it again if it is false), and bytes of the file."""
        coming = self._schedule.coming if self._schedule is not None else 0
        return min(self._done + coming, self.pin.size) if self._file is None else self.pin.size, self.pin.size

    @property
    def heard(self) -> Steps:
        """How far a place says it is that has to fetch the file itself first; no steps if none does."""
        return self._sources.heard

    @property
    def sources(self) -> Mapping[str, int]:
        """Bytes of this file that were taken from each place, by its name."""
        return self._sources.shares

    def settle(self, timeout: float | None = None, at: int | None = None) -> bool:
        """Wait until it streams (byte `at`, if given), is here, or refused; tell whether it is within `timeout` seconds."""
        with self._changed:
            settled = self._turned.wait_for(lambda: self.streamable or self._ended, timeout)
            schedule = None if at is None or self._ended else self._schedule
        return settled and (at is None or schedule is None or schedule.reach(at, timeout, lambda: self._ended))

    def wait(self, timeout: float | None = None) -> HeldFile | None:
        """Return the file once it is complete, verified and judged, None after `timeout` seconds.

        Raises IntegrityError (naming who lied) if no honest place has it, PeerError if none can be reached, NotFoundError if all
        say that they have no such file, PolicyError if the judge refused it, StorageError; Busy if it was cancelled.
        """
        with self._changed:
            self._turned.wait_for(lambda: self._ended, timeout)
            if not self._ended:
                return None
        return self._result()

    def cancel(self) -> None:
        """Say that one of those who opened it does not need it any more; if nobody does, it ends and what came is kept."""
        with self._changed:
            self._users -= 1
            if self._users <= 0:
                self._stopped = True

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) in order, in pieces of at most 1 MiB, each checked before; waits for what is not here yet.

        What a reader wants next is fetched next. Raises as `wait`, and BadRange.
        """
        if not 0 <= start <= end <= self.pin.size:
            raise BadRange(f"bytes {start} to {end} do not exist in a file of {self.pin.size} bytes")
        self.settle()
        schedule = self._schedule
        with self._changed:
            # The descriptor stays good when the file gets its final name meanwhile.
            descriptor = os.dup(self._descriptor) if self._descriptor >= 0 else -1
        if descriptor < 0:
            self.wait()
            descriptor, schedule = self._result().open(), None
        try:
            yield from self._copy(descriptor, schedule, start, end)
        finally:
            os.close(descriptor)

    def share(self, places: Sequence[Place]) -> bool:
        """Let one more use it, with his places; return whether that is possible: it has neither ended nor failed."""
        with self._changed:
            if self._ended or self._stopped:
                return False
            self._users += 1
        self._sources.add(places)
        return True

    def begin(self) -> None:
        """Start fetching."""
        threading.Thread(target=self._run, name=f"fetch {self.pin.path}", daemon=True).start()

    def _copy(self, descriptor: int, schedule: Schedule | None, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes from a file; those that are still coming are waited for, piece by piece."""
        if schedule is None:
            yield from _pieces(descriptor, start, end)
            return
        layout = schedule.layout
        reader = Reader(layout.at(start), min(layout.at(max(end - 1, start)) + 1, layout.count))
        schedule.join(reader)
        try:
            while start < end:
                ready = self._await(schedule, reader)
                stop = min(layout.start(ready), end)
                yield from _pieces(descriptor, start, stop)
                start = stop
                reader.at, reader.since = ready, time.monotonic()
        finally:
            schedule.leave(reader)

    def _await(self, schedule: Schedule, reader: Reader) -> int:
        """Return the number after the last piece that a reader can have now, waiting for at least one; raises as `wait`."""
        with self._changed:
            while (ready := schedule.ready(reader.at, reader.end)) == reader.at:
                if self._ended:
                    self._result()
                self._changed.wait()
            return ready

    def _result(self) -> HeldFile:
        if self._error is not None:
            raise self._error
        if self._file is None:
            raise Busy(f"fetching {self.pin.path!r} was cancelled", hint="ask for it again; what came so far is kept")
        return self._file

    def _run(self) -> None:
        """Do it all, and say how it ended."""
        file, error = None, None
        try:
            file = self._obtain()
            if file is not None and self._apart is not None and not self._own:
                self._apart.require(file)
            if file is not None and self._judge is not None:
                self._judge(file)
        except Exception as problem:  # noqa: BLE001 - raised where the file is asked for
            file, error = None, problem
        self._forget(self)
        with self._changed:
            if file is not None:
                for told in self._told:
                    with suppress(HanseError):  # a label is missing then, and no byte
                        told(file)
            self._file, self._error, self._ended = file, error, True
            self._changed.notify_all()
            self._turned.notify_all()
        if file is not None:
            self._tell(Event(Kind.DONE, self.pin.path, "", None, self.pin.size, self.pin.size))

    def _obtain(self) -> HeldFile | None:
        """Return the complete and verified file, None if everybody has lost interest."""
        held, other = self._fetcher.held, Waiting(self.pin, self._fetcher.held, self._tell)
        while not self._stopped:
            found = held.find(self.pin)
            if found is not None:
                return found
            if self.pin.size <= IN_MEMORY:  # had whole and at once: who else fetches it is not waited for
                self._own, thorough = True, self._fetcher.thorough
                return SmallFile(self.pin, self._sources, self._tell, lambda: self._stopped, thorough=thorough).stored(held)
            try:
                partial = held.begin(self.pin, _TICK, beside=other.stuck)
            except Busy:
                self._done = other.look()
                continue
            with partial:
                return held.find(self.pin) or self._fill(partial)
        return None

    def _fill(self, partial: Partial) -> HeldFile | None:
        """Fetch what is missing in `partial`, check it, and commit it."""
        self._done = sum(end - start for start, end in partial.done)
        self._own = not self._done
        digests = self._digests(partial)
        return None if digests is None else partial.commit(digests.sha256, digests.xet, digests.git_oid)

    def _digests(self, partial: Partial) -> Digests | None:
        """Fetch what is missing in `partial` and check it; return the digests, None if everybody has lost interest."""
        fetcher, stopped = self._fetcher, lambda: self._stopped
        one_way = self._one_way() and partial.chunk_list is None
        layout = None if one_way else self._layout(partial)
        if layout is not None:
            return self._chunked(partial, layout)
        staging = Staging(
            self.pin,
            partial,
            self._sources,
            self._tell,
            changed=self._changed,
            stopped=stopped,
            thorough=fetcher.thorough,
            keep=one_way,
            parallel=fetcher.parallel,
        )
        try:
            return staging.run()
        except DigestMismatch:
            # Nobody else has it: with a chunk list only what is false of it has to come again.
            layout = self._layout(partial) if one_way and self._sources.check_again() else None
            if layout is None:
                if one_way:
                    partial.reset()
                raise
        return self._chunked(partial, layout)

    def _layout(self, partial: Partial) -> Layout | None:
        """Return where the chunks are, None if nobody has a true chunk list."""
        if self.pin.xet is None:
            return None
        kept = partial.chunk_list
        if kept is not None:
            try:
                return chunk_layout(self.pin, kept)
            except HanseError:
                partial.reset()
        found = find_chunk_list(self.pin, self._sources, self._tell, lambda: self._stopped)
        if found is not None:
            partial.keep_chunk_list(found[0])
        return None if found is None else found[1]

    def _one_way(self) -> bool:
        """Whether a chunk list is of no use: the whole has a digest and is waited for, and nobody could mend a false chunk."""
        return self._judge is not None and self.pin.sha256 is not None and len(self._sources.left) == 1

    def _chunked(self, partial: Partial, layout: Layout) -> Digests | None:
        """Fetch chunks, each checked, from all places; raises what `Sources.verdict` says if they do not have them all."""
        schedule = Schedule(layout, self._changed)
        schedule.have(true_chunks(partial, layout))
        self._stream(schedule, os.open(partial.path, os.O_RDONLY | os.O_CLOEXEC) if self._judge is None else -1)
        follower = Follower(schedule, partial, WholeFile(self.pin, chunked=True))
        try:
            transfer = Transfer(self.pin, schedule, partial, self._sources, self._tell, parallel=self._fetcher.parallel)
            if transfer.run(lambda: self._stopped):
                return follower.result()
            if self._stopped:
                return None
            raise self._sources.verdict(self.pin.path)
        finally:
            follower.stop()
            self._stream(schedule, -1)

    def _stream(self, schedule: Schedule, descriptor: int) -> None:
        """Let readers see what is here of a file, or (-1) no more of them begin."""
        with self._changed:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._schedule, self._descriptor = schedule, descriptor
            self._turned.notify_all()

    def _tell(self, event: Event) -> None:
        if event.kind is Kind.PROGRESS:
            self._done = event.done
        self._fetcher.report(event)


def _pieces(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    """Yield bytes [start, end) of an open file."""
    while start < end:
        data = os.pread(descriptor, min(PIECE, end - start), start)
        if not data:
            raise Busy("a held file became shorter while it was read", hint="fetch it again")
        yield data
        start += len(data)
