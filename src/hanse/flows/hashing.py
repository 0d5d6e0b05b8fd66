"""Many files through SHA-256 by a few threads: big ones first, one for each thread, or sixteen at once where that is faster.

Whether lanes (`content.lanes`) are faster, and from how many files at once on, is measured once in a process, with CPU time, in
two milliseconds. A thread whose lanes run empty, or who sees others idle, hands its files over in the middle: they go on one for
each thread.
"""

from __future__ import annotations

import functools
import hashlib
import heapq
import itertools
import mmap
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from hanse.content.lanes import LANES, Digesting, Lanes
from hanse.errors import StorageError
from hanse.jobs.cores import cores
from hanse.model.digest import Sha256

PIECE = 1 << 20
LANE_PIECE = 1 << 16
"""Bytes of each lane in one pass: a file that ends within them leaves its lane empty for the rest of the pass."""
LANE_READ = 1 << 17
"""Bytes of each lane that are read at once: more leave the processor's cache before they are hashed, fewer are more calls."""
_CACHE_LINE = 64
SWITCH_SECONDS = 0.0005
_MEASURED = 1 << 14
_ROUNDS = 3


@contextmanager
def short_turns() -> Iterator[None]:
    """Let the interpreter change threads ten times as often: those that hash need it briefly and often, others keep it long."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, SWITCH_SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Reading(Protocol):
    """One file on its way through a hash. Every call may raise OSError; then `fail` follows, and nothing after it."""

    size: int
    """Bytes, by which alone the order and the length of pieces are chosen: it may be false."""
    over: bool
    """Whether nothing is left to read; the last read may have brought the last bytes."""

    def begin(self) -> bool:
        """Open the file; return False if it is settled without being read."""

    def read(self, buffer: memoryview) -> int:
        """Fill the buffer as far as there is something and return how far."""

    def end(self, sha256: Sha256) -> None:
        """Settle a file that was read to its end, and close it."""

    def fail(self, error: OSError | None) -> None:
        """Settle a file that cannot be read, or, without an error, that nobody wants any more, and close it."""


class _Sha256(Protocol):
    def update(self, piece: memoryview, /) -> object: ...


class HashingThreads:
    """Threads that read what they are given and end after `close`, or at once after `stop`.

    threads: default one a core; pays: from how many files at once on lanes are used, default measured.
    """

    def __init__(self, *, threads: int | None = None, pays: int | None = None) -> None:
        self._count = threads or cores()
        self._pays = pays
        self._ready = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._left: list[tuple[int, int, Reading]] = []
        self._halfway: list[tuple[Reading, Digesting]] = []
        self._numbers = itertools.count()
        self._lanes_used = 0
        self._idle = 0
        self._over = self._stopped = False
        self._error: BaseException | None = None

    def give(self, readings: Iterable[Reading]) -> None:
        """Add files."""
        with self._ready:
            for reading in readings:
                heapq.heappush(self._left, (-reading.size, next(self._numbers), reading))
            missing = min(self._count, len(self._left)) - len(self._threads)
            started = [threading.Thread(target=self._run, daemon=True, name="hash") for _ in range(missing)]
            self._threads += started
            self._ready.notify_all()
        for thread in started:
            thread.start()

    def close(self) -> None:
        """Say that no more files come."""
        with self._ready:
            self._over = True
            self._ready.notify_all()

    def stop(self) -> None:
        """Let the threads end at their next piece: nobody wants the rest any more."""
        with self._ready:
            self._over = self._stopped = True
            self._ready.notify_all()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for all threads, which `close` or `stop` lets end, for at most so long; return whether they did.

        Raises StorageError if one of them failed by itself, so that files are not settled.
        """
        until = None if seconds is None else time.monotonic() + seconds
        for one in self._threads:
            one.join(None if until is None else max(0.0, until - time.monotonic()))
        if self._error is not None:
            raise StorageError(f"hashing failed: {type(self._error).__name__}: {self._error}") from self._error
        return not any(one.is_alive() for one in self._threads)

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 told by `wait`: what is not settled must not pass for settled
            self._error = error
            self.stop()

    def _work(self) -> None:
        buffer = memoryview(bytearray(PIECE))
        while (task := self._next()) is not None:
            if isinstance(task, list):
                _Many(self).run(task)
                continue
            reading, state = task
            if state is None and not _begun(reading):
                continue
            self._alone(reading, state, buffer)

    def _next(self) -> list[Reading] | tuple[Reading, Digesting | None] | None:
        """Return what to do next: many files at once, or one, which may be half-way; None if nothing is left."""
        with self._ready:
            while not self._stopped:
                if self._halfway:
                    return self._halfway.pop()
                if self._left:
                    share = -(-(len(self._left) + self._lanes_used) // self._count)
                    if share < 2 or share < self._least():
                        return heapq.heappop(self._left)[2], None
                    taken = [heapq.heappop(self._left)[2] for _ in range(min(share, LANES, len(self._left)))]
                    self._lanes_used += len(taken)
                    return taken
                if self._over and not self._lanes_used:
                    return None
                self._idle += 1
                self._ready.wait()
                self._idle -= 1
            return None

    def _least(self) -> int:
        if self._pays is None:
            self._pays = lanes_pay()
        return self._pays

    def _alone(self, reading: Reading, state: Digesting | None, buffer: memoryview) -> None:
        whole = hashlib.sha256() if state is None else None
        hashed: _Sha256 = whole or state  # type: ignore[assignment] # one of them is there
        try:
            while not reading.over:
                if self._stopped:
                    reading.fail(None)
                    return
                count = reading.read(buffer)
                hashed.update(buffer[:count])
            reading.end(Sha256(whole.hexdigest()) if whole else state.digest())  # type: ignore[union-attr]
        except OSError as error:
            reading.fail(error)

    # What `_Many` asks for.

    def more(self) -> Reading | None:
        """Return one more file for a free lane, None if none waits."""
        with self._ready:
            if not self._left or self._stopped:
                return None
            self._lanes_used += 1
            return heapq.heappop(self._left)[2]

    def settled(self, count: int) -> None:
        """Note that so many lanes are free again."""
        with self._ready:
            self._lanes_used -= count
            if not self._lanes_used:
                self._ready.notify_all()

    def to_hand_over(self, running: int) -> int:
        """Return how many of the running lanes others should go on with: all of too few, one for each idle thread."""
        with self._ready:
            if self._stopped or running < self._least():
                return running
            return min(self._idle - len(self._halfway), running) if self._idle and not self._left else 0

    def hand_over(self, halfway: list[tuple[Reading, Digesting]]) -> None:
        """Let any thread go on with these files."""
        with self._ready:
            self._halfway += halfway
            self._lanes_used -= len(halfway)
            self._ready.notify_all()
        if self._stopped:
            self._drop()

    def _drop(self) -> None:
        with self._ready:
            dropped, self._halfway = self._halfway, []
        for reading, _ in dropped:
            reading.fail(None)


class _Many:
    """A thread's files while it hashes many at once."""

    def __init__(self, owner: HashingThreads) -> None:
        self._owner = owner
        self._lanes = Lanes()
        self._buffers = _buffers()
        self._running: dict[int, _Lane] = {}
        self._free = list(range(LANES))

    def run(self, readings: list[Reading]) -> None:
        """Hash these files, and more that wait, until the rest is handed over."""
        while self._fill(readings):
            self._step()

    def _fill(self, readings: list[Reading]) -> bool:
        """Put files into free lanes; return whether any is left after what was handed over."""
        while self._free and (reading := readings.pop() if readings else self._owner.more()):
            if _begun(reading):
                lane = self._free.pop()
                self._running[lane] = _Lane(reading, self._buffers[lane])
            else:
                self._owner.settled(1)
        count = self._owner.to_hand_over(len(self._running))
        if count > 0:
            lanes = list(self._running)[:count]
            self._owner.hand_over([self._running.pop(lane).leave(self._lanes.take(lane)) for lane in lanes])
            self._free += lanes
        return bool(self._running)

    def _step(self) -> None:
        pieces: list[bytes | memoryview] = [b""] * LANES
        ended: list[int] = []
        for lane, file in self._running.items():
            try:
                pieces[lane] = file.next()
            except OSError as error:
                file.reading.fail(error)
                ended.append(lane)
            else:
                if file.over:
                    ended.append(lane)
        self._lanes.update(pieces)
        if not ended:
            return
        for lane in ended:
            file, state = self._running.pop(lane), self._lanes.take(lane)
            try:
                if file.over:
                    file.reading.end(state.digest())
            except OSError as error:
                file.reading.fail(error)
        self._free += ended
        self._owner.settled(len(ended))


class _Lane:
    """A file in its lane, with what was read of it and is not hashed yet."""

    __slots__ = ("_buffer", "_end", "_start", "over", "reading")

    def __init__(self, reading: Reading, buffer: memoryview) -> None:
        self.reading = reading
        self.over = False
        self._buffer = buffer
        self._start = self._end = 0

    def next(self) -> memoryview:
        """Return the bytes for one pass; raises OSError."""
        if self._start == self._end:
            self._start, self._end = 0, self.reading.read(self._buffer)
        start = self._start
        self._start = end = min(start + LANE_PIECE, self._end)
        self.over = end == self._end and self.reading.over
        return self._buffer[start:end]

    def leave(self, state: Digesting) -> tuple[Reading, Digesting]:
        """Return the file with its state, for others to go on from what was read last."""
        state.update(self._buffer[self._start : self._end])
        return self.reading, state


def _buffers() -> list[memoryview]:
    """Return a buffer for each lane, at whole cache lines, and none at the same place of its page as another.

    Lanes go on in step: at the same places they would push each other out of the cache.
    """
    apart = LANE_READ + _CACHE_LINE
    whole = memoryview(mmap.mmap(-1, LANES * apart))
    return [whole[start : start + LANE_READ] for start in range(0, LANES * apart, apart)]


def _begun(reading: Reading) -> bool:
    try:
        return reading.begin()
    except OSError as error:
        reading.fail(error)
        return False


@functools.cache
def lanes_pay(clock: Callable[[], float] = time.thread_time) -> int:
    """Return from how many files at once on lanes are faster on this machine than one file after the other.

    More than LANES if they never are, or if they do not give the same digests. clock: seconds, best those of this thread.
    """
    pieces = [bytes([lane]) * _MEASURED for lane in range(LANES)]
    lanes = Lanes()
    lanes.update(pieces)
    if [lanes.take(lane).digest() for lane in range(LANES)] != [hashlib.sha256(piece).hexdigest() for piece in pieces]:
        return LANES + 1

    def alone() -> None:
        for piece in pieces:
            hashlib.sha256(piece).digest()

    together, apart = _fastest(lambda: lanes.update(pieces), clock), _fastest(alone, clock)
    return int(LANES * together / apart) + 1 if apart > 0 else LANES + 1


def _fastest(call: Callable[[], None], clock: Callable[[], float]) -> float:
    taken = []
    for _ in range(_ROUNDS):
        begin = clock()
        call()
        taken.append(clock() - begin)
    return min(taken)
