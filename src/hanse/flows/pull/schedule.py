"""Who fetches what next: pieces near a reader first, then from the front; at the end the slowest are helped out.

Every place works on *tasks*, stretches of pieces that it asks for in one request. A task is as long as its place needs about
`SECONDS` for, measured on its earlier ones. When nothing is left to begin, an idle place takes over the end of the task that
would last longest, in proportion to the speeds of both; what is too short for that is fetched twice, and the first to have it
wins. A reader that waits for a piece of a slow place is helped out in the same way at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from hanse.flows.pull.layout import Layout

SECONDS = 1.0
LEAST = 512 * 1024
MOST = 32 * 1024 * 1024
SPLIT = 1024 * 1024
"""What remains of a task is divided only if it has at least so many bytes."""
LATE = 0.5
"""Seconds that a reader waits for a piece before another place is asked for it, too."""
SLOW = 3.0
"""A place that needs so many times as long as the one that helps it is called slow."""
_FREE, _TAKEN, _DONE = 0, 1, 2
_FIRST_GUESS = 2.0 * 1024 * 1024


@dataclass(eq=False, slots=True)
class Task:
    """Pieces [at, end) that `place` is fetching; `at` moves on, `end` may come nearer when another place helps out.

    begun: seconds, monotonic; hoped: bytes a second that its place gave before; got: bytes so far; coming: bytes of the piece
    that is on its way; doubled: somebody else is fetching the same; helps: the slow place whose work this was or is, or empty.
    """

    place: str
    at: int
    end: int
    begun: float
    hoped: float
    got: int = 0
    coming: int = 0
    doubled: bool = False
    helps: str = ""


@dataclass(eq=False, slots=True)
class Reader:
    """A reader's place in the file: it waits for piece `at` and wants those before `end`."""

    at: int
    end: int
    since: float = field(default_factory=time.monotonic)


class Schedule:
    """The state of every piece of one file that is being fetched. Safe for threads.

    changed: notified whenever pieces were done, given back, or readers moved; its lock guards everything here.
    """

    def __init__(
        self, layout: Layout, changed: threading.Condition | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.layout = layout
        self.changed = changed or threading.Condition()
        self.done_bytes = 0
        self._clock = clock
        self._state = bytearray(layout.count)
        self._left = layout.count
        self._tasks: list[Task] = []
        self._readers: list[Reader] = []

    @property
    def complete(self) -> bool:
        """Whether every piece is done."""
        return self._left == 0

    @property
    def coming(self) -> int:
        """Bytes of pieces that are not whole yet, those that are fetched twice counted once or twice."""
        with self.changed:
            return sum(task.coming for task in self._tasks)

    def have(self, pieces: Iterable[int]) -> None:
        """Note pieces that lie here already, checked."""
        with self.changed:
            for number in pieces:
                self._finish(number, number + 1)

    def take(self, place: str, speed: float, *, whole: bool = False) -> Task | None:
        """Return what `place` should fetch next, None if nothing is useful now.

        speed: bytes a second, 0 if unknown; whole: it sends the file from its start each time, so one long task is best, from
        the first piece that is missing: wherever readers are, what comes before is sent anyway.
        """
        with self.changed:
            rate = speed or _FIRST_GUESS
            most = self.layout.size if whole else min(max(int(rate * SECONDS), LEAST), MOST)
            readers = () if whole else self._readers
            return self._urgent(place, rate) or self._fresh(place, rate, most, readers) or self._helping(place, rate)

    def arrived(self, task: Task, end: int) -> bool:
        """Note that the pieces of `task` before `end` are stored; return whether the task has still something to do."""
        with self.changed:
            task.got += self.layout.start(end) - self.layout.start(task.at)
            self._finish(task.at, end)
            task.at = end
            self.changed.notify_all()
            return end < task.end and self._state[end] != _DONE

    def give_back(self, task: Task) -> None:
        """End `task`: what it did not fetch is free again unless another task has it."""
        with self.changed:
            self._tasks.remove(task)
            for one in self._tasks:
                if one.at < task.end and task.at < one.end:
                    one.doubled = False
            for number in range(task.at, task.end):
                if self._state[number] == _TAKEN and not any(one.at <= number < one.end for one in self._tasks):
                    self._state[number] = _FREE
            self.changed.notify_all()

    def ready(self, number: int, end: int) -> int:
        """Return the number after the last of the pieces from `number` on, before `end`, that are done without a gap."""
        while number < end and self._state[number] == _DONE:
            number += 1
        return number

    def reach(self, byte: int, seconds: float | None, over: Callable[[], bool]) -> bool:
        """Wait until the piece with a byte is done, which is fetched next, or it is `over`; return whether that is so now."""
        number = self.layout.at(byte)
        reader = Reader(number, min(number + 1, self.layout.count))
        self.join(reader)
        try:
            with self.changed:
                return self.changed.wait_for(lambda: over() or self.ready(reader.at, reader.end) == reader.end, seconds)
        finally:
            self.leave(reader)

    def first_gap(self, number: int) -> int:
        """Return the number of the first piece from `number` on that is not done; the number of pieces if there is none."""
        return self.ready(number, self.layout.count)

    def join(self, reader: Reader) -> None:
        """Let a reader's wishes count."""
        with self.changed:
            self._readers.append(reader)
            self.changed.notify_all()

    def leave(self, reader: Reader) -> None:
        """Forget a reader."""
        with self.changed:
            self._readers.remove(reader)

    def _finish(self, first: int, end: int) -> None:
        for number in range(first, end):
            if self._state[number] != _DONE:
                self._state[number] = _DONE
                self._left -= 1
                self.done_bytes += self.layout.start(number + 1) - self.layout.start(number)

    def _fresh(self, place: str, rate: float, most: int, readers: Iterable[Reader]) -> Task | None:
        """Return a task of pieces that nobody fetches, of about `most` bytes: where one of these is, else the first ones."""
        first = -1
        for reader in readers:
            first = self._state.find(_FREE, reader.at, reader.end)
            if first >= 0:
                break
        if first < 0:
            first = self._state.find(_FREE)
        if first < 0:
            return None
        end = self._stretch(first, self.layout.count, most)
        for number in range(first, end):
            self._state[number] = _TAKEN
        return self._begin(place, first, end, rate)

    def _stretch(self, first: int, limit: int, most: int) -> int:
        """Return where a task of about `most` bytes that begins at `first` ends, all of it free."""
        end = min(max(self.layout.at(min(self.layout.start(first) + most, self.layout.size)), first + 1), limit)
        for number in range(first + 1, end):
            if self._state[number] != _FREE:
                return number
        return end

    def _begin(self, place: str, first: int, end: int, rate: float) -> Task:
        task = Task(place, first, end, self._clock(), rate)
        self._tasks.append(task)
        return task

    def _urgent(self, place: str, rate: float) -> Task | None:
        """Return a second task for what a reader waits for too long."""
        now = self._clock()
        for reader in self._readers:
            if now - reader.since < LATE or reader.at >= reader.end:
                continue
            task = next((one for one in self._tasks if one.at <= reader.at < one.end and not one.doubled), None)
            if task is None or task.place == place:
                continue
            wanted = self._bytes(task.at, reader.at + 1)
            if wanted / self._rate(task, now) > 2 * wanted / rate:
                return self._double(place, task, rate)
        return None

    def _helping(self, place: str, rate: float) -> Task | None:
        """Return the end of the task that would last longest, or all that is left of it once more."""
        now = self._clock()
        others = [one for one in self._tasks if one.at < one.end and not one.doubled and one.place != place]
        if not others:
            return None
        slowest = max(others, key=lambda one: self._bytes(one.at, one.end) / self._rate(one, now))
        left, theirs = self._bytes(slowest.at, slowest.end), self._rate(slowest, now)
        if left >= SPLIT and slowest.end - slowest.at > 1:
            keep = self.layout.start(slowest.at) + int(left * theirs / (theirs + rate))
            cut = min(max(self.layout.at(keep), slowest.at + 1), slowest.end - 1)
            task = self._begin(place, cut, slowest.end, rate)
            task.helps = self._slow(slowest, rate)
            slowest.end = cut
            return task
        return self._double(place, slowest, rate) if left / theirs > 1.5 * left / rate else None

    def _double(self, place: str, task: Task, rate: float) -> Task:
        """Return a task for all that is left of another one."""
        task.doubled = True
        twin = self._begin(place, task.at, task.end, rate)
        twin.doubled = True
        twin.helps = self._slow(task, rate)
        return twin

    def _slow(self, task: Task, rate: float) -> str:
        """Return the place of a task that has long been much slower than `rate`, empty if it is not."""
        now = self._clock()
        return task.place if now - task.begun > LATE and rate > SLOW * self._rate(task, now) else ""

    def _bytes(self, first: int, end: int) -> int:
        return self.layout.start(end) - self.layout.start(first)

    @staticmethod
    def _rate(task: Task, now: float) -> float:
        """Return bytes a second of a running task, at least 1; one that has just begun is as fast as its place was before."""
        passed = now - task.begun
        return max(task.got / passed if passed > LATE else task.hoped, 1.0)
