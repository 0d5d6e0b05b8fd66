"""A revision that was found on a machine, and what the place where it lies says about its files: claims, all of it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from stat import S_ISREG
from types import MappingProxyType
from typing import Any

from hanse.errors import HanseError, StorageError
from hanse.model.digest import GitOid, Sha256, parse_git_oid, parse_sha256
from hanse.model.repo import RepoType, parse_path

MAX_FILES = 1_000_000
MAX_LISTING_BYTES = 256 << 20
PREFIXES = {f"{kind.plural}--": kind for kind in RepoType}
"""How the name of an entry of the Hugging Face cache begins."""
FOREIGN = ("spaces--", "kernels--")
"""The same for what clients keep beside models and data sets: it lies there and is looked into, and no evidence is made of it."""
_ENTRY = ("snapshots", "refs", "blobs")
_BESIDE = frozenset(("CACHEDIR.TAG", ".locks", "version.txt"))
"""What clients put into a cache beside its entries."""
QUARANTINE = ".hanse-quarantine"
"""Where refused files are put beside what they were in; never looked into."""


HALF = (".incomplete", ".part")
"""How names of blobs end that are not whole yet: of the clients in Python and JavaScript, and in Rust."""


class Kind(str, Enum):
    """What a place is: the Hugging Face cache, blobs there that no snapshot has, a plain folder, the store of an olah mirror."""

    HUB = "hub"
    BLOBS = "blobs"
    FOLDER = "folder"
    OLAH = "olah"


@dataclass(frozen=True, slots=True)
class Said:
    """What the place says that a file is: digests of its content, where it gives any. size: bytes."""

    sha256: Sha256 | None = None
    git_oid: GitOid | None = None
    size: int | None = None


class Paths(Mapping[str, Path]):
    """Paths by name, made when they are asked for: a cache has tens of thousands, and an audit needs them as text."""

    __slots__ = ("texts",)

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def __getitem__(self, name: str) -> Path:
        return Path(self.texts[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class FoundRevision:
    """One revision that lies somewhere, whole or in part.

    type, repo, rev: as the place says, None or empty where it does not (`repo` may lack a namespace, and is `spaces/ORG/NAME` and
    alike of what is no model and no data set); refs: names that point at
    it there; files: real path by path in the revision; parts: the same for files that lie in several pieces; links: where a
    client looks for a file, if that is another path; said: by path; odd: what is no file a model may have, and why;
    complete: the place has a list of its files, and all are there. root: where it lies; entry: its folder in a cache, with the
    bytes of other revisions too.
    """

    kind: Kind
    root: Path
    type: RepoType | None
    repo: str
    rev: GitOid | None
    refs: tuple[str, ...]
    files: Mapping[str, Path]
    complete: bool
    parts: Mapping[str, tuple[Path, ...]] = field(default_factory=lambda: MappingProxyType({}))
    links: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))
    said: Mapping[str, Said] = field(default_factory=lambda: MappingProxyType({}))
    odd: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    entry: Path | None = None

    def has(self, path: str) -> bool:
        """Tell whether a file lies there, in one piece or in several."""
        return path in self.files or path in self.parts

    def places(self) -> dict[str, str]:
        """Return the real path of every file that lies in one piece, as text."""
        return (
            dict(self.files.texts) if isinstance(self.files, Paths) else {path: str(place) for path, place in self.files.items()}
        )

    @property
    def title(self) -> str:
        """How people are told which revision is meant."""
        name = f"{self.type.prefix if self.type else ''}{self.repo}" if self.repo else str(self.root)
        if self.kind is Kind.BLOBS:
            return f"{name}, blobs that no snapshot has"
        rev = self.root.name[:60] if self.kind is Kind.HUB and not self.rev else self.rev and self.rev[:12]
        return f"{name}@{rev}" if rev else name


def is_entry(folder: Path) -> bool:
    """Tell whether a folder is an entry of the Hugging Face cache; one without snapshots is what `--local-dir` leaves there."""
    # Not `Path.is_dir`, which raises for a link in a circle and for what only others may read: a client finds nothing there.
    return folder.name.startswith((*PREFIXES, *FOREIGN)) and any(os.path.isdir(folder / one) for one in _ENTRY)  # noqa: PTH112


def is_empty_cache(entries: Sequence[os.DirEntry[str]]) -> bool:
    """Tell whether what is in a folder is what clients put into a cache before its first entry, and nothing else."""
    return bool(entries) and all(one.name in _BESIDE for one in entries)


def is_client_own(name: str) -> bool:
    """Tell whether something in a cache beside its entries is what clients put there, the blobs that entries share, or ours."""
    return name in _BESIDE or name in ("blobs", QUARANTINE)


def scan(folder: Path) -> list[os.DirEntry[str]]:
    """Return what is in a folder, by name; raises StorageError."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda one: one.name)
    except OSError as error:
        raise StorageError(f"cannot read the folder {folder}: {error.strerror}") from error


def said_by_name(name: str) -> Said:
    """Return what the name of a blob in a cache says: its SHA-256 or its git blob id."""
    try:
        return Said(sha256=parse_sha256(name)) if len(name) == 64 else Said(git_oid=parse_git_oid(name))
    except HanseError:
        return Said()


def read_start(path: Path, limit: int) -> bytes:
    """Return the first `limit` bytes of a file; raises OSError, also for what is no regular file and may never end."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(file, "rb") as source:  # noqa: PTH123 a descriptor
        if not S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return source.read(limit)


def read_listing(path: Path) -> dict[str, Said] | None:
    """Return the list of files that a client keeps of a revision, None if there is none that can be read."""
    try:
        data = read_start(path, MAX_LISTING_BYTES + 1)
        told = json.loads(data) if len(data) <= MAX_LISTING_BYTES else {}
        if told["format_version"] != 1:
            return None
        return {parse_path(name): _row(row) for name, row in told["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, HanseError):
        return None


def _row(row: Mapping[str, Any]) -> Said:
    large = row.get("lfs_sha256")
    if large is not None:
        return Said(sha256=parse_sha256(str(large)), size=int(row["size"]))
    return Said(git_oid=parse_git_oid(str(row["blob_id"])), size=int(row["size"]))
