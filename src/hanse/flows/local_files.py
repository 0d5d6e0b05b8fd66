"""The files of a model on this machine: where they lie, and their SHA-256 at disk speed.

A plain folder, or an entry of the Hugging Face cache, in which the files of a snapshot are links into a folder of blobs. Links
that lead anywhere else are reported, never followed. Files are read once (`flows.hashing`); what was hashed
before and has not changed since (device, inode, size, and the times of the last change of content and of the inode, in
nanoseconds) is not read again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from hanse.errors import EntryNotFound, StorageError, TooLarge
from hanse.flows.hashing import HashingThreads
from hanse.flows.remembered import Remembered
from hanse.model.digest import Sha256, is_git_oid

MAX_LOCAL_FILES = 1_000_000
BOOKKEEPING = (".cache", "huggingface")
"""Where clients of the Hub note what they downloaded into a plain folder: no part of the model."""
_CACHE_PREFIXES = ("models--", "datasets--")
_LINK_HINT = "a link leads out of what is verified"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of one revision are.

    root: the folder whose relative paths are the names of files; blobs: folders into which its links may lead; rev: the commit
    id under which a client keeps it, if it says so.
    """

    root: Path
    blobs: tuple[Path, ...] = ()
    rev: str | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file must be. size: bytes, None if it is not known."""

    sha256: Sha256
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Hashed:
    """What a file turned out to be. sha256: None if it could not be read, then `problem` says why; read: bytes hashed now."""

    size: int
    sha256: Sha256 | None
    read: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome of comparing files with what they must be.

    verified: how many are exactly that; size: their bytes; read: bytes hashed now, not remembered; absent: expected and not
    there; failed: one line for every file that is another, was added, or cannot be read.
    """

    verified: int
    size: int
    read: int
    absent: tuple[str, ...]
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in a place: `files` by name, and a line for each thing that is no file a model may have."""

    files: Mapping[str, Path]
    odd: Mapping[str, str]


def find_place(path: Path, revision: str | None = None) -> Place:
    """Return where the files named by `path` are: a folder, a snapshot in the Hugging Face cache, or a whole entry of it.

    revision: which snapshot of an entry: a commit id or a name; default `main`, else the only one. Raises EntryNotFound.
    """
    folder = Path(os.path.realpath(path))
    if not folder.is_dir():
        raise EntryNotFound(f"there is no folder {str(path)!r}", hint="name the folder that holds the model's files")
    if folder.name.startswith(_CACHE_PREFIXES) and (folder / "snapshots").is_dir():
        folder = folder / "snapshots" / _snapshot(folder, revision)
    entry = folder.parent.parent
    if folder.parent.name != "snapshots" or not entry.name.startswith(_CACHE_PREFIXES) or not is_git_oid(folder.name):
        return Place(folder)
    return Place(folder, (entry / "blobs", entry.parent / "blobs"), folder.name)


def _snapshot(entry: Path, revision: str | None) -> str:
    snapshots = sorted(one.name for one in (entry / "snapshots").iterdir() if is_git_oid(one.name) and one.is_dir())
    if revision in snapshots:
        return str(revision)
    named = ""
    with suppress(OSError, ValueError):
        named = (entry / "refs" / (revision or "main")).read_text(encoding="ascii").strip()
    if named in snapshots:
        return named
    if revision is None and len(snapshots) == 1:
        return snapshots[0]
    asked = revision or "main"
    raise EntryNotFound(
        f"the cache entry {entry.name!r} has no snapshot of {asked!r}",
        hint=f"name one with --revision: {', '.join(snapshots[:5]) or 'there is none'}",
    )


def list_place(place: Place, leave_out: Iterable[Path] = ()) -> Listing:
    """Return everything that lies in `place` but clients' bookkeeping and the files in `leave_out` (the evidence itself).

    Raises StorageError if a folder cannot be read, TooLarge above MAX_LOCAL_FILES.
    """
    files: dict[str, Path] = {}
    odd: dict[str, str] = {}
    ignored = {Path(os.path.realpath(one)) for one in leave_out}
    stack: list[tuple[str, ...]] = [()]
    while stack:
        parts = stack.pop()
        for entry in _scan(place.root.joinpath(*parts)):
            inside = (*parts, entry.name)
            name = "/".join(inside)
            if entry.is_symlink():
                target = _target(place, entry)
                if target is None:
                    odd[name] = _LINK_HINT
                else:
                    files[name] = target
            elif entry.is_dir(follow_symlinks=False):
                if inside != BOOKKEEPING:
                    stack.append(inside)
            elif not entry.is_file(follow_symlinks=False):
                odd[name] = "it is no regular file"
            elif not ignored or Path(entry.path) not in ignored:
                files[name] = Path(entry.path)
            if len(files) + len(odd) > MAX_LOCAL_FILES:
                raise TooLarge(f"there are more than {MAX_LOCAL_FILES:,} files in {place.root}")
    return Listing(files, odd)


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise StorageError(f"cannot read the folder {folder}: {error.strerror}") from error


def _target(place: Place, entry: os.DirEntry[str]) -> Path | None:
    """Return the regular file to which a link of the cache leads, None unless it lies in a folder of blobs."""
    target = Path(os.path.realpath(entry.path))
    inside = target.parent in place.blobs or target.parent.parent in place.blobs
    try:
        return target if inside and S_ISREG(target.lstat().st_mode) else None
    except OSError:
        return None


class Hashing:
    """Reads every listed file in threads of its own, from construction on; `result` waits for all of them.

    advance: called with the number of bytes that were settled, from the threads, one at a time; threads: default one a core.
    """

    def __init__(
        self,
        listing: Listing,
        remembered: Remembered,
        *,
        advance: Callable[[int], None] = lambda _: None,
        threads: int | None = None,
    ) -> None:
        self.listing = listing
        self.remembered = remembered
        self._advance = advance
        self._found: dict[str, Hashed] = {}
        self._lock = threading.Lock()
        sizes = {name: _size(path) for name, path in listing.files.items()}
        self.total = sum(sizes.values())
        self._threads = HashingThreads(threads=threads)
        self._threads.give(_Reading(self, name, listing.files[name], size) for name, size in sizes.items())
        self._threads.close()

    def wait(self, seconds: float) -> bool:
        """Wait for at most so long; return whether everything is read."""
        return self._threads.wait(seconds)

    def result(self) -> Mapping[str, Hashed]:
        """Return what every file is, by name; raises StorageError if hashing itself failed."""
        self._threads.wait()
        self.remembered.save()
        return self._found

    def stop(self) -> None:
        """Let the threads end at their next piece: nobody wants the result any more."""
        self._threads.stop()

    def count(self, settled: int) -> None:
        """Tell that so many bytes more are settled."""
        with self._lock:
            self._advance(settled)

    def settle(self, name: str, found: Hashed) -> None:
        """Note what a file is."""
        with self._lock:
            self._found[name] = found


class _Reading:
    """One file of a `Hashing`."""

    def __init__(self, hashing: Hashing, name: str, path: Path, size: int) -> None:
        self.size = size
        self._hashing, self._name, self._path = hashing, name, path
        self._file = -1
        self._read = 0
        self.over = False

    def begin(self) -> bool:
        """Open the file unless it is known, or no file."""
        self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        before = self._before = os.fstat(self._file)
        if not S_ISREG(before.st_mode):
            return self._settled(Hashed(0, None, problem="it is no regular file"))
        known = self._hashing.remembered.find(before)
        if known is not None:
            self._hashing.count(before.st_size)
            return self._settled(Hashed(before.st_size, known))
        self._started = self._hashing.remembered.clock()
        return True

    def read(self, buffer: memoryview) -> int:
        """Read the next bytes, at most one piece more than the file had."""
        count = os.readv(self._file, [buffer])
        self._read += count
        # A piece that is not full is the last, unless the size changed, which the status tells.
        size = self._before.st_size
        self.over = not count or self._read > size or (self._read == size and count < len(buffer))
        self._hashing.count(count)
        return count

    def end(self, sha256: Sha256) -> None:
        """Settle the file, if it is still what was read."""
        before, after = self._before, os.fstat(self._file)
        if (after.st_size, after.st_mtime_ns, after.st_ctime_ns) != (before.st_size, before.st_mtime_ns, before.st_ctime_ns):
            self._settled(Hashed(after.st_size, None, self._read, "it changed while it was read"))
        elif self._read != after.st_size:
            self._settled(Hashed(after.st_size, None, self._read, "it was not read to its end"))
        else:
            self._hashing.remembered.keep(after, sha256, self._started, self._path)
            self._settled(Hashed(after.st_size, sha256, self._read))

    def fail(self, error: OSError | None) -> None:
        """Settle a file that cannot be read, or that nobody wants any more."""
        self._settled(Hashed(0, None, problem=f"cannot be read: {error.strerror}" if error else "it was not read to its end"))

    def _settled(self, found: Hashed) -> bool:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._hashing.settle(self._name, found)
        return False


def compare(listing: Listing, hashed: Mapping[str, Hashed], expected: Mapping[str, Expected]) -> Checked:
    """Compare what lies in a place with what must lie there."""
    failed = dict(listing.odd)
    failed |= dict.fromkeys(listing.files.keys() - expected.keys(), "added, the signed manifest does not have it")
    good = []
    for name, wanted in expected.items():
        found = hashed.get(name)
        if found is None:
            if name in listing.files:
                failed[name] = "it was not read"
            continue
        if found.sha256 is None:
            failed[name] = found.problem
        elif wanted.size is not None and found.size != wanted.size:
            failed[name] = f"altered, it has {found.size:,} bytes instead of {wanted.size:,}"
        elif found.sha256 != wanted.sha256:
            failed[name] = f"altered, its SHA-256 is {found.sha256} instead of {wanted.sha256}"
        else:
            good.append(found)
    absent = tuple(sorted(name for name in expected if name not in listing.files and name not in listing.odd))
    lines = tuple(f"{name}: {failed[name]}" for name in sorted(failed))
    return Checked(len(good), sum(one.size for one in good), sum(one.read for one in hashed.values()), absent, lines)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
