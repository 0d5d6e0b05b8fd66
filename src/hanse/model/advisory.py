"""Advisories: OSV records about models and datasets, parsed at the edge.

A record is an object of the OSV schema. Hanse reads `id`, `modified`, `withdrawn`, `published`, `summary`, `details`, `affected`,
bounds all of it, and carries the rest along. What is affected is said in three ways, any of which is enough:

    affected[].package.purl                   pkg:huggingface/NAMESPACE/NAME[@REV][?repository_url=ORIGIN&type=dataset]
    affected[].versions                       more commit ids of the package
    affected[].database_specific.tree/sha256  digests of whole revisions, and of single files, whatever they are called

Without `repository_url` a package is one of huggingface.co. A package without a commit id is affected in every revision. The kind
stands in `database_specific.kind`. Bytes that are affected stay so under another name, so digests are the stronger way.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from hanse.errors import BadFormat, TooLarge
from hanse.model.canonical import canonical
from hanse.model.digest import is_git_oid, parse_sha256
from hanse.model.repo import Origin, RepoId, RepoType, parse_origin, parse_repo_id
from hanse.model.strictjson import parse_strict
from hanse.model.trust_leaf import MAX_ADVISORY_ID

PREDICATE = "https://hanse/advisory/v1"
MAX_RECORD_BYTES = 16 * 1024
MAX_PAYLOAD_BYTES = 64 * 1024
"""A record, and its subjects once more."""
MAX_AFFECTED = 64
MAX_VERSIONS = 256
MAX_DIGESTS = 256
MAX_SUMMARY = 300
UPSTREAM = Origin("huggingface.co")
_PURL = "pkg:huggingface/"
_ID = re.compile(r"[A-Za-z0-9._-]{1,120}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z")
_WAYS = "affected[].package.purl, or tree or sha256 in affected[].database_specific"


class AdvisoryKind(str, Enum):
    """What an advisory warns of."""

    MALICIOUS = "malicious"
    VULNERABLE = "vulnerable"
    LICENSE = "license"
    LEGAL_TAKEDOWN = "legal-takedown"
    KEY_COMPROMISE = "key-compromise"
    SUPERSEDED = "superseded"
    EVAL_RETRACTED = "eval-retracted"

    @property
    def blocks(self) -> bool:
        """Whether enough members' word for it refuses; the others only ever warn."""
        return self not in (AdvisoryKind.SUPERSEDED, AdvisoryKind.EVAL_RETRACTED)


@dataclass(frozen=True, slots=True)
class AffectedName:
    """A repository that is affected. revs: commit ids, none for every revision."""

    repo: RepoId
    revs: frozenset[str] = frozenset()

    @property
    def purl(self) -> str:
        """The package URL of one such revision, or of the whole."""
        rev = f"@{next(iter(self.revs))}" if len(self.revs) == 1 else ""
        marks = [f"repository_url={quote(self.repo.origin)}"] if self.repo.origin != UPSTREAM else []
        marks += ["type=dataset"] if self.repo.type is RepoType.DATASET else []
        return f"{_PURL}{self.repo.path}{rev}" + (f"?{'&'.join(marks)}" if marks else "")


@dataclass(frozen=True, slots=True)
class Advisory:
    """A parsed record. Times in seconds since 1970; withdrawn: when it was, None while in force; record: all of it."""

    id: str
    kind: AdvisoryKind
    summary: str
    modified: int
    withdrawn: int | None
    names: tuple[AffectedName, ...]
    trees: frozenset[str]
    files: frozenset[str]
    record: Mapping[str, Any]

    def concerns(self, repo: RepoId | None, rev: str, tree: str, files: Collection[str] = ()) -> bool:
        """Tell whether a revision is affected: by its name, by its tree, or by a file (SHA-256) in it."""
        if tree in self.trees or not self.files.isdisjoint(files):
            return True
        return repo is not None and any(_same(one, repo) and (not one.revs or rev in one.revs) for one in self.names)

    def names_repo(self, repo: RepoId) -> bool:
        """Tell whether any revision of a repository is named."""
        return any(_same(one, repo) for one in self.names)


def _same(one: AffectedName, repo: RepoId) -> bool:
    return (one.repo.origin, one.repo.type, one.repo.folded) == (repo.origin, repo.type, repo.folded)


def parse_record(data: bytes) -> Advisory:
    """Return the advisory in the bytes of an OSV record; raises as `read_record`, or BadFormat for what is no JSON object."""
    return read_record(parse_strict(data, "an advisory", MAX_RECORD_BYTES))


def read_record(record: Mapping[str, Any]) -> Advisory:
    """Return the advisory in an OSV record.

    Raises BadFormat for one that says nothing that can be matched, or has fields of another form; TooLarge beyond a bound;
    BadDigest, BadRepoId for what it names.
    """
    if len(canonical(dict(record))) > MAX_RECORD_BYTES:
        raise TooLarge(f"an advisory has at most {MAX_RECORD_BYTES:,} bytes")
    name = _text(record, "id", MAX_ADVISORY_ID)
    if not _ID.fullmatch(name):
        raise BadFormat(f"id of an advisory is 1 to {MAX_ADVISORY_ID} letters, digits, - . and _, got {name[:80]!r}")
    said = _object(record, "database_specific")
    try:
        kind = AdvisoryKind(said.get("kind"))
    except ValueError:
        raise BadFormat(
            f"database_specific.kind of an advisory is one of {', '.join(one.value for one in AdvisoryKind)}, "
            f"got {str(said.get('kind'))[:80]!r}"
        ) from None
    names, trees, files = _affected(record)
    if not (names or trees or files):
        raise BadFormat("the advisory names nothing that is affected", hint=f"name it by {_WAYS}")
    withdrawn = _time(record, "withdrawn") if "withdrawn" in record else None
    _details(record)
    if "published" in record:
        _time(record, "published")
    summary = _text(record, "summary", MAX_SUMMARY)
    if not summary.isprintable():  # it is told in headers and on terminals
        raise BadFormat(f"summary of an advisory is one line of printable characters, got {summary[:80]!r}")
    return Advisory(name, kind, summary, _time(record, "modified"), withdrawn, names, trees, files, record)


def _details(record: Mapping[str, Any]) -> None:
    if "details" in record:
        _text(record, "details", MAX_RECORD_BYTES)


def _affected(record: Mapping[str, Any]) -> tuple[tuple[AffectedName, ...], frozenset[str], frozenset[str]]:
    listed = record.get("affected")
    if type(listed) is not list or not listed or any(type(one) is not dict for one in listed):
        raise BadFormat("affected of an advisory is a list of objects", hint=f"name what is affected by {_WAYS}")
    if len(listed) > MAX_AFFECTED:
        raise TooLarge(f"an advisory has at most {MAX_AFFECTED} affected packages, got {len(listed)}")
    names: list[AffectedName] = []
    trees: set[str] = set()
    files: set[str] = set()
    for one in listed:
        found = _name(one)
        names += [] if found is None else [found]
        said = _object(one, "database_specific")
        trees |= {str(parse_sha256(text)) for text in _texts(said, "tree", MAX_DIGESTS)}
        files |= {str(parse_sha256(text)) for text in _texts(said, "sha256", MAX_DIGESTS)}
    return tuple(names), frozenset(trees), frozenset(files)


def _name(one: Mapping[str, Any]) -> AffectedName | None:
    package = _object(one, "package")
    if "purl" not in package:
        return None
    found = parse_purl(_text(package, "purl", 600))
    revs = found.revs | set(_texts(one, "versions", MAX_VERSIONS))
    if any(not is_git_oid(rev) for rev in revs):
        raise BadFormat("versions of an affected model are commit ids of 40 hex digits")
    return AffectedName(found.repo, frozenset(revs))


def parse_purl(text: str) -> AffectedName:
    """Return what a package URL names; raises BadFormat or BadRepoId."""
    if not text.startswith(_PURL):
        raise BadFormat(f"a package URL of a model begins with {_PURL}, got {text[:80]!r}")
    path, _, marks = text.removeprefix(_PURL).partition("#")[0].partition("?")
    path, _, rev = path.partition("@")
    try:
        told = dict(parse_qsl(marks, strict_parsing=bool(marks), max_num_fields=8))
    except ValueError as error:
        raise BadFormat(f"the part after ? of a package URL is NAME=VALUE joined by &, got {marks[:80]!r}") from error
    url = told.get("repository_url", UPSTREAM).removeprefix("https://").removeprefix("http://").rstrip("/")
    kind = RepoType.DATASET if told.get("type") == "dataset" else RepoType.MODEL
    if rev and not is_git_oid(rev):
        raise BadFormat(f"the version of a model is a commit id of 40 hex digits, got {rev[:80]!r}")
    return AffectedName(parse_repo_id(parse_origin(url), kind, unquote(path)), frozenset({rev} if rev else ()))


def _text(fields: Mapping[str, Any], name: str, most: int) -> str:
    found = fields.get(name)
    if type(found) is not str or not found.strip():
        raise BadFormat(f"{name} of an advisory is a text, got {str(found)[:80]!r}")
    if len(found) > most:
        raise TooLarge(f"{name} of an advisory has at most {most} characters, got {len(found)}")
    return found


def _texts(fields: Mapping[str, Any], name: str, most: int) -> list[str]:
    found = fields.get(name, [])
    listed = [found] if type(found) is str else found
    if type(listed) is not list or any(type(one) is not str for one in listed):
        raise BadFormat(f"{name} of an advisory is a list of texts")
    if len(listed) > most:
        raise TooLarge(f"{name} of an advisory has at most {most} entries, got {len(listed)}")
    return listed


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = fields.get(name, {})
    if type(found) is not dict:
        raise BadFormat(f"{name} of an advisory is an object")
    return found


def _time(fields: Mapping[str, Any], name: str) -> int:
    text = _text(fields, name, 40)
    if not _TIME.fullmatch(text):
        raise BadFormat(f"{name} of an advisory is a time in UTC such as 2026-01-31T12:00:00Z, got {text[:40]!r}")
    try:
        return int(datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp())
    except ValueError as error:
        raise BadFormat(f"{name} of an advisory is no time: {text[:40]!r}") from error


def parse_payload(data: bytes) -> Advisory:
    """Return the advisory in the payload of a signed statement: its predicate is the record.

    Raises as `read_record`, and BadFormat for a statement of something else.
    """
    fields = parse_strict(data, "the statement of an advisory", MAX_PAYLOAD_BYTES)
    predicate = fields.get("predicate")
    if fields.get("predicateType") != PREDICATE or type(predicate) is not dict:
        raise BadFormat(f"a statement of an advisory has the predicateType {PREDICATE}, and the OSV record as its predicate")
    return read_record(predicate)
