"""What an export has in it (docs/export.md): `export.json`, written last, and `SHA256SUMS`, which any tool can check.

An export is a static site (`hanse.model.staticlayout`) and three things more: a listing for each revision with what git says of
it, the digests of all files, and the index. None of these is signed. What is true follows from the evidence; the index says what
must be there for the export to be whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hanse.errors import BadFormat, TooLarge
from hanse.model.canonical import canonical
from hanse.model.digest import GitOid, Sha256, parse_git_oid, parse_sha256
from hanse.model.repo import Origin, RepoId, RepoType, parse_origin, parse_repo_id, parse_repo_type
from hanse.model.staticlayout import StaticPath, evidence_path, parse_static_path, refs_path
from hanse.model.strictjson import parse_strict

FORMAT = "hanse-export/1"
INDEX = StaticPath("export.json")
SUMS = StaticPath("SHA256SUMS")
MAX_INDEX_BYTES = 32 * 1024 * 1024
MAX_FILES = 2_000_000
MAX_SUMS_BYTES = 512 * 1024 * 1024
MAX_REPOS = 100_000
MAX_REVISIONS = 500_000
MAX_LEFT_OUT = 10_000
MAX_WHY = 300
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._/-]{1,1024})")


@dataclass(frozen=True, slots=True)
class ExportedRepo:
    """A repository of an export, and its revisions, the oldest first.

    apart: its files are below `o/ORIGIN`, because the plain name does not mean it at the node that made the export.
    """

    repo: RepoId
    revs: tuple[GitOid, ...]
    apart: bool = False

    def evidence(self, rev: GitOid) -> StaticPath:
        """Return where the evidence file of a revision is."""
        return evidence_path(self.repo.type, self.repo.folded, rev, self._origin)

    def refs(self) -> StaticPath:
        """Return where the names of its revisions are."""
        return refs_path(self.repo.type, self.repo.folded, self._origin)

    def listing(self, rev: GitOid) -> StaticPath:
        """Return where the listing of a revision is."""
        below = f"o/{self.repo.origin}/" if self.apart else ""
        return StaticPath(f"{below}listing/{self.repo.type.plural}/{self.repo.folded}/{rev}.json")

    @property
    def _origin(self) -> Origin | None:
        return self.repo.origin if self.apart else None


@dataclass(frozen=True, slots=True)
class NotExported:
    """A repository, or a revision of it, that was left out, and why."""

    repo: RepoId
    rev: GitOid | None
    why: str


@dataclass(frozen=True, slots=True)
class ExportIndex:
    """`export.json`. origin: of the node that made it; time: seconds since 1970; public: whether all of it is public.

    files, size: how many, and how many bytes, the export has besides this file and `SHA256SUMS`; sums: SHA-256 of that one.
    """

    origin: Origin
    time: int
    public: bool
    files: int
    size: int
    sums: Sha256
    repos: tuple[ExportedRepo, ...]
    left_out: tuple[NotExported, ...] = ()

    def encode(self) -> bytes:
        """Return the file's bytes; raises TooLarge above its bounds."""
        if len(self.repos) > MAX_REPOS or sum(len(one.revs) for one in self.repos) > MAX_REVISIONS:
            says = f"an export has at most {MAX_REPOS:,} repositories and {MAX_REVISIONS:,} revisions"
            raise TooLarge(says, hint="make several")
        told: dict[str, Any] = {"format": FORMAT, "origin": self.origin, "time": self.time, "public": self.public}
        told |= {"files": self.files, "bytes": self.size, "sums": self.sums}
        told["repos"] = [{**_named(one.repo), "apart": one.apart, "revs": list(one.revs)} for one in self.repos]
        left_out = self.left_out[:MAX_LEFT_OUT]
        told["leftOut"] = [{**_named(one.repo), "rev": one.rev or "", "why": one.why[:MAX_WHY]} for one in left_out]
        data = canonical(told) + b"\n"
        if len(data) > MAX_INDEX_BYTES:
            raise TooLarge(f"{INDEX} has at most {MAX_INDEX_BYTES:,} bytes", hint="make several exports")
        return data


def _named(repo: RepoId) -> dict[str, str]:
    return {"origin": repo.origin, "type": repo.type.value, "repo": repo.path}


def parse_export_index(data: bytes) -> ExportIndex:
    """Return the `export.json` in `data`; raises BadFormat, TooLarge, BadDigest or BadRepoId."""
    told = parse_strict(data, INDEX, MAX_INDEX_BYTES)
    if told.get("format") != FORMAT:
        raise BadFormat(f"{INDEX} is not of the format {FORMAT}", hint="a newer hanse may read it")
    time, files, size = (told.get(name) for name in ("time", "files", "bytes"))
    if not all(type(one) is int and 0 <= one < 2**53 for one in (time, files, size)) or type(told.get("public")) is not bool:
        raise BadFormat(f"{INDEX} has whole numbers for time, files and bytes, and public is true or false")
    repos, left_out = told.get("repos"), told.get("leftOut")
    if type(repos) is not list or len(repos) > MAX_REPOS or type(left_out) is not list or len(left_out) > MAX_LEFT_OUT:
        raise BadFormat(f"{INDEX} lists at most {MAX_REPOS:,} repositories, and at most {MAX_LEFT_OUT:,} things left out")
    parsed = tuple(_repo(one) for one in repos)
    if len({one.repo for one in parsed}) != len(parsed) or sum(len(one.revs) for one in parsed) > MAX_REVISIONS:
        raise BadFormat(f"{INDEX} lists a repository twice, or more than {MAX_REVISIONS:,} revisions")
    return ExportIndex(
        parse_origin(str(told.get("origin"))),
        int(time or 0),
        told["public"],
        int(files or 0),
        int(size or 0),
        parse_sha256(str(told.get("sums"))),
        parsed,
        tuple(_left_out(one) for one in left_out),
    )


def _repo_id(told: Any) -> RepoId:
    if type(told) is not dict:
        raise BadFormat(f"a repository in {INDEX} is an object")
    kind: RepoType = parse_repo_type(str(told.get("type")))
    return parse_repo_id(parse_origin(str(told.get("origin"))), kind, str(told.get("repo")))


def _repo(told: Any) -> ExportedRepo:
    repo, revs, apart = _repo_id(told), told.get("revs"), told.get("apart")
    if type(revs) is not list or type(apart) is not bool:
        raise BadFormat(f"{repo} has a list of revisions in {INDEX}, and apart is true or false")
    parsed = tuple(parse_git_oid(str(rev)) for rev in revs)
    if len(set(parsed)) != len(parsed):
        raise BadFormat(f"{INDEX} lists a revision of {repo} twice")
    return ExportedRepo(repo, parsed, apart)


def _left_out(told: Any) -> NotExported:
    repo, rev = _repo_id(told), str(told.get("rev") or "")
    return NotExported(repo, parse_git_oid(rev) if rev else None, str(told.get("why"))[:MAX_WHY])


def is_named(repo: RepoId, name: str) -> bool:
    """Tell whether `[datasets/][ORIGIN/]NAMESPACE/NAME`, in any case, names a repository."""
    kind = "" if repo.type is RepoType.MODEL else f"{repo.type.plural}/"
    return name.lower().removeprefix("models/") in (f"{kind}{repo.folded}", f"{kind}{repo.origin}/{repo.folded}")


def encode_sums(digests: Mapping[StaticPath, Sha256]) -> bytes:
    """Return `SHA256SUMS`, as `sha256sum` writes and checks it, sorted by path; raises TooLarge."""
    if len(digests) > MAX_FILES:
        raise TooLarge(f"an export has at most {MAX_FILES:,} files, got {len(digests):,}", hint="make several")
    return b"".join(f"{digest}  {path}\n".encode("ascii") for path, digest in sorted(digests.items()))


def parse_sums(lines: Iterable[str]) -> dict[StaticPath, Sha256]:
    """Return path -> SHA-256 from the lines of `SHA256SUMS`, without their ends.

    Raises BadFormat for another form, a path out of the layout, or one that is there twice; TooLarge.
    """
    found: dict[StaticPath, Sha256] = {}
    for line in lines:
        fitting = _LINE.fullmatch(line)
        if fitting is None:
            raise BadFormat(f"{SUMS} has a digest, two spaces and a path in each line, got {line[:120]!r}")
        path = parse_static_path(fitting[2])
        if path in found or path in (INDEX, SUMS):
            raise BadFormat(f"{SUMS} lists {path[:120]} twice, or itself")
        found[path] = Sha256(fitting[1])
        if len(found) > MAX_FILES:
            raise TooLarge(f"{SUMS} lists more than {MAX_FILES:,} files")
    return found
