"""What a client of the Hub gave its program from a place of the program's own: as revisions that can be compared with evidence.

A place is a cache, `.../models--NAMESPACE--NAME/snapshots/REV`, or a folder of `local_dir`, in which clients note beside each
file which revision it is of. Only names and notes are read here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from hanse.errors import (
    AccessError,
    BadFormat,
    InputError,
    IntegrityError,
    NotFoundError,
    PeerError,
    PolicyError,
    Recalled,
    TooLarge,
)
from hanse.flows.adopt.found import NOTES, noted
from hanse.flows.adopt.hub import snapshot_files, snapshot_revision
from hanse.flows.found import MAX_FILES, FoundRevision, Kind, Said, is_entry
from hanse.model.digest import GitOid, is_git_oid
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

    type, repo, revision: what it was asked for; root: absolute, without links, the `local_dir` or the snapshot in a cache; files:
    paths in it, empty for the whole; local: it is a `local_dir`.
    """

    type: RepoType
    repo: str
    revision: str
    root: Path
    files: tuple[str, ...]
    local: bool


def parse_given(body: bytes) -> Given:
    """Return what a program's client says it returned, from JSON (of a bounded size); raises BadFormat or BadPath.

    `type`, `repo`, `revision` (null for the newest), `root` (absolute), `files` (below it, empty for the whole), `local`.
    """
    try:
        told: dict[str, Any] = json.loads(body)
        root = _absolute(told["root"])
        kind, repo, revision = RepoType(told["type"]), _text(told["repo"]), _text(told["revision"] or _MAIN)
        files = tuple(dict.fromkeys(parse_path(_text(one)) for one in told["files"]))
        return Given(kind, repo, revision, root, files, bool(told["local"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadFormat(
            f"what was returned is told as JSON: type, repo, revision, root, files, local ({error})",
            hint="models and data sets are checked, no Spaces",
        ) from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise ValueError("text expected")
    return value


def _absolute(value: Any) -> Path:
    """Return where a folder really is."""
    path = Path(_text(value))
    if not path.is_absolute():
        raise ValueError("an absolute path expected")
    return Path(os.path.realpath(path))


def given_revisions(given: Given, known: Callable[[RepoType, str, str], Listed]) -> list[FoundRevision]:
    """Return what was given, one for each revision that it is said to be of.

    known: returns what is known of a revision, by name or commit id. Raises PolicyError for a place that is not what was asked
    for, StorageError, TooLarge, and what `known` does.
    """
    return _folder(given, known) if given.local else [_snapshot(given)]


def _snapshot(given: Given) -> FoundRevision:
    """Return a snapshot in a cache as a revision of what was asked for, whatever its entry is called: notes may lead anywhere."""
    entry, name = given.root.parent.parent, given.root.name
    if given.root.parent.name != "snapshots" or not is_entry(entry):
        raise PolicyError(f"{given.root} is in no cache, although a cache leads there", hint="remove the link that leads there")
    if is_git_oid(given.revision) and given.revision != name:
        raise PolicyError(f"{given.root} is not revision {given.revision}", hint="remove the link that leads there")
    found = snapshot_files(entry, name, given.files) if given.files else snapshot_revision(entry, name)
    return replace(found, type=given.type, repo=given.repo)


def _folder(given: Given, known: Callable[[RepoType, str, str], Listed]) -> list[FoundRevision]:
    """Return what lies in a `local_dir`, each file as one of the revision that a client noted, else of the one asked for."""
    # A client that finds no server returns whatever lies in a folder, so the revision has to be one that may be used.
    asked = known(given.type, given.repo, given.revision)
    pinned = is_git_oid(given.revision)
    by_rev: dict[GitOid, dict[str, Said]] = {GitOid(asked.rev): {}}
    for path in given.files or {*_noted_files(given.root), *asked.files}:
        rev, said = noted(given.root, path)
        if rev is None or (pinned and path in asked.files):
            rev = GitOid(asked.rev)
        by_rev.setdefault(rev, {})[path] = said
    if not given.files:
        # What neither has is the person's own, or of another repository that was downloaded into the same folder.
        for rev, said_of in by_rev.items():
            has = _files(given, rev, known)
            by_rev[rev] = {path: one for path, one in said_of.items() if has is None or path in has or path in asked.files}
    return [_found(given, rev, said_of) for rev, said_of in by_rev.items() if said_of or rev == asked.rev]


def _files(given: Given, rev: GitOid, known: Callable[[RepoType, str, str], Listed]) -> Iterable[str] | None:
    """Return what files a revision has, none if the repository has no such revision, None if it is one that must not be used."""
    try:
        return known(given.type, given.repo, rev).files
    except (PolicyError, IntegrityError, Recalled):
        return None
    except (NotFoundError, AccessError, PeerError, InputError):
        return ()


def _found(given: Given, rev: GitOid, said: dict[str, Said]) -> FoundRevision:
    """Return files of a folder as one revision; where older clients put links to their cache, the files there are looked at."""
    root = given.root
    files = {path: Path(os.path.realpath(root / path)) for path in said}
    here = {path: place for path, place in files.items() if place.is_file()}
    odd = {path: "it is no regular file" for path in files.keys() - here.keys() if os.path.lexists(root / path)}
    return FoundRevision(Kind.FOLDER, root, given.type, given.repo, rev, (), here, complete=False, said=said, odd=odd)


def _noted_files(root: Path) -> list[str]:
    """Return the files of which a client noted in a folder that it downloaded them; raises TooLarge."""
    found, count = [], 0
    for folder, _, names in os.walk(root / NOTES):
        count += len(names)
        prefix = Path(folder).relative_to(root / NOTES)
        found += [(prefix / name.removesuffix(_NOTE)).as_posix() for name in names if name.endswith(_NOTE)]
        if count > MAX_FILES:
            raise TooLarge(f"there are more than {MAX_FILES:,} files in {root}", hint="name a folder inside it")
    return found
