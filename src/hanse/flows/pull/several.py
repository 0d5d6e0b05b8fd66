"""Small files of one revision, many together: fetched side by side into memory, checked, and stored in one transaction.

Where files are small, what a fetch costs beside its bytes is what it takes: threads, transactions, flushes of folders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from hanse.flows.pull.events import Event, Kind
from hanse.flows.pull.fetch import Fetcher
from hanse.flows.pull.small import IN_MEMORY, SmallFile
from hanse.flows.pull.sources import Sources
from hanse.model.digest import Sha256
from hanse.model.filepin import FilePin
from hanse.peers.place import Place
from hanse.store.held.batch import Batch
from hanse.store.held.heldfile import HeldFile

TOGETHER = 64
"""Files that are stored together; in all they have at most `TOGETHER_BYTES`, and one more file."""
TOGETHER_BYTES = 8 * 1024 * 1024
AT_ONCE = 4
"""Requests at once for files that are stored together."""


@dataclass(frozen=True, slots=True)
class Got:
    """A file that is here. shares: bytes of it that were taken from each place just now, by its name."""

    file: HeldFile
    shares: Mapping[str, int]


def together(pins: Iterable[FilePin]) -> Iterator[list[FilePin]]:
    """Yield small files in groups that are worth being fetched together, those with the same content in one where that can be."""
    group, size = list[FilePin](), 0
    for pin in sorted(pins, key=lambda one: (one.sha256 or one.git_oid, one.path)):
        if group and (len(group) >= TOGETHER or size > TOGETHER_BYTES):
            yield group
            group, size = [], 0
        group.append(pin)
        size += pin.size
    if group:
        yield group


def is_small(pin: FilePin) -> bool:
    """Tell whether a file is one of those that are fetched together."""
    return pin.size <= IN_MEMORY


class Several:
    """Fetches small files that are stored together. stopped: asked now and then whether to give up."""

    def __init__(self, fetcher: Fetcher, places: Sequence[Place], stopped: Callable[[], bool]) -> None:
        self._fetcher, self._places, self._stopped = fetcher, places, stopped

    def fetch(self, pins: Sequence[FilePin]) -> dict[FilePin, Got]:
        """Return the files of these pins, no two of which have the same content; fewer if `stopped`.

        Raises as `Fetch.wait` for the first file that cannot be had; those that came are stored all the same.
        """
        sources = {pin: self._fetcher.sources(self._places) for pin in pins}
        with self._fetcher.held.batch(sum(pin.size for pin in pins)) as batch:
            with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pull-small") as pool:
                coming = {pin: pool.submit(self._one, pin, sources[pin], batch) for pin in pins}
                failed = _first_error(coming.values())
            files = batch.commit()
        if failed is not None:
            raise failed
        came = {pin: sha256 for pin, one in coming.items() if (sha256 := one.result()) is not None}
        for pin in came:
            self._fetcher.report(Event(Kind.DONE, pin.path, "", None, pin.size, pin.size))
        return {pin: Got(files[sha256], sources[pin].shares) for pin, sha256 in came.items()}

    def _one(self, pin: FilePin, sources: Sources, batch: Batch) -> Sha256 | None:
        if self._stopped():
            return None
        return SmallFile(pin, sources, self._fetcher.report, self._stopped, thorough=self._fetcher.thorough).into(batch)


def _first_error(running: Iterable[Future[Sha256 | None]]) -> BaseException | None:
    """Wait for what runs; return the first error, after which what has not begun does not begin."""
    failed: BaseException | None = None
    for one in running:
        if failed is not None:
            one.cancel()
        elif (error := one.exception()) is not None:
            failed = error
    return failed
