"""Taking in the files of a claimed revision: what is here already is not fetched, and every digest that was claimed is checked.

1. Contents that were taken in before, and those that everybody may read here, are not fetched.
2. What lies on this machine is read there: in a cache that an operator named; in the held store once a place has shown, by a
   piece that is chosen at random, that it has the bytes and not only their digest. What is mirrored may be read by everybody, and
   the held store has files of others, too.
3. Small regular files are fetched into memory, many at once; others go on where the last try, or the last process, ended.
4. Every digest that the claim gives must be that of the bytes: git blob id, SHA-256, Xet hash. A lie is recorded and ends it.

The scanner reads each file while it is taken in, as with an upload. A file belongs to the mirror as an upload does that no commit
named, until the revision is complete.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from hanse.content.gitobjects import lfs_pointer_id
from hanse.db import blobs, mirrors
from hanse.db.blobs import FileRow
from hanse.db.mirrors import Content
from hanse.db.repos import Repo
from hanse.errors import HanseError, IntegrityError, NotFoundError, StorageError
from hanse.flows.mirror.heldfiles import shown
from hanse.flows.mirror.large import Local, read_whole, take_large
from hanse.flows.mirror.lies import check_content, lie
from hanse.flows.mirror.patience import Halt, Patience
from hanse.flows.mirror.small import checked_small, take_small
from hanse.flows.node import Node
from hanse.flows.scope import usable_files
from hanse.model.actor import ANONYMOUS
from hanse.model.digest import GitOid
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType
from hanse.peers.place import Place

T = TypeVar("T")
LARGE_AT_ONCE = 4
SMALL_AT_ONCE = 8
SMALL_BATCH = 64
"""Small files fetched and stored together; together they have at most `SMALL_BYTES`, and one more file."""
SMALL_BYTES = 16 * 1024 * 1024

Report = Callable[[str, int, int], None]
"""Told what goes on: a path, bytes taken in of the revision so far, and bytes in all."""


def _silent(_path: str, _done: int, _total: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Options:
    """How a mirror is made.

    places: where bytes may be had, before the upstream is asked; also: gives further places of a revision (type, name,
    commit id), asked after it, and only for what everybody may see; local: files on this machine that may have a content, by
    pin; held: the same, of files that count only if a place has them as well; refused: told which of `local` have another
    content; stop: set
    when it is to end.
    """

    report: Report = _silent
    stop: threading.Event = field(default_factory=threading.Event)
    places: Sequence[Place] = ()
    also: Callable[[RepoType, str, GitOid], Sequence[Place]] = lambda _kind, _path, _rev: ()
    local: Callable[[FilePin], Local | None] = lambda _pin: None
    held: Callable[[FilePin], Local | None] = lambda _pin: None
    refused: Callable[[FilePin, str], None] = lambda _pin, _says: None


@dataclass
class Intake:
    """One revision being taken in; places: where its bytes may be had, the best first."""

    node: Node
    repo: Repo
    rev: GitOid
    pins: Sequence[FilePin]
    places: Sequence[Place]
    options: Options
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _done: int = 0
    _total: int = 0
    _arriving: dict[GitOid, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._halt = Halt(self.options.stop)

    def run(self) -> dict[GitOid, Content]:
        """Take in what is missing, and return every content by `key_of` its pin.

        Raises IntegrityError for a lie, PeerError if no place gives a file, StorageError; what was taken in stays.
        """
        wanted = {key_of(pin): pin for pin in self.pins}
        self._total = sum(pin.size for pin in wanted.values())
        # 1. What is here already.
        known = self._known(wanted)
        missing = [pin for key, pin in wanted.items() if key not in known]
        for pin in (wanted[key] for key in known):
            self._progress(pin)
        # 2. and 3.
        small = [pin for pin in missing if not pin.lfs and pin.size <= self.node.limits.max_regular_bytes]
        large = sorted((pin for pin in missing if pin not in set(small)), key=lambda pin: -pin.size)
        self._all([*(self._small_job(batch) for batch in _batches(small)), *(self._large_job(pin) for pin in large)])
        found = self._known(wanted)
        # 4.
        for pin in self.pins:
            check_content(self.node, self.repo, self.rev, pin, found[key_of(pin)])
        return found

    def _known(self, wanted: dict[GitOid, FilePin]) -> dict[GitOid, Content]:
        """Return contents that the mirror has; what everybody may read here becomes its own."""
        with self.node.db.read() as conn:
            found = mirrors.contents(conn, self.repo.id, wanted)
            held = blobs.find_by_xet(conn, self.repo.id, [one.xet for one in found.values()])
        found = {key: one for key, one in found.items() if one.xet in held}
        digests = {pin.sha256: key for key, pin in wanted.items() if key not in found and pin.lfs and pin.sha256 is not None}
        if digests:
            with self.node.db.read() as conn:
                open_here = blobs.find_by_sha256(conn, usable_files(self.node, ANONYMOUS, self.repo), list(digests))
            rows = {digests[sha256]: row for sha256, row in open_here.items()}
            self.keep({key: row for key, row in rows.items() if row.size == wanted[key].size})
            found |= {key: content_of(row) for key, row in rows.items() if row.size == wanted[key].size}
        return found

    def keep(self, rows: dict[GitOid, FileRow]) -> None:
        """Let the mirror hold these files, and remember what their bytes are called upstream."""
        if not rows:
            return
        with self.node.db.write() as conn:
            blobs.link_files(conn, self.repo.id, [row.id for row in rows.values()], None, self.node.clock.now())
            mirrors.put_contents(conn, self.repo.id, {key: content_of(row) for key, row in rows.items()})

    def _all(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Run the jobs, some at a time; the first failure ends the others, and is raised."""
        if not jobs:
            return
        with ThreadPoolExecutor(LARGE_AT_ONCE, thread_name_prefix="mirror") as pool:
            running = [pool.submit(self._guarded, job) for job in jobs]
            wait(running, return_when=FIRST_EXCEPTION)
            failed = [error for one in running if one.done() and not one.cancelled() and (error := one.exception()) is not None]
            if failed:
                self._halt.fail()
                for one in running:
                    one.cancel()
        if failed:
            raise failed[0]
        if self._halt.is_set():
            raise self._halt.stopped()

    def _guarded(self, job: Callable[[], None]) -> None:
        if not self._halt.is_set():
            job()

    def _small_job(self, batch: Sequence[FilePin]) -> Callable[[], None]:
        return lambda: self._small(batch)

    def _large_job(self, pin: FilePin) -> Callable[[], None]:
        return lambda: self._large(pin)

    def _small(self, batch: Sequence[FilePin]) -> None:
        rows = take_small(self.node, self.repo, batch, self._read_small, at_once=SMALL_AT_ONCE)
        self.keep({key_of(pin): row for pin, row in zip(batch, rows, strict=True)})
        for pin in batch:
            self._progress(pin)

    def _read_small(self, pin: FilePin) -> bytes:
        """Return the bytes of a small file, whose git blob id was checked, from this machine or the first place that has it."""
        here = self.options.local(pin)
        if here is not None:
            try:
                return checked_small(pin, read_whole(here, pin.size))
            except (IntegrityError, NotFoundError) as error:
                self.options.refused(pin, error.message)  # it is not what it seemed to be: fetched like any other
        return self._anywhere(pin, lambda place: checked_small(pin, Patience(self._halt).whole(place, pin)))

    def _large(self, pin: FilePin) -> None:
        arrived = partial(self._progress, pin)
        here = self.options.local(pin) or shown(pin, self.options.held(pin), self.places)
        if here is not None:
            try:
                row = take_large(self.node, self.repo, pin, here, self._halt, arrived=arrived)
            except (IntegrityError, NotFoundError) as error:
                self.options.refused(pin, error.message)
                here = None
            else:
                self.keep({key_of(pin): row})
        if here is None:
            row = self._anywhere(pin, lambda place: take_large(self.node, self.repo, pin, place, self._halt, arrived=arrived))
            self.keep({key_of(pin): row})
        self._progress(pin)

    def _anywhere(self, pin: FilePin, fetch: Callable[[Place], T]) -> T:
        """Return what the first honest place gives; a place that lies is recorded.

        Raises the last failure, and at once StorageError of this node's own, or Busy if reading was stopped.
        """
        last: HanseError = NotFoundError("there is no place to fetch it from", hint="name the upstream with --from")
        culprit = ""
        for place in self.places:
            try:
                return fetch(place)
            except IntegrityError as error:
                lie(self.node, self.repo, self.rev, pin, place=place.name, says=error.message)
                last, culprit = error, place.name
            except StorageError:
                raise
            except HanseError as error:
                if not isinstance(last, IntegrityError):
                    last, culprit = error, place.name
        named = "" if not culprit or culprit in last.message else f" from {culprit}"
        last.message = f"{pin.path[:200]!r}{named}: {last.message}"
        last.args = (last.message,)
        if isinstance(last, IntegrityError):
            last.hint = "the lie is kept: hanse witness alarms; --also HUB takes the bytes from somebody else"
        raise last

    def _progress(self, pin: FilePin, part: int | None = None) -> None:
        """Tell how far it is, all of a file being here, or the first `part` bytes of it."""
        with self._lock:
            if part is None:
                self._arriving.pop(key_of(pin), None)
                self._done += pin.size
            else:
                self._arriving[key_of(pin)] = part
            done = self._done + sum(self._arriving.values())
        self.options.report(pin.path, done, self._total)


def key_of(pin: FilePin) -> GitOid:
    """Return the name under which a content is remembered: the git blob id that follows from what the pin says of it.

    An LFS pointer's id as the upstream gives it says nothing about the bytes; it is made anew from SHA-256 and size.
    """
    return lfs_pointer_id(pin.sha256, pin.size) if pin.lfs and pin.sha256 is not None else pin.git_oid


def content_of(row: FileRow) -> Content:
    """Return the names of a stored file's bytes."""
    return Content(row.sha256, row.xet, row.size)


def _batches(pins: Sequence[FilePin]) -> Iterable[Sequence[FilePin]]:
    batch: list[FilePin] = []
    size = 0
    for pin in pins:
        batch.append(pin)
        size += pin.size
        if len(batch) == SMALL_BATCH or size >= SMALL_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
