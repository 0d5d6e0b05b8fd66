"""What a commit asks for, and what that comes to on a given listing."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass

from hanse.content.directory import Directory, Folder
from hanse.db.blobs import FileRow
from hanse.errors import EntryNotFound
from hanse.model.digest import GitOid, Sha256
from hanse.model.entry import Entry
from hanse.model.repo import parse_path


@dataclass(frozen=True, slots=True)
class PutBytes:
    """Put a regular file with this content."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class PutFile:
    """Put a large file that was uploaded before or is in a repository the caller may read; size None: whatever it has."""

    path: str
    sha256: Sha256
    size: int | None = None


@dataclass(frozen=True, slots=True)
class PutEntry:
    """Put a file of the same repository under a path: for copies and merges made here. The entry's own path is not used.

    file: its row if no commit held it before (a regular file stored while the commit was still arriving), else None.
    """

    path: str
    entry: Entry
    file: FileRow | None = None


@dataclass(frozen=True, slots=True)
class DeleteFile:
    """Remove a file."""

    path: str


@dataclass(frozen=True, slots=True)
class DeleteFolder:
    """Remove a folder with all it holds; path without slash at the end."""

    path: str


Operation = PutBytes | PutFile | PutEntry | DeleteFile | DeleteFolder


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """What a commit says and does.

    parent: the head it was made against; another head then refuses it. author: name shown, None for the caller's.
    """

    title: str
    body: str
    parent: GitOid | None
    operations: tuple[Operation, ...]
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """An operation whose bytes are known: put `entry`, or remove `path` (a folder if `folder`)."""

    path: str
    entry: Entry | None
    folder: bool = False


class _Overlay:
    """Changes so far over a directory, applied in order; None: gone."""

    def __init__(self, directory: Directory) -> None:
        self.base = directory
        self.changes: dict[str, Entry | None] = {}
        self._puts: list[str] = []  # paths put, sorted, so that a folder's are found without looking at all

    def apply(self, step: Step) -> None:
        if step.entry is not None:
            self._put(step.path, step.entry)
        elif step.folder:
            self._delete_folder(step.path)
        else:
            self._delete_file(step.path)

    def _put(self, path: str, entry: Entry) -> None:
        if self.changes.get(path) is None:
            insort(self._puts, path)
        self.changes[path] = entry

    def _delete_file(self, path: str) -> None:
        there = self.changes[path] if path in self.changes else self.base.file(path)
        if there is None:
            raise EntryNotFound(f"A file with this name doesn't exist: {path[:200]!r}")
        self._drop(path)

    def _delete_folder(self, path: str) -> None:
        found = [
            entry.path
            for entry in (self.base.walk(path) if isinstance(self.base.get(path), Folder) else ())
            if isinstance(entry, Entry) and self.changes.get(entry.path, entry) is not None
        ]
        at = bisect_left(self._puts, f"{path}/")
        while at < len(self._puts) and self._puts[at].startswith(f"{path}/"):
            found.append(self._puts[at])
            at += 1
        if not found:
            raise EntryNotFound(f"A folder with this name doesn't exist: {path[:200]!r}")
        for one in set(found):
            self._drop(one)

    def _drop(self, path: str) -> None:
        if self.changes.get(path) is not None:
            del self._puts[bisect_left(self._puts, path)]
        self.changes[path] = None


def net_change(directory: Directory, steps: Iterable[Step]) -> tuple[list[Entry], list[str]]:
    """Return (puts, deletes) that lead from `directory` to what it is after `steps`, applied in order.

    Files put as they are already, and files put and removed again, do not appear. Raises EntryNotFound if a file or folder to
    remove is not there at that point, BadPath for a path that is not allowed.
    """
    overlay = _Overlay(directory)
    for step in steps:
        parse_path(step.path)
        overlay.apply(step)
    puts, deletes = list[Entry](), list[str]()
    for path, entry in overlay.changes.items():
        before = directory.file(path)
        if entry is None:
            deletes += [path] if before is not None else []
        elif entry != before:
            puts.append(entry)
    return puts, deletes
