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
import functools
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Protocol

from hanse.clock import Clock
from hanse.errors import DigestMismatch, EntryNotFound, StorageError
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.pull.digests import WholeFile
from hanse.flows.pull.fetch import Fetch
from hanse.flows.pull.into_cache import blob_path, entry_folder, write_snapshot
from hanse.flows.pull.into_folder import check_places, write_folder
from hanse.flows.pull.made import named
from hanse.flows.pull.placing import Placing
from hanse.flows.pull.progress import Progress
from hanse.flows.pull.several import Got, is_small, together
from hanse.flows.receipts import keep_receipt, make_receipt
from hanse.model.decision import Signed
from hanse.model.digest import GitOid
from hanse.model.filepin import FilePin
from hanse.model.receipt import Receipt
from hanse.model.receipt import Source as Place
from hanse.model.repo import RepoType
from hanse.policy.view import View
from hanse.store.durable import sync_all_fresh
from hanse.store.held.copies import Digests
from hanse.store.held.heldfile import HeldFile, Identity, identify
from hanse.store.held.store import Held

if TYPE_CHECKING:
    from hanse.flows.pull.asked import PulledRevision

FILES_AT_ONCE = 4
"""Large files, or groups of small ones, that are fetched at once."""
_PIECE = 1 << 20
_TICK = 0.5
_TOGETHER = 256
_TOGETHER_BYTES = 64 << 20
"""Files that lie at the target already, and bytes of them, of which the store is told together."""


class Source(Protocol):
    """What resolves names and gets files: a `Puller`."""

    def revision(self, kind: RepoType, name: str, revision: str, /) -> PulledRevision:
        """Return a revision that may be used."""
        ...

    def file(self, revision: PulledRevision, path: str, /) -> Fetch | HeldFile:
        """Return a file of it, held or on its way."""
        ...

    def some(self, revision: PulledRevision, pins: Sequence[FilePin], stopped: Callable[[], bool], /) -> Mapping[str, Got]:
        """Return small files of it, by path; fewer if `stopped`."""
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
    adopt_present(setting.held, ((pin, [_target(order, pin), *(one / pin.path for one in snapshots)]) for pin in pins))
    # 3.
    files = _Fetching(setting.source, revision, progress).all(pins)
    # 4.
    again = functools.partial(_again, setting.source, revision)
    path = _placed(order, revision, pins, Placing(setting.held, files, named(revision.repo, revision.rev), again))
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


def adopt_present(held: Held, places: Iterable[tuple[FilePin, Sequence[Path]]]) -> None:
    """Have the store find files at places where they may be, if there are any and their bytes are what the pins say.

    Raises StorageError if the store cannot be read.
    """
    wanted = dict(places)
    known = held.find_all(wanted)
    hashed, size = list[tuple[str, Digests, Identity]](), 0
    for pin, paths in wanted.items():
        there = () if pin in known else (one for path in paths if os.path.lexists(path) and (one := _hashed(pin, path)))
        for one in itertools.islice(there, 1):
            hashed.append(one)
            size += pin.size
        if len(hashed) >= _TOGETHER or size >= _TOGETHER_BYTES:
            _adopt(held, hashed)
            hashed, size = [], 0
    _adopt(held, hashed)


def _adopt(held: Held, hashed: Sequence[tuple[str, Digests, Identity]]) -> None:
    with suppress(StorageError, OSError):  # then they are fetched, or that fails for the same reason
        sync_all_fresh((place, seen.dev, seen.changed_ns) for place, _, seen in hashed)
        held.adopt_all(hashed)


def _hashed(pin: FilePin, path: Path) -> tuple[str, Digests, Identity] | None:
    """Return real path, digests and identity of the file at `path` if its bytes, which nobody wrote to, are what `pin` says."""
    with suppress(OSError, DigestMismatch):
        real = os.path.realpath(path)
        descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            seen = Identity.of(status)
            if not S_ISREG(status.st_mode) or seen.size != pin.size:
                return None
            whole = WholeFile(pin, thorough=True)
            while piece := file.read(_PIECE):
                whole.update(piece)
            found = whole.finish()
        if identify(Path(real)) == seen:
            return real, Digests(found.sha256, found.xet, found.git_oid), seen
    return None


def _known(pin: FilePin, file: HeldFile) -> FilePin:
    return replace(pin, sha256=file.sha256, xet=pin.xet or file.xet)


class _Fetching:
    """Gets all files of one order, several at a time: small ones together, large ones of the same content one after the other."""

    def __init__(self, source: Source, revision: PulledRevision, progress: Progress) -> None:
        self._source = source
        self._revision = revision
        self._progress = progress
        self._stopped = threading.Event()

    def all(self, pins: Sequence[FilePin]) -> dict[str, HeldFile]:
        """Return every file, held; the first error ends all of it."""
        groups = _by_content(pin for pin in pins if not is_small(pin)) + list(together(pin for pin in pins if is_small(pin)))
        with ThreadPoolExecutor(FILES_AT_ONCE, thread_name_prefix="pull") as pool:
            running = [pool.submit(self._some if is_small(group[0]) else self._same, group) for group in groups]
            try:
                return {path: file for one in running for path, file in one.result().items()}
            except BaseException:
                self._stopped.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _some(self, pins: Sequence[FilePin]) -> dict[str, HeldFile]:
        found = {} if self._stopped.is_set() else self._source.some(self._revision, pins, self._stopped.is_set)
        for path, one in found.items():
            self._progress.finished(path, one.file.size, one.shares)
        return {path: one.file for path, one in found.items()}

    def _same(self, pins: Sequence[FilePin]) -> dict[str, HeldFile]:
        found = {pin.path: self._one(pin) for pin in pins}
        return {path: file for path, file in found.items() if file is not None}

    def _one(self, pin: FilePin) -> HeldFile | None:
        found: Fetch | HeldFile | None = None if self._stopped.is_set() else self._source.file(self._revision, pin.path)
        shares = dict[str, int]()
        if isinstance(found, Fetch):
            fetch = found
            self._progress.fetching(pin.path, fetch)
            found, shares = self._wait(fetch), dict(fetch.sources)
        if found is not None:
            self._progress.finished(pin.path, pin.size, shares)
        return found

    def _wait(self, fetch: Fetch) -> HeldFile | None:
        while not self._stopped.is_set():
            found = fetch.wait(_TICK)
            if found is not None:
                return found
        fetch.cancel()
        return None


def _by_content(pins: Iterable[FilePin]) -> list[list[FilePin]]:
    """Return files, those with the same content together, in the order in which they are best fetched."""
    groups = dict[str, list[FilePin]]()
    for pin in pins:
        groups.setdefault(pin.xet or pin.sha256 or pin.git_oid, []).append(pin)
    # The largest last files of a list would leave the others idle.
    return sorted(groups.values(), key=lambda one: -one[0].size)


def _again(source: Source, revision: PulledRevision, pin: FilePin) -> HeldFile:
    """Return a file that was held, and is fetched once more if it is gone or has changed."""
    found = source.file(revision, pin.path)
    if isinstance(found, Fetch):
        while (file := found.wait(_TICK)) is None:
            pass
        return file
    return found


def _placed(order: Order, revision: PulledRevision, pins: Sequence[FilePin], placing: Placing) -> Path:
    """Put the files where they are wanted, and return the folder."""
    rev = GitOid(revision.rev)
    if order.to is not None:
        return write_folder(order.to, rev, pins, placing.put)
    entry = entry_folder(order.cache, order.type, order.name)
    return write_snapshot(entry, rev, revision.ref or "", listed=revision.files.values(), pulled=pins, put=placing.put)
