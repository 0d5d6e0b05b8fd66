"""All records of a store, and what they say about leaves: for rebuilding the catalogue."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Any

from msgspec import UNSET

from hanse.db import repos
from hanse.db.repos import Repo
from hanse.errors import HanseError
from hanse.flows.records import RefsRecord, RepoRecord, RevisionRecord, load
from hanse.model.conceal import conceal_value
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, RepoOp
from hanse.model.repo import RefName, RepoId, RepoType, Visibility, parse_repo_id
from hanse.store.base import BlobStore
from hanse.store.keys import REVISIONS


@dataclass(frozen=True, slots=True)
class RefMeaning:
    """What a ref leaf says in clear. record: of a change without a new commit, "" if there is none; salt: hex."""

    ref: RefName
    rev: GitOid
    tree: Sha256
    message: str
    record: str
    salt: str
    repo: str


@dataclass(frozen=True, slots=True)
class CommitMeaning:
    """A commit as its revision object has it. row: columns of its revision's row but `repo_id`."""

    parent: GitOid | None
    row: dict[str, Any]


_Place = tuple[str, str, str, str]
"""origin, type, repository in lower case, salt in hex."""


class RecordBook:
    """Every readable record, without the files of revisions, which are kept once each: xet -> (sha256, size)."""

    def __init__(self, store: BlobStore) -> None:
        self.problems: list[str] = []
        self.spelled: dict[_Place, RepoId] = {}
        self.files: dict[XetHash, tuple[Sha256, int]] = {}
        self._commits: dict[tuple[_Place, str], CommitMeaning] = {}
        self._changes: dict[str, tuple[RepoRecord, Sha256]] = {}
        self._restored: dict[str, tuple[RepoRecord, Sha256]] = {}
        self._meanings: dict[tuple[str, str, str, str, str], RefMeaning] = {}
        for key in store.list(REVISIONS):
            digest = Sha256(key.rpartition("/")[2])
            try:
                self._read(store, digest)
            except HanseError as error:
                self.problems.append(f"record {digest}: {error.message}")

    def _read(self, store: BlobStore, digest: Sha256) -> None:
        record = load(store, digest)
        repo, salt = record.repo_id.folded, record.salt
        place = (record.origin, record.type, repo, salt)
        self.spelled[place] = record.repo_id
        if isinstance(record, RepoRecord):
            # Within one second a creation in clear and the undoing of its deletion have the same leaf.
            (self._changes if record.restores is UNSET else self._restored)[record.leaf] = (record, digest)
        elif isinstance(record, RefsRecord):
            for ref, rev, tree, message in record.refs:
                self._mean(place, RefMeaning(RefName(ref), GitOid(rev), Sha256(tree), message, digest, salt, repo))
        else:
            self._commits[place, record.rev] = CommitMeaning(_oid(record.parent), _row(record, digest))
            self.files |= {XetHash(row[3]): (Sha256(row[2]), row[1]) for row in record.puts}
            meaning = RefMeaning(RefName(record.ref), GitOid(record.rev), Sha256(record.tree), "", "", salt, repo)
            self._mean(place, meaning)

    def _mean(self, place: _Place, meaning: RefMeaning) -> None:
        """Remember a meaning under the texts that its leaf has; a record for the very change says more than a commit's."""
        origin, kind, repo, salt = place
        texts = {"repo": repo, "ref": str(meaning.ref), "rev": str(meaning.rev)}
        if salt:
            texts = {name: conceal_value(bytes.fromhex(salt), name, text) for name, text in texts.items()}
        key = (origin, kind, texts["repo"], texts["ref"], texts["rev"])
        if meaning.record or key not in self._meanings:
            self._meanings[key] = meaning

    def ref_change(self, leaf: RefLeaf) -> RefMeaning | None:
        """Return what a ref leaf says in clear; None if it is concealed and its record is gone."""
        found = self._meanings.get((leaf.origin, leaf.type.value, leaf.repo, leaf.ref, leaf.rev))
        if found is None and not leaf.concealed:
            return RefMeaning(RefName(leaf.ref), GitOid(leaf.rev), leaf.tree, "", "", "", leaf.repo)
        return found

    def commit(self, leaf: RefLeaf, meaning: RefMeaning, rev: GitOid) -> CommitMeaning | None:
        """Return a commit of the repository and visibility epoch that the leaf belongs to."""
        return self._commits.get(((leaf.origin, leaf.type.value, meaning.repo, meaning.salt), rev))

    def observed(self, origin: str, kind: RepoType, rev: str, *, repo: str, salt: str = "") -> CommitMeaning | None:
        """Return a commit of a mirrored repository (in lower case) that no ref points at."""
        return self._commits.get(((origin, kind.value, repo, salt), rev))

    def repo_change(
        self, leaf: RepoLeaf, leaf_hash: Sha256, deleted: Container[str] = frozenset()
    ) -> tuple[Repo, Repo, str] | None:
        """Return the repository before and after a `repo` leaf, and the record's name; None if nothing tells.

        deleted: leaves of the deletions that may be undone at this point.
        """
        found = self._changes.get(leaf_hash)
        if found is None or self.restored(leaf_hash) in deleted:
            found = self._restored.get(leaf_hash, found)
        if found is not None:
            record, digest = found
            before = repos.unborn(record.repo_id, _visibility(record), bytes.fromhex(record.salt) or None, leaf.time)
            target = parse_repo_id(before.repo.origin, before.repo.type, record.to)
            salt = bytes.fromhex(record.new_salt) or None
            return before, replace(before, repo=target, visibility=Visibility(record.visibility), salt=salt), digest
        if leaf.concealed:
            return None
        self.problems.append(f"the record of {leaf.op.value} of {leaf.repo} is missing; names are in lower case")
        before = repos.unborn(parse_repo_id(leaf.origin, leaf.type, leaf.repo), Visibility.PUBLIC, None, leaf.time)
        return before, _guess(before, leaf), ""

    def restored(self, leaf_hash: Sha256) -> str | None:
        """Return the leaf of the deletion that the creation logged by `leaf_hash` undoes; None if it never did."""
        found = self._restored.get(leaf_hash)
        return None if found is None else str(found[0].restores)


def _guess(before: Repo, leaf: RepoLeaf) -> Repo:
    """Return the repository after a leaf in clear whose record is gone; an unknown visibility is private."""
    if leaf.op in (RepoOp.RENAME, RepoOp.TRANSFER):
        return replace(before, repo=parse_repo_id(leaf.origin, leaf.type, str(leaf.to)))
    if leaf.op is RepoOp.VISIBILITY:
        return replace(before, visibility=Visibility(str(leaf.to)))
    return before


def _visibility(record: RepoRecord) -> Visibility:
    """Return the visibility before the change."""
    if record.op != RepoOp.VISIBILITY.value:
        return Visibility(record.visibility)
    return Visibility.PUBLIC if not record.salt else Visibility.PRIVATE


def _oid(text: str | None) -> GitOid | None:
    return None if text is None else GitOid(text)


def _row(record: RevisionRecord, digest: Sha256) -> dict[str, Any]:
    same = {"rev": record.rev, "tree": record.tree, "object": digest, "parent": record.parent}
    return same | _words(record) | {"files": record.files, "bytes": record.bytes}


def _words(record: RevisionRecord) -> dict[str, Any]:
    said = record.claimed
    if said is not UNSET:
        return {"title": said.title, "message": said.message, "author": said.author, "created_at": said.time}
    head, _, message = record.commit.partition("\n\n")
    author = next(line for line in head.split("\n") if line.startswith("author ")).removeprefix("author ")
    name, _, rest = author.rpartition(" <")
    title, _, body = message.partition("\n")
    return {"title": title, "message": body.strip("\n"), "author": name, "created_at": int(rest.split(" ")[-2])}
