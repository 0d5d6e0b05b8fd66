"""Which namespaces belong to members, as far as this user has seen: their names never fall through to an upstream."""

from __future__ import annotations

import threading
from pathlib import Path

from hanse.errors import BadRepoId
from hanse.flows.pins import read_pins
from hanse.model.repo import Origin, RepoId, parse_origin

_Status = tuple[int, int, int]


class Owned:
    """The owners of namespaces in the pins below HANSE_HOME, read again when they change. Safe for threads."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "pins"
        self._home = home
        self._lock = threading.Lock()
        self._read: dict[Origin, tuple[_Status, frozenset[str]]] = {}

    def owner(self, repo: RepoId) -> Origin | None:
        """Return the member that a namespace was seen to belong to; raises StorageError if what was seen cannot be read."""
        wanted = repo.namespace.lower()
        with self._lock:
            return next((origin for origin in self._origins() if wanted in self._namespaces(origin)), None)

    def _origins(self) -> list[Origin]:
        found = []
        for path in sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []:
            try:
                found.append(parse_origin(path.stem))
            except BadRepoId:
                continue
        return found

    def _namespaces(self, origin: Origin) -> frozenset[str]:
        path = self._folder / f"{origin}.json"
        try:
            status = path.stat()
        except OSError:
            return frozenset()
        seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        known = self._read.get(origin)
        if known is None or known[0] != seen:
            known = self._read[origin] = (seen, frozenset(read_pins(self._home, origin).owners))
        return known[1]
