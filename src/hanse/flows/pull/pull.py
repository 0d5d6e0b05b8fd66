"""Pulling a revision: from a name to its verified files where programs look for them, and a receipt.

1. The name is resolved and judged (`hanse.flows.pull.puller`).
2. What stands in the way at the target is refused. What lies there already is hashed, and indexed if it is what it must be: it
   is not fetched again.
3. Every file that is wanted is held: fetched from all places, checked, scanned. One refusal, and nothing goes further.
4. The files get their places: moved out of the held store, which goes on to find them there, so that they are on disk once.
5. The receipt is kept.

Run again after a crash, it goes on where it was.
"""

from __future__ import annotations

import fnmatch
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Protocol

from hanse.clock import Clock
from hanse.errors import BlobNotFound, DigestMismatch, EntryNotFound, StorageError
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.pull.digests import WholeFile
from hanse.flows.pull.fetch import Fetch
from hanse.flows.pull.into_cache import blob_path, entry_folder, write_snapshot
from hanse.flows.pull.into_folder import check_places, write_folder
from hanse.flows.pull.made import named
from hanse.flows.pull.progress import Progress
from hanse.flows.receipts import keep_receipt, make_receipt
from hanse.model.decision import Signed
from hanse.model.digest import GitOid
from hanse.model.filepin import FilePin
from hanse.model.receipt import Receipt
from hanse.model.receipt import Source as Place
from hanse.model.repo import RepoType
from hanse.policy.view import View
from hanse.store.held.heldfile import HeldFile, Identity
from hanse.store.held.store import Held
from hanse.store.sharing import copy, move

if TYPE_CHECKING:
    from hanse.flows.pull.asked import PulledRevision

FILES_AT_ONCE = 4
_PIECE = 1 << 20
_TRIES = 3
_TICK = 0.5


class Source(Protocol):
    """What resolves names and gets files: a `Puller`."""

    def revision(self, kind: RepoType, name: str, revision: str, /) -> PulledRevision:
        """Return a revision that may be used."""
        ...

    def file(self, revision: PulledRevision, path: str, /) -> Fetch | HeldFile:
        """Return a file of it, held or on its way."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be pulled where.

    cache: of Hugging Face clients; to: a plain folder instead; include, exclude: patterns of paths.
    """

    type: RepoType
    name: str
    revision: str
    cache: Path
    to: Path | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pulled:
    """What was pulled.

    path: the folder with the files; kept: where the receipt is, None if it could not be written; remarks: what is to be said
    about sources; vouching: those signers whom the policy believes in other things, too; sources: where this pull, not one
    before it, took how many bytes from.
    """

    receipt: Receipt
    path: Path
    kept: Path | None
    remarks: tuple[str, ...] = ()
    vouching: tuple[Signed, ...] = ()
    sources: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a pull happens. home: HANSE_HOME."""

    source: Source
    held: Held
    policy: LoadedPolicy
    home: Path
    clock: Clock


def pull(order: Order, setting: Setting, progress: Progress) -> Pulled:
    """Pull a revision by the steps at the top of this file.

    Raises what the puller and its fetches raise (PolicyError, NotFoundError, IntegrityError, PeerError, StorageError), and
    EntryNotFound if no file fits the patterns.
    """
    # 1.
    revision = setting.source.revision(order.type, order.name, order.revision)
    pins = wanted_files(revision.files, order.include, order.exclude)
    progress.begin(revision, len(pins), sum(one.size for one in pins))
    # 2.
    if order.to is not None:
        check_places(order.to, pins)
    snapshots = _snapshots(order)
    for pin in pins:
        for place in (_target(order, pin), *(one / pin.path for one in snapshots)):
            adopt_present(setting.held, pin, place)
    # 3.
    files = _Fetching(setting.source, revision, progress).all(pins)
    # 4.
    placing = _Placing(setting, revision, files)
    path = placing.into_folder(order.to) if order.to else placing.into_cache(order)
    # 5.
    known = [_known(pin, files[pin.path]) for pin in pins]
    made = make_receipt(revision, setting.policy, known, progress.sources, setting.clock.now())
    vouching = View(setting.policy.policy, revision.facts).vouching()
    try:
        receipt, kept = keep_receipt(setting.home, made, revision.evidence, order.to, listed=len(revision.files))
    except StorageError as error:  # the files are there and verified all the same
        return Pulled(made, path, None, (*progress.remarks, f"no receipt is kept: {error.message}"), vouching, made.sources)
    return Pulled(receipt, path, kept, progress.remarks, vouching, made.sources)


def wanted_files(files: Mapping[str, FilePin], include: Sequence[str], exclude: Sequence[str]) -> list[FilePin]:
    """Return the files that fit the patterns, by path; `*` spans folders, and a pattern that ends in `/` means all below.

    Raises EntryNotFound if there are files, and none fits.
    """

    def fits(path: str, patterns: Sequence[str]) -> bool:
        return any(fnmatch.fnmatchcase(path, f"{one}*" if one.endswith("/") else one) for one in patterns)

    found = [
        files[path] for path in sorted(files) if (not include or fits(path, include)) and not (exclude and fits(path, exclude))
    ]
    if files and not found:
        raise EntryNotFound("no file of the revision fits the patterns", hint="leave out --include and --exclude to get all")
    return found


def _target(order: Order, pin: FilePin) -> Path:
    if order.to is not None:
        return order.to / pin.path
    return blob_path(entry_folder(order.cache, order.type, order.name), pin)


def _snapshots(order: Order) -> list[Path]:
    """Return the folders of revisions in the cache, if it is on a file system without links: the files themselves are in them."""
    if order.to is not None:
        return []
    entry = entry_folder(order.cache, order.type, order.name)
    blobs = (one for one in (entry / "blobs").glob("*") if one.suffix != ".incomplete")
    return [] if any(blobs) else sorted((entry / "snapshots").glob("*"))


def adopt_present(held: Held, pin: FilePin, path: Path) -> None:
    """Have the store find the file at `path` if there is one and its bytes are what `pin` says; otherwise nothing happens."""
    if held.find(pin) is not None:
        return
    with suppress(OSError, DigestMismatch, StorageError):
        real = Path(os.path.realpath(path))
        descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            seen = Identity.of(status)
            if not S_ISREG(status.st_mode) or seen.size != pin.size:
                return
            whole = WholeFile(pin, thorough=True)
            while piece := file.read(_PIECE):
                whole.update(piece)
        digests = whole.finish()
        held.adopt(real, digests.sha256, digests.xet, digests.git_oid, digests.size, seen=seen)


def _known(pin: FilePin, file: HeldFile) -> FilePin:
    return replace(pin, sha256=file.sha256, xet=pin.xet or file.xet)


class _Fetching:
    """Gets all files of one order, several at a time."""

    def __init__(self, source: Source, revision: PulledRevision, progress: Progress) -> None:
        self._source = source
        self._revision = revision
        self._progress = progress
        self._stopped = threading.Event()

    def all(self, pins: Iterable[FilePin]) -> dict[str, HeldFile]:
        """Return every file, held; the first error ends all of it."""
        with ThreadPoolExecutor(FILES_AT_ONCE, thread_name_prefix="pull") as pool:
            # The largest last files of a list would leave the others idle.
            ordered = sorted(pins, key=lambda one: -one.size)
            running = [(pin, pool.submit(self._one, pin)) for pin in ordered]
            try:
                return {pin.path: file for pin, one in running if (file := one.result()) is not None}
            except BaseException:
                self._stopped.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _one(self, pin: FilePin) -> HeldFile | None:
        found: Fetch | HeldFile | None = None if self._stopped.is_set() else self._source.file(self._revision, pin.path)
        if isinstance(found, Fetch):
            self._progress.fetching(pin.path, found)
            found = self._wait(found)
        if found is not None:
            self._progress.finished(pin.path, pin.size)
        return found

    def _wait(self, fetch: Fetch) -> HeldFile | None:
        while not self._stopped.is_set():
            found = fetch.wait(_TICK)
            if found is not None:
                return found
        fetch.cancel()
        return None


class _Placing:
    """Brings held files to where they are wanted, as one copy on disk where that can be."""

    def __init__(self, setting: Setting, revision: PulledRevision, files: dict[str, HeldFile]) -> None:
        self._setting = setting
        self._revision = revision
        self._files = files
        self._mode = 0o666 & ~_umask()
        self._pins = set(setting.held.pins())

    def into_cache(self, order: Order) -> Path:
        """Write the snapshot of a client's cache."""
        revision = self._revision
        entry = entry_folder(order.cache, order.type, order.name)
        pins = [revision.files[path] for path in sorted(self._files)]
        rev, ref = GitOid(revision.rev), revision.ref or ""
        return write_snapshot(entry, rev, ref, listed=revision.files.values(), pulled=pins, put=self._put)

    def into_folder(self, folder: Path) -> Path:
        """Write a plain folder."""
        pins = [self._revision.files[path] for path in sorted(self._files)]
        return write_folder(folder, GitOid(self._revision.rev), pins, self._put)

    def _put(self, pin: FilePin, target: Path) -> None:
        for _ in range(_TRIES):
            file = self._files[pin.path]
            with suppress(BlobNotFound):
                self._bring(file, target)
                return
            self._files[pin.path] = self._again(pin)
        raise BlobNotFound(f"{pin.path} changes while it is used", hint="find out what writes to it, and pull again")

    def _bring(self, file: HeldFile, target: Path) -> None:
        """Let `target` be the file, and the store find it there. Raises BlobNotFound if it is gone or has changed."""
        descriptor = file.open()
        try:
            if file.path == Path(os.path.realpath(target.parent)) / target.name:
                return
            stays = file.adopted or self._pinned(file)
            if stays or not move(file.path, target, self._mode):
                copy(descriptor, file.size, target, self._mode)
                if file.adopted:
                    _check_same(file, descriptor)
        finally:
            os.close(descriptor)
        self._setting.held.adopt(target, file.sha256, file.xet, file.git_oid, file.size)
        if not stays:  # it could not be moved to another file system: one copy is enough
            file.path.unlink(missing_ok=True)
            self._setting.held.gone(file)

    def _pinned(self, file: HeldFile) -> bool:
        """Tell whether the store was asked to keep a file."""
        return bool(self._pins & {file.sha256, named(self._revision.repo, self._revision.rev)})

    def _again(self, pin: FilePin) -> HeldFile:
        found = self._setting.source.file(self._revision, pin.path)
        if isinstance(found, Fetch):
            while (file := found.wait(_TICK)) is None:
                pass
            return file
        return found


def _check_same(file: HeldFile, descriptor: int) -> None:
    """Raise BlobNotFound if a file that others may write to was written while it was copied."""
    if Identity.of(os.fstat(descriptor)) != file.identity:
        raise BlobNotFound(f"{file.path} changed while it was copied", hint="fetch it again")


def _umask() -> int:
    """Return the file mode mask of this process, which can be set, but not asked for, without a moment of another one."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("Umask:"):
                return int(line.partition(":")[2], 8)
    return 0o022
