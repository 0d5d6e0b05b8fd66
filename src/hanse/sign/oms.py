"""OpenSSF Model Signing v1.0: a manifest of a model's files as an in-toto Statement, in the dialect of `model_signing` 1.x.

    subject    one, its digest SHA-256 over the raw digests of all files in the order listed. Names are not in it, so it never
               stands for the revision; `tree` does
    resources  one for each file: name, algorithm, digest; here also size and xet, from which `tree` can be recomputed
    predicate  here also origin, type, repo, rev and tree. Verifiers ignore fields that they do not know

Written is always: whole files, SHA-256, no symbolic links, and `ignore_paths` empty. Read are also manifests of `model_signing`
itself, which have no extra fields. A signer's `ignore_paths` would exempt files from verification, so a manifest with any of
them is refused, except for two kinds that `model_signing` writes by default: the bundle's own file, and the git names it never
signs. Neither is obeyed: a verifier treats a file that is not listed as added, whatever `ignore_paths` says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hanse.errors import BadFormat
from hanse.model.digest import GitOid, Sha256, XetHash, parse_git_oid, parse_sha256, parse_xet
from hanse.model.entry import Entry
from hanse.model.repo import RepoId, RepoType, parse_origin, parse_path, parse_repo_id
from hanse.sign.bundle import VerifiedStatement
from hanse.sign.statement import OMS, Statement, Subject

GIT_NAMES = frozenset({".git", ".gitattributes", ".github", ".gitignore"})
"""What `model_signing` leaves out by default and records in `ignore_paths`."""
_SERIALIZATION = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []}
_REVISION = ("origin", "type", "repo", "rev", "tree")
_MAX_SIZE = 2**53 - 1


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A file that a manifest lists; size (bytes) and xet are None where the signer did not give them."""

    path: str
    size: int | None
    sha256: Sha256
    xet: XetHash | None


@dataclass(frozen=True, slots=True)
class ManifestRevision:
    """What a manifest says it is the manifest of. tree is a claim until it was recomputed from the files."""

    repo: RepoId
    rev: GitOid
    tree: Sha256


@dataclass(frozen=True, slots=True)
class Manifest:
    """The signed list of a model's files, in the order listed; revision: None in manifests of stock signers.

    name: informative; digest: of the subject (names are not in it); unsigned: names that the signer left out (`ignore_paths`),
    for messages only.
    """

    name: str
    files: tuple[ManifestFile, ...]
    digest: Sha256
    revision: ManifestRevision | None
    unsigned: tuple[str, ...]

    @property
    def repo(self) -> RepoId | None:
        """The repository that it says it is of."""
        return None if self.revision is None else self.revision.repo

    @property
    def rev(self) -> GitOid | None:
        """The commit id that it says it is of."""
        return None if self.revision is None else self.revision.rev

    @property
    def tree(self) -> Sha256 | None:
        """The root of the files that it says it is of: a claim until it was recomputed."""
        return None if self.revision is None else self.revision.tree


def manifest_statement(name: str, entries: Iterable[Entry], repo: RepoId, rev: GitOid, tree: Sha256) -> Statement:
    """Return the manifest of a complete revision from what is known of its files; no byte is read.

    name: shown by verifiers, such as the repository's name. Raises BadFormat for a revision without files.
    """
    said = {"origin": repo.origin, "type": repo.type.value, "repo": repo.path, "rev": parse_git_oid(rev), "tree": tree}
    return _statement(name, entries, said)


def folder_statement(name: str, entries: Iterable[Entry]) -> Statement:
    """Return the manifest of a folder that is no revision (yet), as stock signers make it; raises BadFormat for no files."""
    return _statement(name, entries, None)


def _statement(name: str, entries: Iterable[Entry], revision: dict[str, str] | None) -> Statement:
    listed = sorted(entries, key=lambda entry: entry.path)
    if not listed:
        raise BadFormat("a revision without files has no manifest")
    resources: list[dict[str, str | int]] = []
    for entry in listed:
        resources.append({"name": entry.path, "algorithm": "sha256", "digest": entry.sha256})
        if revision is not None:
            resources[-1] |= {"size": entry.size, "xet": entry.xet}
    subject = Subject(name, {"sha256": _digest_of(entry.sha256 for entry in listed)})
    return Statement((subject,), OMS, {"serialization": _SERIALIZATION, "resources": resources} | (revision or {}))


def parse_manifest(verified: VerifiedStatement, *, own_file: str = "") -> Manifest:
    """Return the manifest in a verified statement; own_file: name of the bundle's file inside the model's folder, if it is there.

    Raises BadFormat, BadPath, BadDigest or BadRepoId for anything but a list of whole files by SHA-256 whose subject has the
    digest of the list, for a file listed twice, for half of the extra fields, and for `ignore_paths` as described above.
    """
    statement = verified.statement
    if statement.predicate_type != OMS:
        raise BadFormat(f"a manifest has the predicate type {OMS}, got {statement.predicate_type[:120]!r}")
    if len(statement.subjects) != 1:
        raise BadFormat(f"a manifest has exactly one subject, got {len(statement.subjects)}")
    unsigned = _serialization(statement.predicate, own_file)
    files = _files(statement.predicate.get("resources"))
    subject = statement.subjects[0]
    digest = _digest_of(file.sha256 for file in files)
    if subject.digest.get("sha256") != digest:
        raise BadFormat(f"the manifest is inconsistent: its files give {digest}, its subject is another digest")
    revision = _revision(statement.predicate)
    if revision is not None and any(file.size is None or file.xet is None for file in files):
        raise BadFormat("a manifest with rev and tree has size and xet of every file")
    return Manifest(subject.name, files, digest, revision, unsigned)


def _digest_of(digests: Iterable[Sha256]) -> Sha256:
    whole = hashlib.sha256()
    for digest in digests:
        whole.update(bytes.fromhex(digest))
    return Sha256(whole.hexdigest())


def _serialization(predicate: Mapping[str, Any], own_file: str) -> tuple[str, ...]:
    """Check how the files were hashed and return the names left out."""
    given = predicate.get("serialization")
    if type(given) is not dict:
        raise BadFormat("serialization of a manifest must be an object")
    for field in ("method", "hash_type"):
        if given.get(field) != _SERIALIZATION[field]:
            raise BadFormat(
                f"{field} of a manifest must be {_SERIALIZATION[field]}, got {str(given.get(field))[:40]!r}",
                hint="sign again with whole files and SHA-256",
            )
    if type(given.get("allow_symlinks")) is not bool:
        raise BadFormat("allow_symlinks of a manifest must be true or false")
    names = given.get("ignore_paths", [])
    if type(names) is not list or any(type(name) is not str for name in names):
        raise BadFormat("ignore_paths of a manifest must be a list of texts")
    odd = sorted(set(names) - GIT_NAMES - ({own_file} - {""}))
    if odd:
        raise BadFormat(
            f"the signer left {odd[0][:120]!r} out of the manifest (ignore_paths), and with it whatever is put there later",
            hint="ask the signer for a manifest of all files; if that is the bundle's own former name, give it that name again",
        )
    return tuple(names)


def _files(resources: Any) -> tuple[ManifestFile, ...]:
    if type(resources) is not list or not resources:
        raise BadFormat("a manifest lists at least one file")
    files = tuple(_file(item) for item in resources)
    if len({file.path for file in files}) != len(files):
        names = sorted(file.path for file in files)
        twice = next(name for name, after in pairwise(names) if name == after)
        raise BadFormat(f"a manifest lists {twice[:120]!r} twice")
    return files


def _file(item: Any) -> ManifestFile:
    if type(item) is not dict:
        raise BadFormat("a resource of a manifest must be an object")
    name, digest, size, xet = (item.get(field) for field in ("name", "digest", "size", "xet"))
    if item.get("algorithm") != "sha256" or type(name) is not str or type(digest) is not str:
        raise BadFormat("a resource of a manifest has a name and a sha256 digest")
    if size is not None and (type(size) is not int or not 0 <= size <= _MAX_SIZE):
        raise BadFormat("size of a resource must be a number of bytes")
    if xet is not None and type(xet) is not str:
        raise BadFormat("xet of a resource must be a text")
    return ManifestFile(parse_path(name), size, parse_sha256(digest), None if xet is None else parse_xet(xet))


def _revision(predicate: Mapping[str, Any]) -> ManifestRevision | None:
    given = [predicate.get(field) for field in _REVISION]
    if all(value is None for value in given):
        return None
    if any(type(value) is not str for value in given):
        raise BadFormat(f"a manifest has all of {', '.join(_REVISION)} or none")
    origin, kind, repo, rev, tree = map(str, given)
    if kind not in [one.value for one in RepoType]:
        raise BadFormat(f"type of a manifest is a repository type, got {kind[:40]!r}")
    named = parse_repo_id(parse_origin(origin), RepoType(kind), repo)
    return ManifestRevision(named, parse_git_oid(rev), parse_sha256(tree))
