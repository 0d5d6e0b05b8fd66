"""Digests of many files at the speed of hashing them: read once, and not again while they are unchanged.

What was hashed is noted in the held store's index, which also makes it found by its digests (`Held.adopt`), while the rest is
still being hashed: an audit that was ended half-way goes on from there. A file is known again by device, inode, size and both
times of change; one that had changed just before it was hashed is not noted, because a file system may give two changes in quick
succession the same time.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from stat import S_ISREG
from typing import NamedTuple

from hanse.errors import StorageError
from hanse.flows.hashing import HashingThreads
from hanse.model.digest import GitOid, Sha256
from hanse.store.durable import sync_all_fresh
from hanse.store.held.copies import MAX_AMONG, Digests
from hanse.store.held.heldfile import Identity
from hanse.store.held.store import Held

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
        self._lock = threading.Lock()
        self._count = threads
        self._threads = HashingThreads(threads=threads)
        self._waiting: list[tuple[int, str, Wanted]] = []
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
        others = [one for one in places if self._below is None or not one.startswith(self._below)]
        if self._rehash or not others:
            return
        if len(others) <= MAX_AMONG:
            self._known |= self._held.adopted_among(others)
        else:
            self._known |= self._held.adopted(os.path.commonpath({one.rpartition("/")[0] or "/" for one in others}))

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
        """End the threads, once everything is hashed if it is to be noted, at once otherwise.

        Raises StorageError if hashing itself failed.
        """
        if noting:
            self._threads.close()
        else:
            self._threads.stop()
        while not self._threads.wait(_LOOK_SECONDS):
            self._note(NOTED_AT_ONCE)
        self._note(1)
        self._threads = HashingThreads(threads=self._count)

    def _push(self, more: Sequence[tuple[int, str, Wanted]]) -> None:
        """Give files to the threads."""
        given, self._waiting = (*self._waiting, *more), []
        self._threads.give(_Reading(self, *one) for one in given)

    def _note(self, least: int) -> None:
        """Note what was hashed since the last time, if that is so many files at least."""
        with self._lock:
            if len(self._fresh) < least:
                return
            fresh, self._fresh = self._fresh, []
        with suppress(StorageError, OSError):  # it only costs time
            sync_all_fresh((place, seen.dev, seen.changed_ns) for place, _, seen in fresh)
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
        with self._lock:
            self._found[key] = Hashed(seen.size, known[1], identity=seen)
            self._advance(seen.size)
        return True

    def settle(self, key: str, wanted: Wanted, found: Hashed, noted: Identity | None) -> None:
        """Keep what a file is. noted: by what it is known again, None if it may not be noted."""
        with self._lock:
            if self._begun.get(key) == wanted:  # not: asked for with one digest more meanwhile
                self._found[key] = found
            if noted is not None and found.digests is not None:
                self._fresh.append((wanted.places[0], found.digests, noted))
            self._advance(found.size)


class _Reading:
    """One file of an audit, in one part or several."""

    def __init__(self, hashing: AuditHashing, size: int, key: str, wanted: Wanted) -> None:
        self.size = size
        self._hashing, self._key, self._wanted = hashing, key, wanted
        self._places = list(reversed(wanted.places))
        self._file = -1
        self._part = self._read = 0
        self._git: hashlib._Hash | None = None
        self.over = False

    def begin(self) -> bool:
        """Open the first part, if it is a regular file."""
        self._started = time.time_ns()
        if self._wanted.git:
            self._git = hashlib.sha1(usedforsecurity=False)
            self._git.update(f"blob {sum(os.lstat(one).st_size for one in self._wanted.places)}\0".encode())
        return self._opened()

    def _opened(self) -> bool:
        self._file = os.open(self._places.pop(), _FLAGS)
        before = os.fstat(self._file)
        if not S_ISREG(before.st_mode):
            return self._settled(Hashed(0, None, problem="it is no regular file"))
        self._before, self._part = Identity.of(before), 0
        return True

    def read(self, buffer: memoryview) -> int:
        """Read the next bytes, at most one piece more than a part had."""
        count = os.readv(self._file, [buffer])
        if self._git is not None:
            self._git.update(buffer[:count])
        self._read += count
        self._part += count
        # A piece that is not full is the last, unless the size changed, which the status tells.
        size = self._before.size
        if not count or self._part > size or (self._part == size and count < len(buffer)):
            self._ended()
        return count

    def _ended(self) -> None:
        """Go on with the next part, if this one is what it was and there is one."""
        if self._part != self._before.size or Identity.of(os.fstat(self._file)) != self._before:
            self._settled(Hashed(self._read, None, self._read, "it changed while it was read"))
        elif self._places:
            self._close()
            self.over = not self._opened()
            return
        self.over = True

    def end(self, sha256: Sha256) -> None:
        """Settle the file, unless it changed; it may be noted if it had rested."""
        if self._file < 0:
            return
        git = GitOid(self._git.hexdigest()) if self._git is not None else None
        whole = self._before if len(self._wanted.places) == 1 else None
        fresh = whole is None or whole.changed_ns + SETTLED_NS > self._started
        self._settled(Hashed(self._read, Digests(sha256, None, git), self._read, identity=whole), None if fresh else whole)

    def fail(self, error: OSError | None) -> None:
        """Settle a file that cannot be read, or that nobody wants any more."""
        self._settled(Hashed(0, None, problem=f"it cannot be read: {error.strerror}" if error else "it was not read to its end"))

    def _settled(self, found: Hashed, noted: Identity | None = None) -> bool:
        self._close()
        self._hashing.settle(self._key, self._wanted, found, noted)
        return False

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _size(wanted: Wanted) -> int:
    try:
        return (
            os.lstat(wanted.places[0]).st_size if len(wanted.places) == 1 else sum(os.lstat(one).st_size for one in wanted.places)
        )
    except OSError:
        return 0
