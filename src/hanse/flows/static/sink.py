"""Where a static site is written to: a folder, a bucket, an archive."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from hanse.model.staticlayout import StaticPath


class Sink(Protocol):
    """Takes the files of a site, one after the other, each once and in a fixed order; the checkpoint comes last.

    A file is there whole or not at all, after whatever happens. What `holds` says yes to is not put again, so that an
    interrupted writing goes on where it was.
    """

    def holds(self, path: StaticPath, size: int) -> bool:
        """Tell whether a file that never changes is there with this many bytes. An archive says no."""
        ...

    def put(self, path: StaticPath, content: bytes | Path) -> bool:
        """Take a file: its bytes (at most a xorb, 64 MiB), or the local file that has exactly them; tell whether it was written.

        What is there already with the same bytes may be left as it is. Raises StorageFull or StorageError.
        """
        ...

    def settle(self) -> None:
        """Make durable what came so far: what comes next stands for it. Raises StorageError."""
        ...
