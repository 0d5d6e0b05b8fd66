"""Small files: fetched in one request, and checked before a byte of them is written."""

from __future__ import annotations

import time
from collections.abc import Callable

from hanse.errors import DigestMismatch, PeerMisbehaved
from hanse.flows.pull.digests import Digests, WholeFile
from hanse.flows.pull.events import Event, lie
from hanse.flows.pull.inturn import InTurn
from hanse.flows.pull.sources import Source, Sources, as_failure
from hanse.model.digest import Sha256
from hanse.model.filepin import FilePin
from hanse.store.held.batch import Batch
from hanse.store.held.heldfile import HeldFile
from hanse.store.held.store import Held

IN_MEMORY = 512 * 1024
"""Bytes up to which a file counts as small."""


class SmallFile:
    """One small file. thorough: check every digest that the pin gives (`hanse.flows.pull.digests`)."""

    def __init__(
        self,
        pin: FilePin,
        sources: Sources,
        report: Callable[[Event], None],
        stopped: Callable[[], bool],
        *,
        thorough: bool = False,
    ) -> None:
        self._pin, self._sources, self._report, self._stopped, self._thorough = pin, sources, report, stopped, thorough

    def fetch(self) -> tuple[bytes, Digests] | None:
        """Return the true bytes and their digests, None if `stopped`; raises what `Sources.verdict` says if no place is left."""
        if not self._pin.size:
            return b"", self._digests(b"")
        while (ready := self._sources.ready(self._pin.path, self._stopped)) is not None:
            for source, answer in InTurn(ready, self._read, self._stopped).answers():
                found = self._judge(source, answer)
                if found is not None:
                    return found
        return None

    def stored(self, held: Held) -> HeldFile | None:
        """Return the true file, fetched and stored, None if `stopped`; raises as `fetch`, StorageFull, StorageError."""
        with held.batch(self._pin.size) as batch:
            sha256 = self.into(batch)
            return None if sha256 is None else batch.commit()[sha256]

    def into(self, batch: Batch) -> Sha256 | None:
        """Fetch the file and add it to a batch; return what it is, None if `stopped`; raises as `stored`."""
        found = self.fetch()
        if found is None:
            return None
        data, digests = found
        batch.add(data, digests.sha256, digests.xet, digests.git_oid)
        return digests.sha256

    def _judge(self, source: Source, answer: bytes | Exception) -> tuple[bytes, Digests] | None:
        """Return true bytes; note what anything else says about the place."""
        name, size = source.place.name, self._pin.size
        if isinstance(answer, Exception):
            failure = as_failure(answer, name)
            news = self._sources.failed(source, failure)
            if news is not None:
                self._report(Event(news, self._pin.path, name, None, 0, size, failure.message))
            return None
        try:
            digests = self._digests(answer)
        except DigestMismatch as error:
            if self._sources.lied(source, error.message):
                self._report(lie(self._pin.path, name, error.message, total=size))
            return None
        self._sources.brought(source, len(answer))
        return answer, digests

    def _digests(self, data: bytes) -> Digests:
        whole = WholeFile(self._pin, thorough=self._thorough)
        whole.update(data)
        return whole.finish()

    def _read(self, source: Source) -> bytes:
        parts, size, began = list[bytes](), 0, time.monotonic()
        for piece in source.place.read(self._pin, 0, self._pin.size):
            size += len(piece)
            if size > self._pin.size:
                break
            parts.append(piece)
        if size != self._pin.size:
            raise PeerMisbehaved(f"{source.place.name} did not send the {self._pin.size} bytes that it was asked for")
        self._sources.speeds.saw(source.place.name, size, time.monotonic() - began)
        return b"".join(parts)
