"""What already lies on a machine: revisions in Hugging Face caches, plain folders and olah stores.

Only names are read here. Nothing is followed out of a cache, nothing is changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hanse.errors import EntryNotFound, HanseError, StorageError, TooLarge
from hanse.flows.adopt.hub import Seen, entry_revisions, snapshot_revision, unseen
from hanse.flows.adopt.olah import is_olah, olah_revisions
from hanse.flows.found import (
    MAX_FILES,
    QUARANTINE,
    FoundRevision,
    Kind,
    Said,
    is_client_own,
    is_empty_cache,
    is_entry,
    read_listing,
    read_start,
    said_by_name,
    scan,
)
from hanse.model.digest import GitOid, parse_git_oid

__all__ = ["NOTES", "FoundRevision", "Kind", "Said", "found_revisions", "noted", "read_pieces"]

PIECE = 1 << 20
_MAX_NOTE = 4096
NOTES = ".cache/huggingface/download"
"""Where clients note in a folder of `local_dir` what they downloaded into it, a file `PATH.metadata` for each."""


def found_revisions(folder: Path, seen: Seen = unseen) -> Iterator[FoundRevision]:
    """Yield every revision in `folder`: a Hugging Face cache, one entry or snapshot of it, an olah store, or a plain folder.

    seen: told of each file of a cache as soon as it is found. Raises EntryNotFound if there is no such folder, StorageError if it
    cannot be read, TooLarge above MAX_FILES.
    """
    root = Path(os.path.realpath(folder))
    try:
        there = root.is_dir()
    except OSError as error:  # what is above it is others' alone
        raise StorageError(f"cannot read the folder {folder}: {error.strerror}") from error
    if not there:
        raise EntryNotFound(f"there is no folder {str(folder)!r}", hint="name a cache, an entry of it, or a folder with a model")
    if is_entry(root):
        yield from entry_revisions(root, seen)
    elif root.parent.name == "snapshots" and is_entry(root.parent.parent):
        yield snapshot_revision(root.parent.parent, root.name, seen)
    elif entries := [place for one in scan(root) if is_entry(place := Path(one.path))]:
        for place in entries:
            yield from entry_revisions(place, seen)
    elif is_olah(root):
        yield from olah_revisions(root)
    elif (root / "hub").is_dir() and any(is_entry(Path(one.path)) for one in scan(root / "hub")):
        yield from found_revisions(root / "hub", seen)
    elif not is_empty_cache(scan(root)):
        yield _plain(root)


def passed_over(folder: Path) -> tuple[str, ...]:
    """Return the names of what is in a Hugging Face cache, and neither an entry of it nor what clients keep beside those.

    Raises StorageError.
    """
    root = Path(os.path.realpath(folder))
    for cache in (root, root / "hub"):
        found = scan(cache) if cache.is_dir() and not is_entry(cache) else []
        others = [one for one in found if not is_entry(Path(one.path))]
        if len(others) < len(found):
            return tuple(one.name for one in others if not is_client_own(one.name))
    return ()


def read_pieces(found: FoundRevision, path: str) -> Iterator[bytes]:
    """Yield the bytes of a file of a revision in pieces of at most 1 MiB, wherever they lie; raises StorageError."""
    for place in found.parts.get(path) or (found.files[path],):
        try:
            file = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
            try:
                while piece := os.read(file, PIECE):
                    yield piece
            finally:
                os.close(file)
        except OSError as error:
            raise StorageError(f"cannot read {place}: {error.strerror}") from error


def _plain(root: Path) -> FoundRevision:
    """Return a plain folder as one revision, with what clients of the Hub noted of what they downloaded into it."""
    files, odd = walk(root)
    revs, said = set(), {}
    if (root / NOTES).is_dir():
        for path in files:
            rev, one = noted(root, path)
            revs.add(rev)
            said[path] = one
    rev = next(iter(revs)) if len(revs) == 1 else None
    listed = read_listing(root / ".cache" / "huggingface" / "trees" / f"{rev}.json") if rev else None
    complete = listed is not None and listed.keys() <= files.keys()
    return FoundRevision(Kind.FOLDER, root, None, "", rev, (), files, complete, said=said, odd=odd)


def noted(root: Path, path: str) -> tuple[GitOid | None, Said]:
    """Return commit id and ETag of a file below `root` as the client noted them that downloaded it there, None if it did not."""
    with suppress(OSError, ValueError, HanseError):
        rev, etag, *_ = read_start(root / NOTES / f"{path}.metadata", _MAX_NOTE).decode("ascii").split("\n")
        return parse_git_oid(rev), said_by_name(etag)
    return None, Said()


def walk(root: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the regular files under a folder by path, and what else there is; client's bookkeeping is left out."""
    files: dict[str, Path] = {}
    odd: dict[str, str] = {}
    stack = [""]
    while stack:
        prefix = stack.pop()
        for entry in scan(root / prefix):
            name = f"{prefix}{entry.name}"
            if entry.is_symlink():
                odd[name] = "it is a link, which may lead anywhere"
            elif entry.is_dir(follow_symlinks=False):
                if name not in (".cache/huggingface", QUARANTINE, ".git"):
                    stack.append(f"{name}/")
            elif entry.is_file(follow_symlinks=False):
                files[name] = Path(entry.path)
            else:
                odd[name] = "it is no regular file"
        if len(files) + len(odd) > MAX_FILES:
            raise TooLarge(f"there are more than {MAX_FILES:,} files in {root}", hint="name a folder inside it")
    return files, odd
