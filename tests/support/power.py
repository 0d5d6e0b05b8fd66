"""What a power cut would take of the files that this process writes: seen in its calls of `os` and `open`, in their order.

A power cut takes what was not flushed: bytes of files, and names in folders, each apart from the other. SQLite writes past
Python and is not looked at: what it committed is taken for kept, which is the worst case for whoever says what lies where.
"""

from __future__ import annotations

import io
import os
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from stat import S_ISDIR
from typing import Any

import pytest

_WRITES = {"write": 0, "pwrite": 0, "posix_fallocate": 0, "ftruncate": 0, "copy_file_range": 1}
"""Calls that change bytes, and which argument says of what file."""
_NAMES = {"unlink": (0,), "remove": (0,), "rmdir": (0,), "symlink": (1,), "link": (1,), "rename": (0, 1), "replace": (0, 1)}
"""Calls that change names, and which arguments these are."""


class Disk:
    """Sees everything from its making on. watch: called after every call that is seen, one at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.watch: Callable[[], None] = lambda: None
        self._guard = threading.RLock()
        self._bytes = set[int]()
        self._names: dict[int, set[str]] = defaultdict(set)
        for name, at in _WRITES.items():
            self._wrap(monkeypatch, os, name, self._writes(at))
        for name, which in _NAMES.items():
            self._wrap(monkeypatch, os, name, self._names_of(which))
        for name in ("fsync", "fdatasync"):
            self._wrap(monkeypatch, os, name, lambda given, _: self._flushed(given[0]))
        self._wrap(monkeypatch, os, "mkdir", lambda given, _: self._made(given[0]))
        self._wrap(monkeypatch, os, "open", lambda given, _: self._made(given[0]) if given[1] & os.O_CREAT else None)
        self._wrap(monkeypatch, io, "open", self._opened)

    def _wrap(self, monkeypatch: pytest.MonkeyPatch, module: object, name: str, note: Callable[[Any, Any], object]) -> None:
        real = getattr(module, name)

        def call(*given: Any, **more: Any) -> Any:
            found = real(*given, **more)
            with self._guard:
                note(given, found)
                self.watch()
            return found

        monkeypatch.setattr(module, name, call)

    def at_risk(self, top: Path) -> set[str]:
        """Return what a power cut might take, or bring back, of a folder and all in it, by relative paths."""
        found = {"." for one in (top, *top.parents) if one.name in self._names[one.parent.stat().st_ino]}
        for folder, _, files in os.walk(top):
            names = self._names[Path(folder).stat().st_ino] | {one for one in files if self.unwritten(Path(folder, one))}
            found |= {Path(folder, one).relative_to(top).as_posix() for one in names}
        return found

    def unwritten(self, path: Path) -> bool:
        """Tell whether bytes of a file might be lost."""
        return os.path.lexists(path) and path.lstat().st_ino in self._bytes

    def _writes(self, at: int) -> Callable[[Any, Any], None]:
        return lambda given, _: self._written(given[at])

    def _names_of(self, which: tuple[int, ...]) -> Callable[[Any, Any], None]:
        return lambda given, _: self._named(*(given[at] for at in which))

    def _written(self, file: int) -> None:
        self._bytes.add(os.fstat(file).st_ino)

    def _flushed(self, file: int) -> None:
        status = os.fstat(file)
        if S_ISDIR(status.st_mode):
            self._names.pop(status.st_ino, None)
        else:
            self._bytes.discard(status.st_ino)

    def _named(self, *paths: str | Path) -> None:
        for path in paths:
            self._names[Path(path).parent.stat().st_ino].add(Path(path).name)

    def _made(self, path: str | Path) -> None:
        """Note a new folder or file, whose number may be that of one that was removed."""
        self._named(path)
        status = Path(path).stat()
        if S_ISDIR(status.st_mode):
            self._names.pop(status.st_ino, None)
        elif not status.st_size:
            self._bytes.discard(status.st_ino)

    def _opened(self, given: tuple[Any, ...], file: Any) -> None:
        if file.writable():
            self._written(file.fileno())
            if not isinstance(given[0], int):
                self._named(given[0])
