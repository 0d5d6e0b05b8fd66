"""Where a node's public things lie as files that any web server can hand on: layout `hanse-static/1` (docs/static.md).

Every path is made of parsed values, and only of `A-Z a-z 0-9 . _ -` and `/`. The log and the files of federations have the
paths that a node serves them under, so that readers of either need not know which one they ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NewType

from hanse.errors import BadFormat
from hanse.model.canonical import canonical
from hanse.model.digest import GitOid, Sha256, XetHash, parse_git_oid
from hanse.model.repo import Origin, RepoId, RepoType, parse_origin, parse_path, parse_repo_id, parse_repo_type
from hanse.model.strictjson import parse_strict

StaticPath = NewType("StaticPath", str)
"""Path of a file below the root of the site."""

FORMAT = "hanse-static/1"
INDEX = StaticPath("hanse.json")
"""What the site is: a reader that finds it asks for files, not for answers."""
CHECKPOINT = StaticPath("log/checkpoint")
"""Written last: what it stands for is there."""
FEDERATIONS = StaticPath("federations.json")
"""What a node answers for `/federation`, which cannot be a file beside a folder of that name."""
NAMESPACES = StaticPath("namespaces.json")
"""Which namespaces a key of the log answers for: a name there that has no refs is nobody else's."""
MAX_INDEX_BYTES = 4096
MAX_NAMESPACES_BYTES = 1024 * 1024
MAX_REFS_BYTES = 4 * 1024 * 1024
MAX_REFS = 20_000
MAX_SIZE = 2**53
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*){0,11}")
_MAX_PATH_CHARS = 1024


@dataclass(frozen=True, slots=True)
class StaticIndex:
    """`hanse.json`. origin: of the log; size: leaves under the checkpoint; time: seconds since 1970; repos: how many.

    Nothing in it is signed, and nothing follows from it but where to look.
    """

    origin: Origin
    size: int
    time: int
    repos: int

    def as_json(self) -> dict[str, str | int]:
        """Return the members of the JSON object."""
        return {"format": FORMAT, "origin": self.origin, "size": self.size, "time": self.time, "repos": self.repos}


@dataclass(frozen=True, slots=True)
class StaticRefs:
    """Names of a repository's revisions: full ref name -> commit id. A hint where to look; the evidence says what is true."""

    repo: RepoId
    refs: dict[str, GitOid]

    def find(self, name: str) -> GitOid | None:
        """Return the revision that a branch, a tag, a full ref name or a commit id names; None if there is none."""
        for full in (f"refs/heads/{name}", f"refs/tags/{name}", name):
            if full in self.refs:
                return self.refs[full]
        return None

    def as_json(self) -> dict[str, object]:
        """Return the members of the JSON object."""
        named = {"origin": self.repo.origin, "type": self.repo.type.value, "repo": self.repo.path}
        return {"format": FORMAT, **named, "refs": dict(sorted(self.refs.items()))}


def parse_index(data: bytes) -> StaticIndex:
    """Return the `hanse.json` in `data`; raises BadFormat, TooLarge or BadRepoId."""
    told = parse_strict(data, INDEX, MAX_INDEX_BYTES)
    if told.get("format") != FORMAT:
        raise BadFormat(f"{INDEX} is not of the format {FORMAT}", hint="a newer hanse may read it")
    numbers = [told.get(name) for name in ("size", "time", "repos")]
    if not all(type(one) is int and 0 <= one < MAX_SIZE for one in numbers):
        raise BadFormat(f"{INDEX} has whole numbers for size, time and repos")
    size, time, repos = (int(one or 0) for one in numbers)
    return StaticIndex(parse_origin(str(told.get("origin"))), size, time, repos)


def parse_refs(data: bytes) -> StaticRefs:
    """Return the names in `data`; raises BadFormat, TooLarge, BadDigest or BadRepoId."""
    told = parse_strict(data, "a list of refs", MAX_REFS_BYTES)
    refs = told.get("refs")
    if told.get("format") != FORMAT or not isinstance(refs, dict) or len(refs) > MAX_REFS:
        raise BadFormat(f"a list of refs is an object of the format {FORMAT} with at most {MAX_REFS} refs")
    kind = parse_repo_type(str(told.get("type")))
    repo = parse_repo_id(parse_origin(str(told.get("origin"))), kind, str(told.get("repo")))
    return StaticRefs(repo, {str(name)[:300]: parse_git_oid(str(rev)) for name, rev in refs.items()})


def encode_namespaces(names: Iterable[str]) -> bytes:
    """Return `namespaces.json`."""
    return canonical({"format": FORMAT, "namespaces": sorted(names)})


def parse_namespaces(data: bytes) -> frozenset[str]:
    """Return the namespaces in `data`, in lower case; raises BadFormat or TooLarge."""
    told = parse_strict(data, NAMESPACES, MAX_NAMESPACES_BYTES)
    names = told.get("namespaces")
    if told.get("format") != FORMAT or type(names) is not list:
        raise BadFormat(f"{NAMESPACES} is not of the format {FORMAT}")
    return frozenset(str(one).lower() for one in names)


def evidence_path(kind: RepoType, folded: str, rev: GitOid, origin: Origin | None = None) -> StaticPath:
    """Return where the evidence file of a revision is; folded: `namespace/name` in lower case.

    origin: only for a repository that the plain name does not mean at this node (`/o/ORIGIN` at a node).
    """
    return StaticPath(f"{_root(origin)}evidence/{kind.plural}/{folded}/{rev}.jsonl")


def refs_path(kind: RepoType, folded: str, origin: Origin | None = None) -> StaticPath:
    """Return where the refs of a repository are; arguments as for `evidence_path`."""
    return StaticPath(f"{_root(origin)}refs/{kind.plural}/{folded}.json")


def advisory_path(payload: Sha256) -> StaticPath:
    """Return where the bundle of an advisory is, by the SHA-256 of its payload: as at a node."""
    return StaticPath(f"v1/advisories/{payload}")


def chunks_path(xet: XetHash) -> StaticPath:
    """Return where the chunk list of a file is, by the file's Xet hash."""
    return StaticPath(f"chunks/{xet}")


def reconstruction_path(xet: XetHash) -> StaticPath:
    """Return where the terms of a file are: which bytes of which xorbs make it up."""
    return StaticPath(f"reconstructions/{xet}.json")


def xorb_path(xorb: XetHash) -> StaticPath:
    """Return where the stored form of a xorb is."""
    return StaticPath(f"xorbs/{xorb}")


def log_path(tile: str) -> StaticPath:
    """Return where a file of the log is; tile: as `hanse.tlog.tiles.TileName.path` has it."""
    return parse_static_path(f"log/{tile}")


def federation_path(name: Origin, what: str, file: str) -> StaticPath:
    """Return where a file of a federation is; what: `root`, `targets` or `files`."""
    return parse_static_path(f"federation/{name}/{what}/{file}")


def is_lasting(path: StaticPath) -> bool:
    """Tell whether what is at a path never changes."""
    return path.startswith(("xorbs/", "chunks/", "log/tile/")) or "/files/" in path


def parse_static_path(text: str) -> StaticPath:
    """Return a path of the layout; raises BadFormat for what could lead out of it or needs quoting in an address."""
    if len(text) > _MAX_PATH_CHARS or not _PATH.fullmatch(text) or "/." in text:
        raise BadFormat(f"{text[:120]!r} is no path of a static site: letters, digits, '.', '_', '-' in up to 12 segments")
    return StaticPath(parse_path(text))


def _root(origin: Origin | None) -> str:
    return "" if origin is None else f"o/{origin}/"
