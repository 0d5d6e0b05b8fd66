"""What a client of the Hub gave its program from a place of the program's own: as revisions that can be compared with evidence.

A place is a cache, `.../models--NAMESPACE--NAME/snapshots/REV`, or a folder of `local_dir`, in which clients note beside each
file which revision it is of. Only names and notes are read here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hanse.errors import BadFormat, TooLarge
from hanse.flows.adopt.found import NOTES, noted
from hanse.flows.adopt.hub import snapshot_files, snapshot_revision
from hanse.flows.found import MAX_FILES, FoundRevision, Kind, Said, is_entry
from hanse.model.digest import GitOid
from hanse.model.repo import RepoType, parse_path

MAX_TEXT = 4096
_MAIN = "main"
_NOTE = ".metadata"


class Listed(Protocol):
    """What is known of a revision."""

    @property
    def rev(self) -> str:
        """Commit id."""
        ...

    @property
    def files(self) -> Mapping[str, object]:
        """What every file must be, by path."""
        ...


@dataclass(frozen=True, slots=True)
class Given:
    """What a client returned.

    type, repo, revision: what it was asked for; root: absolute, the `local_dir`, or the snapshot in a cache; files: paths in it,
    empty for a folder of which it says no more; noted: it is a `local_dir`.
    """

    type: RepoType
    repo: str
    revision: str
    root: Path
    files: tuple[str, ...]
    noted: bool


def parse_given(body: bytes) -> Given:
    """Return what a program's client says it returned, from JSON (of a bounded size); raises BadFormat or BadPath.

    `type`, `repo`, `revision` (null for the newest), `path` (absolute), `folder` (the `local_dir`, else null), `files` (what
    was returned below `path`; empty if it is a file, or a folder of which nothing else is known).
    """
    try:
        told: dict[str, Any] = json.loads(body)
        path, folder = _absolute(told["path"]), None if told["folder"] is None else _absolute(told["folder"])
        kind, repo, revision = RepoType(told["type"]), _text(told["repo"]), _text(told["revision"] or _MAIN)
        root = folder or _snapshot(path)
        below = [] if path == root else [path.relative_to(root).as_posix()]
        below += [_absolute(one).relative_to(root).as_posix() for one in told["files"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadFormat(
            f"what was returned is told as JSON: type, repo, revision, path, folder, files ({error})",
            hint="models and data sets are checked, no Spaces; a cache has snapshots of entries",
        ) from error
    return Given(kind, repo, revision, root, tuple(dict.fromkeys(map(parse_path, below))), folder is not None)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise ValueError("text expected")
    return value


def _absolute(value: Any) -> Path:
    path = Path(os.path.normpath(_text(value)))
    if not path.is_absolute():
        raise ValueError("an absolute path expected")
    return path


def _snapshot(path: Path) -> Path:
    """Return the snapshot of a cache in which a path lies; raises ValueError if it is in none."""
    for one in (path, *path.parents):
        if one.parent.name == "snapshots" and is_entry(one.parent.parent):
            return one
    raise ValueError(f"{path} is in no snapshot of a cache")


def given_revisions(given: Given, newest: Callable[[RepoType, str, str], Listed]) -> list[FoundRevision]:
    """Return what was given, one for each revision that it is said to be of; raises StorageError, TooLarge, what `newest` does.

    newest: returns what is known of a revision that is asked for, by name or commit id.
    """
    if not given.noted:
        entry, name = given.root.parent.parent, given.root.name
        return [snapshot_files(entry, name, given.files) if given.files else snapshot_revision(entry, name)]
    # A client that finds no server returns whatever lies in a folder, so the revision has to be one that may be used.
    asked = newest(given.type, given.repo, given.revision)
    by_rev: dict[GitOid, dict[str, Said]] = {GitOid(asked.rev): {}}
    for path in given.files or {*_noted_files(given.root), *asked.files}:
        rev, said = noted(given.root, path)
        by_rev.setdefault(rev or GitOid(asked.rev), {})[path] = said
    return [_folder(given, rev, said) for rev, said in by_rev.items()]


def _folder(given: Given, rev: GitOid, said: dict[str, Said]) -> FoundRevision:
    """Return files of a folder as one revision; where older clients put links to their cache, the files there are looked at."""
    root = given.root
    files = {path: Path(os.path.realpath(root / path)) for path in said}
    here = {path: place for path, place in files.items() if place.is_file()}
    odd = {path: "it is no regular file" for path in files.keys() - here.keys() if os.path.lexists(root / path)}
    return FoundRevision(Kind.FOLDER, root, given.type, given.repo, rev, (), here, complete=False, said=said, odd=odd)


def _noted_files(root: Path) -> list[str]:
    """Return the files of which a client noted in a folder that it downloaded them; raises TooLarge."""
    found = []
    for folder, _, names in os.walk(root / NOTES):
        prefix = Path(folder).relative_to(root / NOTES)
        found += [(prefix / name.removesuffix(_NOTE)).as_posix() for name in names if name.endswith(_NOTE)]
        if len(found) > MAX_FILES:
            raise TooLarge(f"there are more than {MAX_FILES:,} files in {root}", hint="name a folder inside it")
    return found
