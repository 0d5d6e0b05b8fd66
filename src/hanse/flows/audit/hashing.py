"""Digests of many files at the speed of hashing them: read once, one thread a core, and not again while they are unchanged.

What was hashed is noted in the held store's index, which also makes it found by its digests (`Held.adopt`), while the rest is
still being hashed: an audit that was ended half-way goes on from there. A file is known again by device, inode, size and both
times of change; one that had changed just before it was hashed is not noted, because a file system may give two changes in quick
succession the same time.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from stat import S_ISREG
from typing import NamedTuple

from hanse.errors import StorageError
from hanse.model.digest import GitOid, Sha256
from hanse.store.held.copies import Digests
from hanse.store.held.heldfile import Identity
from hanse.store.held.store import Held

PIECE = 1 << 20
SETTLED_NS = 2_000_000_000
"""How long a file must have rested before it was hashed: the coarsest file systems note changes every two seconds."""
NOTED_AT_ONCE = 1000
PUSHED_AT_ONCE = 100
_LOOK_SECONDS = 0.1
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW


class Wanted(NamedTuple):
    """One file to be hashed. places: of its parts, in order; git: its git blob id is asked for too."""

    places: Sequence[str]
    git: bool = False


@dataclass(frozen=True, slots=True)
class Hashed:
    """What a file turned out to be.

    digests: None if it could not be read, then `problem` says why; read: bytes read now; identity: of the file, None if it lies
    in several parts.
    """

    size: int
    digests: Digests | None
    read: int = 0
    problem: str = ""
    identity: Identity | None = None


class AuditHashing:
    """Hashes files in threads of its own, which begin with the first that is expected. Close it, if not everything was asked for.

    held: where what was hashed is noted; advance: called with the number of bytes that were settled, one call at a time; rehash:
    read everything; threads: default one a core.
    """

    def __init__(
        self, held: Held, *, advance: Callable[[int], None] = lambda _: None, rehash: bool = False, threads: int | None = None
    ) -> None:
        self._held = held
        self._advance = advance
        self._rehash = rehash
        self._count = threads or _cores()
        self._ready = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._left: list[tuple[int, int, str, Wanted]] = []
        self._waiting: list[tuple[int, str, Wanted]] = []
        self._numbers = itertools.count()
        self._over = False
        self._begun: dict[str, Wanted] = {}
        self._found: dict[str, Hashed] = {}
        self._fresh: list[tuple[str, Digests, Identity]] = []
        self._known: dict[str, tuple[Identity, Digests]] = {}
        self._below: str | None = None

    def below(self, folder: str) -> None:
        """Say where the files lie that are expected; what is known of them is loaded. Raises StorageError."""
        self._below = folder.rstrip("/") + "/"
        self._known = {} if self._rehash else self._held.adopted(folder)

    def _know(self, places: Iterable[str]) -> None:
        """Load what is known of files that are not below where the expected ones lie; raises StorageError."""
        folders = {one.rpartition("/")[0] or "/" for one in places if self._below is None or not one.startswith(self._below)}
        if folders and not self._rehash:
            self._known |= self._held.adopted(os.path.commonpath(folders))

    def expect(self, place: str, status: os.stat_result, *, git: bool) -> None:
        """Begin with a file in one piece before `run` asks for it by its place; does nothing for one that is not `below`."""
        if place in self._begun or self._below is None or not place.startswith(self._below):
            return
        wanted = self._begun[place] = Wanted((place,), git)
        if not self._unchanged(place, wanted, Identity.of(status)):
            self._waiting.append((status.st_size, place, wanted))
            if len(self._waiting) >= PUSHED_AT_ONCE:
                self._push(())

    def run(self, wanted: Mapping[str, Wanted]) -> dict[str, Hashed]:
        """Return what every file is, by the same keys; raises StorageError only if the index cannot be read."""
        if not wanted:
            return {}
        late = {key: one for key, one in wanted.items() if self._begun.get(key) != one}
        self._know(one for each in late.values() for one in each.places)
        self._begun.update(late)
        self._push([(_size(one), key, one) for key, one in late.items() if not self._unchanged(key, one)])
        self.close(noting=True)
        return self._found

    def close(self, *, noting: bool = False) -> None:
        """End the threads, once everything is hashed if it is to be noted, at once otherwise."""
        with self._ready:
            self._over = True
            if not noting:
                self._left.clear()
            self._ready.notify_all()
        for thread in self._threads:
            while thread.is_alive():
                thread.join(_LOOK_SECONDS)
                self._note(NOTED_AT_ONCE)
        self._note(1)
        self._threads, self._over = [], False

    def _push(self, more: Sequence[tuple[int, str, Wanted]]) -> None:
        """Give files to the threads: big ones first, so that no thread is left alone with one at the end."""
        with self._ready:
            more, self._waiting = (*self._waiting, *more), []
            for size, key, wanted in more:
                heapq.heappush(self._left, (-size, next(self._numbers), key, wanted))
            missing = min(self._count, len(self._left)) - len(self._threads)
            started = [threading.Thread(target=self._work, daemon=True) for _ in range(missing)]
            self._threads += started
            self._ready.notify(len(more))
        for thread in started:
            thread.start()

    def _note(self, least: int) -> None:
        """Note what was hashed since the last time, if that is so many files at least."""
        with self._ready:
            if len(self._fresh) < least:
                return
            fresh, self._fresh = self._fresh, []
        with suppress(StorageError):  # it only costs time
            self._held.adopt_all(sorted(fresh, key=lambda one: one[0]))

    def _unchanged(self, key: str, wanted: Wanted, seen: Identity | None = None) -> bool:
        """Settle a file without reading it, if that can be done. seen: as it is now, looked at if that is not given."""
        known = self._known.get(wanted.places[0]) if len(wanted.places) == 1 else None
        if known is None or (wanted.git and known[1].git_oid is None):
            return False
        try:
            seen = seen or Identity.of(os.lstat(wanted.places[0]))
        except OSError:
            return False
        if seen != known[0]:
            return False
        with self._ready:
            self._found[key] = Hashed(seen.size, known[1], identity=seen)
            self._advance(seen.size)
        return True

    def _next(self) -> tuple[str, Wanted] | None:
        """Return what is to be hashed next, None if there is nothing more."""
        with self._ready:
            while not self._left:
                if self._over:
                    return None
                self._ready.wait()
            return heapq.heappop(self._left)[2:]

    def _work(self) -> None:
        buffer = bytearray(PIECE)
        while (task := self._next()) is not None:
            key, wanted = task
            try:
                found, identity = self._read(wanted, buffer)
            except OSError as error:
                found, identity = Hashed(0, None, problem=f"it cannot be read: {error.strerror}"), None
            with self._ready:
                if self._begun.get(key) == wanted:  # not: asked for with one digest more meanwhile
                    self._found[key] = found
                if identity is not None and found.digests is not None:
                    self._fresh.append((wanted.places[0], found.digests, identity))
                self._advance(found.size)

    def _read(self, wanted: Wanted, buffer: bytearray) -> tuple[Hashed, Identity | None]:
        """Return what a file is, and by what it is known again, None if it may not be noted."""
        started, states = time.time_ns(), [hashlib.sha256()]
        if wanted.git:
            states.append(hashlib.sha1(usedforsecurity=False))
            states[1].update(f"blob {sum(os.lstat(one).st_size for one in wanted.places)}\0".encode())
        read, identity = 0, None
        for place in wanted.places:
            file = os.open(place, _FLAGS)
            try:
                before = os.fstat(file)
                if not S_ISREG(before.st_mode):
                    return Hashed(0, None, problem="it is no regular file"), None
                length = _feed(states, file, buffer, before.st_size)
                identity = Identity.of(before)
                read += length
                if length != before.st_size or Identity.of(os.fstat(file)) != identity:
                    return Hashed(read, None, read, "it changed while it was read"), None
            finally:
                os.close(file)
        git = GitOid(states[1].hexdigest()) if wanted.git else None
        whole = identity if len(wanted.places) == 1 else None
        found = Hashed(read, Digests(Sha256(states[0].hexdigest()), None, git), read, identity=whole)
        if whole is None or max(whole.mtime_ns, whole.ctime_ns) + SETTLED_NS > started:
            return found, None
        return found, whole


def _feed(states: Sequence[hashlib._Hash], file: int, buffer: bytearray, limit: int) -> int:
    """Feed a file to the hashes and return how many bytes it had, at most one piece more than `limit`."""
    view, read = memoryview(buffer), 0
    while read <= limit and (count := os.readv(file, [buffer])):
        for state in states:
            state.update(view[:count])
        read += count
        if read == limit and count < PIECE:
            break  # the end, unless the size changed, which the status tells
    return read


def _size(wanted: Wanted) -> int:
    try:
        return (
            os.lstat(wanted.places[0]).st_size if len(wanted.places) == 1 else sum(os.lstat(one).st_size for one in wanted.places)
        )
    except OSError:
        return 0


def _cores() -> int:
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1
