"""What goes to a sink, and a record of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hanse.flows.static.selection import Written
from hanse.flows.static.sink import Sink
from hanse.model.staticlayout import StaticPath
from hanse.store.base import BlobStore
from hanse.store.keys import ObjectKey


class Output:
    """Puts files and counts them; a file that is asked for twice is put once."""

    def __init__(self, sink: Sink, written: Written) -> None:
        self._sink = sink
        self.written = written

    def put(self, path: StaticPath, content: bytes | Path) -> None:
        """Put a file that may have changed; raises StorageFull or StorageError."""
        if path not in self.written.paths:
            self.written.paths.add(path)
            self._put(path, content)

    def put_lasting(self, path: StaticPath, size: int, make: Callable[[], bytes | Path]) -> None:
        """Put a file that never changes unless it is there; it is only made if it is not. Raises StorageFull or StorageError."""
        if path not in self.written.paths:
            self.written.paths.add(path)
            if not self._sink.holds(path, size):
                self._put(path, make())

    def _put(self, path: StaticPath, content: bytes | Path) -> None:
        if self._sink.put(path, content):
            self.written.files += 1
            self.written.bytes += len(content) if isinstance(content, bytes) else content.stat().st_size


def content_of(store: BlobStore, key: ObjectKey) -> bytes | Path:
    """Return an object: the local file that has exactly it where there is one; raises BlobNotFound."""
    return store.local_path(key) or store.get(key)
