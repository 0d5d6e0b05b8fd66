"""What this machine knows of revisions and refs that it pulled: records in the held store, which never go back.

    revision  origin/type/name@rev   pins of its files, when it was first seen and last confirmed, what an upstream says of it
    evidence  the same key           the evidence file that was verified
    ref       origin/type/name#ref   where it pointed, newest last, each with the time it was first seen there
    name      type/name              who answered for it last, and whether that was a node
    alias     type/name              the full name behind an old one without a namespace
    alarm     the revision's key     what contradicts the pins
    recalled  type/name@rev          why nobody gives it any more

Records of what not everybody may see have the digest of the caller's token before their key.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from hanse.errors import HanseError, StorageError
from hanse.model.digest import GitOid, Sha256, XetHash, parse_git_oid, parse_sha256, parse_xet
from hanse.model.filepin import FilePin
from hanse.model.repo import Origin, RepoId, RepoType, parse_origin, parse_path, parse_repo_id, parse_repo_type

MAX_RECORD_BYTES = 256 * 1024 * 1024
MAX_HISTORY = 1000
RECALLED = "recalled"
_SCOPED = "|"
_VERSION = 1


class Records(Protocol):
    """Small records by kind and key, with a time; kept by the held store."""

    def put(self, kind: str, key: str, data: bytes, at: int) -> None:
        """Store a record in place of the one before."""
        ...

    def get(self, kind: str, key: str) -> tuple[bytes, int] | None:
        """Return a record and its time."""
        ...

    def keys(self, kind: str) -> Iterable[str]:
        """Return the keys of a kind."""
        ...

    def delete(self, kind: str, key: str) -> None:
        """Remove a record, if it is there."""
        ...


@dataclass(frozen=True, slots=True)
class KnownRevision:
    """A revision whose pins are known here.

    repo: with its origin; files: by path; tree: None unless it was signed; claims: what an upstream says of it; first: when it
    was first seen here; confirmed: when a source last answered with exactly this (seconds); private:
    not everybody may see it.
    """

    repo: RepoId
    rev: GitOid
    files: Mapping[str, FilePin]
    tree: Sha256 | None
    claims: Mapping[str, Any] = field(default_factory=dict)
    first: int = 0
    confirmed: int = 0
    private: bool = False


@dataclass(frozen=True, slots=True)
class KnownRef:
    """Where a ref pointed: (commit id, when it was first seen there), newest last; confirmed: when a source last said so."""

    history: tuple[tuple[GitOid, int], ...]
    confirmed: int

    @property
    def rev(self) -> GitOid:
        """Where it pointed last."""
        return self.history[-1][0]

    def moved(self, rev: GitOid, now: int) -> KnownRef:
        """Return what is known once a source says that it points at `rev`."""
        if rev == self.rev:
            return KnownRef(self.history, now)
        return KnownRef((*self.history, (rev, now))[-MAX_HISTORY:], now)


@dataclass(frozen=True, slots=True)
class KnownName:
    """Who answered for a name. node: a node did, so that it never falls through to an upstream again."""

    origin: Origin
    node: bool


class Known:
    """The records of one caller: what everybody may see, and what only he may.

    scope: the beginning of the keys of what only he may see, of `scopes`; otherwise it follows from his token.
    """

    def __init__(self, records: Records, token: str = "", *, scope: str = "") -> None:
        self._records = records
        self._scope = scope or (f"{hashlib.sha256(token.encode()).hexdigest()[:16]}{_SCOPED}" if token else "")

    def only(self, *, private: bool) -> str:
        """Return whom files may be given to: empty if to everybody, else what tells the caller from others."""
        return (self._scope or _SCOPED) if private else ""

    # Revisions.

    def revision(self, repo: RepoId, rev: str) -> KnownRevision | None:
        """Return what is known of a revision of this origin; raises StorageError for a damaged record."""
        found = self._get("revision", _at(repo, rev))
        return None if found is None else _revision(*found)

    def keep_revision(self, known: KnownRevision) -> None:
        """Store what is known of a revision."""
        files = [_file_row(pin) for pin in known.files.values()]
        told = {"v": _VERSION, "repo": _repo_row(known.repo), "rev": known.rev, "tree": known.tree, "files": files}
        told |= {"claims": dict(known.claims), "first": known.first, "private": known.private}
        self._put("revision", _at(known.repo, known.rev), told, known.confirmed, private=known.private)

    def evidence(self, repo: RepoId, rev: str) -> bytes | None:
        """Return the evidence file that was verified of a revision."""
        found = self._raw("evidence", _at(repo, rev))
        return None if found is None else _unpacked(found[0])

    def keep_evidence(self, repo: RepoId, rev: str, data: bytes, now: int, *, private: bool = False) -> None:
        """Store the evidence file of a revision."""
        self._records.put("evidence", self._key(_at(repo, rev), private=private), zlib.compress(data, 1), now)

    # Refs and names.

    def ref(self, repo: RepoId, ref: str) -> KnownRef | None:
        """Return where a ref pointed."""
        found = self._get("ref", f"{_named(repo)}#{ref}")
        if found is None:
            return None
        told, at = found
        history = tuple((parse_git_oid(rev), int(seen)) for rev, seen in told["history"])
        return KnownRef(history, at) if history else None

    def keep_ref(self, repo: RepoId, ref: str, known: KnownRef, *, private: bool = False) -> None:
        """Store where a ref pointed."""
        told = {"v": _VERSION, "history": [list(one) for one in known.history]}
        self._put("ref", f"{_named(repo)}#{ref}", told, known.confirmed, private=private)

    def name(self, repo: RepoId) -> KnownName | None:
        """Return who answered for a name last; the origin of `repo` does not matter."""
        found = self._get("name", _unowned(repo))
        return None if found is None else KnownName(parse_origin(str(found[0]["origin"])), bool(found[0]["node"]))

    def keep_name(self, repo: RepoId, now: int, *, node: bool, private: bool = False) -> None:
        """Store who answers for a name; once it was a node, only nodes count."""
        told = {"v": _VERSION, "origin": repo.origin, "node": node}
        if node:  # also for those who may not see it: that a name is taken does not depend on who asks
            self._put("name", _unowned(repo), told, now, private=False)
        if private or not node:
            self._put("name", _unowned(repo), told, now, private=private)

    def unclaimed(self, repo: RepoId) -> bool:
        """Tell whether every node once said that a name is nobody's of theirs."""
        return self._records.get("unclaimed", _unowned(repo)) is not None

    def keep_unclaimed(self, repo: RepoId, now: int) -> None:
        """Store that every node says that a name is nobody's of theirs."""
        if not self.unclaimed(repo):
            self._records.put("unclaimed", _unowned(repo), b"", now)

    def alias(self, kind: RepoType, name: str) -> str:
        """Return the full name that an old one without a namespace stands for, empty if it was never heard."""
        found = self._records.get("alias", f"{kind.value}/{name.lower()}")
        return "" if found is None else found[0].decode("utf-8", "replace")

    def keep_alias(self, kind: RepoType, name: str, path: str, now: int) -> None:
        """Store the full name that an old one stands for."""
        self._records.put("alias", f"{kind.value}/{name.lower()}", path.encode(), now)

    # What went wrong.

    def alarm(self, repo: RepoId, rev: str) -> str:
        """Return what contradicts the pins of a revision, empty if nothing does."""
        found = self._raw("alarm", _at(repo, rev))
        return "" if found is None else found[0].decode("utf-8", "replace")

    def raise_alarm(self, repo: RepoId, rev: str, says: str, now: int) -> None:
        """Store what contradicts the pins of a revision."""
        self._records.put("alarm", self._key(_at(repo, rev), private=False), says[:2000].encode(), now)

    def recalled(self, repo: RepoId, revision: str) -> str:
        """Return why a revision or ref was recalled, empty if it was not."""
        found = self._raw(RECALLED, recall_key(repo, revision))
        return "" if found is None else found[0].decode("utf-8", "replace")

    def recall(self, repo: RepoId, revision: str, says: str, now: int) -> None:
        """Store that a revision or ref was recalled; with an empty text, that it is not any more."""
        key = self._key(recall_key(repo, revision), private=False)
        if says:
            self._records.put(RECALLED, key, says[:2000].encode(), now)
        else:
            self._records.delete(RECALLED, key)

    # How.

    def _key(self, key: str, *, private: bool) -> str:
        return f"{self._scope}{key}" if private else key

    def _raw(self, kind: str, key: str) -> tuple[bytes, int] | None:
        """Return the caller's own record, else everybody's."""
        found = self._records.get(kind, f"{self._scope}{key}") if self._scope else None
        return found or self._records.get(kind, key)

    def _get(self, kind: str, key: str) -> tuple[dict[str, Any], int] | None:
        found = self._raw(kind, key)
        if found is None:
            return None
        try:
            told = json.loads(_unpacked(found[0]))
        except (ValueError, RecursionError) as error:
            raise StorageError(f"the record {kind} {key} of the held store is damaged: {str(error)[:100]}") from error
        if type(told) is not dict or told.get("v") != _VERSION:
            raise StorageError(f"the record {kind} {key} of the held store is of another version")
        return told, found[1]

    def _put(self, kind: str, key: str, told: Mapping[str, Any], at: int, *, private: bool) -> None:
        data = zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 1)
        self._records.put(kind, self._key(key, private=private), data, at)


def recall_key(repo: RepoId, revision: str) -> str:
    """Return the key of a record that a revision or ref was recalled; the origin of `repo` does not matter."""
    return f"{_unowned(repo)}@{revision}"


def scopes(records: Records, repo: RepoId, rev: str) -> list[str]:
    """Return the scopes of all callers to whom a revision was shown that not everybody may see; its origin does not matter."""
    found = (key.partition(_SCOPED) for key in records.keys("revision") if key.endswith(f"/{_unowned(repo)}@{rev}"))
    return [f"{scope}{_SCOPED}" for scope, scoped, _ in found if scoped]


def parse_rows(rows: Sequence[Any]) -> dict[str, FilePin]:
    """Return file pins from their rows; raises ValueError, TypeError, BadPath or BadDigest."""
    found = {}
    for path, size, git_oid, lfs, sha256, xet in rows:
        pin = FilePin(
            parse_path(path),
            int(size),
            parse_git_oid(git_oid),
            bool(lfs),
            None if sha256 is None else parse_sha256(sha256),
            None if xet is None else parse_xet(xet),
        )
        found[pin.path] = pin
    return found


def _revision(told: Mapping[str, Any], at: int) -> KnownRevision:
    try:
        origin, kind, path = told["repo"]
        return KnownRevision(
            parse_repo_id(parse_origin(origin), parse_repo_type(kind), path),
            parse_git_oid(told["rev"]),
            parse_rows(told["files"]),
            None if told["tree"] is None else parse_sha256(told["tree"]),
            dict(told["claims"]),
            int(told["first"]),
            at,
            bool(told["private"]),
        )
    except (ValueError, KeyError, TypeError, HanseError) as error:
        raise StorageError(f"a revision in the held store is damaged: {str(error)[:100]}") from error


def _unpacked(data: bytes) -> bytes:
    state = zlib.decompressobj()
    try:
        found = state.decompress(data, MAX_RECORD_BYTES)
    except zlib.error as error:
        raise StorageError("a record of the held store is damaged") from error
    if not state.eof:
        raise StorageError("a record of the held store is too large")
    return found


def _file_row(pin: FilePin) -> tuple[str, int, GitOid, bool, Sha256 | None, XetHash | None]:
    return pin.path, pin.size, pin.git_oid, pin.lfs, pin.sha256, pin.xet


def _repo_row(repo: RepoId) -> tuple[str, str, str]:
    return repo.origin, repo.type.value, repo.path


def _named(repo: RepoId) -> str:
    return f"{repo.origin}/{_unowned(repo)}"


def _unowned(repo: RepoId) -> str:
    return f"{repo.type.value}/{repo.folded}"


def _at(repo: RepoId, rev: str) -> str:
    return f"{_named(repo)}@{rev}"
