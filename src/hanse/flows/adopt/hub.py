"""The Hugging Face cache: entries, snapshots of links, blobs named by ETag, and the store of blobs that entries share.

CACHE/models--NAMESPACE--NAME/snapshots/REV/PATH -> ../../blobs/ETAG, a file or (shared) -> ../../blobs/XX/XET in CACHE
                             /refs/NAME          the commit id
                             /trees/REV.json     the list of files, by clients of 1.33 and later
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from stat import S_ISLNK, S_ISREG

from hanse.errors import TooLarge
from hanse.flows.found import (
    HALF,
    MAX_FILES,
    PREFIXES,
    FoundRevision,
    Kind,
    Paths,
    Said,
    read_listing,
    read_start,
    said_by_name,
    scan,
)
from hanse.model.digest import GitOid, is_git_oid
from hanse.model.repo import RepoType

_MAX_REFS = 10_000
_MAX_REF_BYTES = 100
_OUT = "a link leads out of the cache"


Seen = Callable[[str, os.stat_result, Said], None]
"""Told of a file that a link leads to: its real path, its status, and what its name says."""


def unseen(_place: str, _status: os.stat_result, _said: Said) -> None:
    """Tell nobody."""


def entry_revisions(entry: Path, seen: Seen = unseen) -> Iterator[FoundRevision]:
    """Yield the snapshots of one entry, and then its blobs that none of them has; raises StorageError, TooLarge."""
    refs = _refs(entry)
    used: set[str] = set()
    for one in scan(entry / "snapshots") if (entry / "snapshots").is_dir() else ():
        if one.is_dir(follow_symlinks=False):
            yield _snapshot(entry, one.name, refs, seen, used)
    yield from _strays(entry, used, seen)


def snapshot_revision(entry: Path, name: str, seen: Seen = unseen) -> FoundRevision:
    """Return one snapshot of an entry; raises StorageError, TooLarge."""
    return _snapshot(entry, name, _refs(entry), seen, set())


def snapshot_files(entry: Path, name: str, paths: Iterable[str]) -> FoundRevision:
    """Return some files of one snapshot, without looking at the others."""
    reading = _Reading(entry, entry / "snapshots" / name, unseen)
    for path in paths:
        reading.look(path)
    return _read(reading, entry, name)


def _strays(entry: Path, used: Container[str], seen: Seen) -> Iterator[FoundRevision]:
    """Yield the blobs that no snapshot has, if there are any: a client takes them by their names, whoever put them there."""
    blobs = entry / "blobs"
    names = [one.name for one in scan(blobs) if one.name not in used] if blobs.is_dir() else []
    reading = _Reading(entry, blobs, seen)
    for name in names:
        if not name.endswith((*HALF, ".lock")):
            reading.blob(name)
    if reading.files or reading.odd:
        kind, repo = _named(entry.name)
        files, said, odd = Paths(reading.files), reading.said, reading.odd
        yield FoundRevision(Kind.BLOBS, blobs, kind, repo, None, (), files, complete=False, said=said, odd=odd, entry=entry)


def _snapshot(entry: Path, name: str, refs: dict[str, str], seen: Seen, used: set[str]) -> FoundRevision:
    """Return a snapshot; `used` gets the names of its blobs.

    name: its commit id, or, as clients look there too, the name of a revision, whatever that was.
    """
    reading = _Reading(entry, entry / "snapshots" / name, seen)
    reading.read()
    used |= reading.used
    listed = read_listing(entry / "trees" / f"{name}.json")
    said = reading.said
    for path, one in (listed or {}).items():
        if path in reading.files:
            # What the blob's own name says stays: that is what clients look it up by.
            here = said.get(path, Said())
            said[path] = Said(here.sha256 or one.sha256, here.git_oid or one.git_oid, one.size)
    found = _read(reading, entry, name)
    refs_to = tuple(ref for ref, target in refs.items() if target == name)
    return replace(found, refs=refs_to, complete=listed is not None and listed.keys() <= reading.files.keys())


def _read(reading: _Reading, entry: Path, name: str) -> FoundRevision:
    """Return what was read of a snapshot."""
    kind, repo = _named(entry.name)
    return FoundRevision(
        Kind.HUB,
        reading.root,
        kind,
        repo,
        GitOid(name) if is_git_oid(name) else None,
        (),
        Paths(reading.files),
        complete=False,
        links=Paths(reading.links),
        said=reading.said,
        odd=reading.odd,
        entry=entry,
    )


class _Reading:
    """Reads the links of one snapshot with as few system calls as there can be: a cache has tens of thousands."""

    def __init__(self, entry: Path, root: Path, seen: Seen) -> None:
        self.root = root
        self._seen = seen
        self.files: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.said: dict[str, Said] = {}
        self.odd: dict[str, str] = {}
        self.used: set[str] = set()
        real = os.path.realpath(entry)
        self._blobs = f"{real}/blobs"
        self._shared = f"{os.path.dirname(real)}/blobs"  # noqa: PTH120 strings, as below
        self._real_root = f"{real}/snapshots/{root.name}"
        # `..` in a link is taken from where its folder really is, so what is read here from names holds only without links above.
        self._straight = os.path.realpath(root) == self._real_root
        self._straight_blobs = os.path.realpath(self._blobs) == self._blobs

    def read(self) -> None:
        """Read everything."""
        stack = [""]
        while stack:
            prefix = stack.pop()
            folder = f"{self._real_root}/{prefix}"
            plain = f"{'../' * (prefix.count('/') + 2)}blobs/"
            for entry in scan(self.root / prefix):
                name = f"{prefix}{entry.name}"
                if entry.is_symlink():
                    self._link(name, entry.path, folder, plain)
                elif entry.is_dir(follow_symlinks=False):
                    stack.append(f"{name}/")
                elif entry.is_file(follow_symlinks=False):
                    self.files[name] = entry.path  # a system without links
                else:
                    self.odd[name] = "it is no regular file"
            if len(self.files) + len(self.odd) > MAX_FILES:
                raise TooLarge(f"there are more than {MAX_FILES:,} files in {self.root}")

    def look(self, name: str) -> None:
        """Look at one file; what is not there is not noted."""
        path = f"{self.root}/{name}"
        folder = f"{self._real_root}/{name}".rpartition("/")[0]
        with suppress(FileNotFoundError):
            status = os.lstat(path)
            if os.path.realpath(folder) != folder:
                self.odd[name] = _OUT
            elif S_ISLNK(status.st_mode):
                self._link(name, path, folder, f"{'../' * (name.count('/') + 2)}blobs/")
            elif S_ISREG(status.st_mode):
                self.files[name] = path
            else:
                self.odd[name] = "it is no regular file"

    def _link(self, name: str, path: str, folder: str, plain: str) -> None:
        """Note what a link is. folder: where it really lies; plain: how the links of all clients begin."""
        if not self._straight:
            self.odd[name] = _OUT
            return
        try:
            target = os.readlink(path)  # noqa: PTH115 strings, because `Path` would take longer than all the rest
            parent, _, etag = target.rpartition("/")
            if parent + "/" == plain and etag not in ("", ".", ".."):
                parent = self._blobs
            else:
                parent, _, etag = _joined(folder, target).rpartition("/")
            if self._blob(name, parent, etag):
                self.links[name] = path
        except OSError as error:
            self.odd[name] = f"it cannot be read: {error.strerror}"

    def blob(self, etag: str) -> None:
        """Look at a blob by its own name."""
        try:
            self._blob(etag, self._blobs, etag)
        except OSError as error:
            self.odd[etag] = f"it cannot be read: {error.strerror}"

    def _blob(self, name: str, parent: str, etag: str) -> bool:
        """Note a file that lies in a blob, and tell whether it may be one; raises OSError."""
        self.used.add(etag)
        blob = f"{parent}/{etag}"
        status, real, within = os.lstat(blob), blob, parent == self._blobs
        if within and S_ISLNK(status.st_mode):
            real = _joined(parent, os.readlink(blob))  # noqa: PTH115 strings, as above
            status = os.lstat(real)
            within = self._straight_blobs and real.rpartition("/")[0].rpartition("/")[0] == self._shared
        if not within or not S_ISREG(status.st_mode):
            self.odd[name] = "it is no regular file" if within else _OUT
            return False
        self.files[name] = real
        said = self.said[name] = said_by_name(etag)
        self._seen(real, status, said)
        return True


def _joined(folder: str, target: str) -> str:
    """Return where a link in a folder leads, as a path; raises OSError for `..` below a name, which may be a link itself."""
    if "/../" in target.lstrip("./"):
        raise OSError(errno.ELOOP, "it leads up again")
    return os.path.normpath(os.path.join(folder, target))  # noqa: PTH118


def _refs(entry: Path) -> dict[str, str]:
    """Return which name points at which commit."""
    found: dict[str, str] = {}
    base = entry / "refs"
    stack = [base] if base.is_dir() else []
    while stack and len(found) < _MAX_REFS:
        for one in scan(stack.pop()):
            if one.is_dir(follow_symlinks=False):
                stack.append(Path(one.path))
            elif one.is_file(follow_symlinks=False):
                with suppress(OSError, UnicodeDecodeError):
                    said = read_start(Path(one.path), _MAX_REF_BYTES).decode("ascii")
                    found[Path(one.path).relative_to(base).as_posix()] = said.strip()
    return dict(sorted(found.items()))


def _named(name: str) -> tuple[RepoType | None, str]:
    """Return type and repository of an entry's name; of what is no model and no data set, the name with what it is."""
    for prefix, kind in PREFIXES.items():
        if name.startswith(prefix):
            return kind, name.removeprefix(prefix).replace("--", "/", 1)
    return None, name.replace("--", "/", 2)
