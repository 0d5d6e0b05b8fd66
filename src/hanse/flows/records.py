"""Revision objects and the smaller records beside them: what the journal's leaves mean, in clear, never served.

Leaves hold digests, and of repositories that are not public only HMACs. Everything that `hanse admin rebuild` needs to know
besides lies in immutable JSON objects named by the SHA-256 of their bytes (`revisions/<sha256>`):

* `revision`: a commit with its git text and its files, either all of them (a snapshot) or as a delta to another revision;
* `refs`: changes of refs without a new commit, where the leaf does not say everything (concealed leaves, tag messages);
* `repo`: a change of a repository as a whole: names as spelled, visibility, salt.

Deltas skip: the revision `step` steps after its snapshot is a delta to the one whose step is `step` without its lowest 1
bit. A listing is therefore read from at most as many objects as `step` has 1 bits, and a change is written again at most
once for each bit of `step`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from hanse.errors import BadFormat, DigestMismatch, TooLarge
from hanse.model.digest import GitOid, Sha256, XetHash, parse_git_oid, parse_sha256, parse_xet
from hanse.model.entry import Entry
from hanse.model.repo import Origin, RepoId, RepoType, parse_origin, parse_path, parse_repo_id
from hanse.store.base import BlobStore
from hanse.store.keys import revision_key

RECORD_VERSION = 1
MAX_RECORD_BYTES = 1024 * 1024 * 1024
"""Largest record read or written: about four million files."""
MAX_STEP = 2**20 - 1
"""A chain of deltas ends in a snapshot after at most 20 objects."""

EntryRow = tuple[str, int, str, str, str, bool]
"""path, size, sha256, xet, git blob id, lfs."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What every record says first: format version, the repository as spelled, its salt in hex ("" while public)."""

    v: int = RECORD_VERSION
    origin: str
    type: str
    repo: str
    salt: str

    @property
    def repo_id(self) -> RepoId:
        """The repository; raises BadRepoId or BadFormat unless well formed."""
        try:
            kind = RepoType(self.type)
        except ValueError as error:
            raise BadFormat(f"a record names the repository type {self.type[:40]!r}") from error
        return parse_repo_id(Origin(parse_origin(self.origin)), kind, self.repo)


class ClaimedWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an upstream says of a commit of its own, whose text and id nobody here can compute; time: seconds since 1970."""

    title: str
    message: str
    author: str
    time: int


class RevisionRecord(Head, frozen=True, kw_only=True, tag="revision", tag_field="kind", forbid_unknown_fields=True):
    """A commit: ref it was made on, ids, git commit object text, and its files.

    claimed: what an upstream says of a commit; the text is empty then, and the id is the upstream's word.
    files, bytes: number and total size of its files. step: 0 for a snapshot, else the number of deltas since it; base: the
    SHA-256 of the record that `puts` and `deletes` change; weight: number of changes since the snapshot; size: number of
    files of the snapshot.
    """

    ref: str
    parent: str | None
    rev: str
    tree: str
    commit: str
    files: int
    bytes: int
    step: int
    weight: int
    size: int
    base: str | None
    puts: list[EntryRow]
    deletes: list[str]
    claimed: ClaimedWords | msgspec.UnsetType = msgspec.UNSET


class RefsRecord(Head, frozen=True, kw_only=True, tag="refs", tag_field="kind", forbid_unknown_fields=True):
    """Refs were created, moved or deleted (all-zero rev and tree) without a new commit.

    refs: name, commit id, tree, and the message of an annotated tag.
    """

    refs: list[tuple[str, str, str, str]]


class RepoRecord(Head, frozen=True, kw_only=True, tag="repo", tag_field="kind", forbid_unknown_fields=True):
    """A repository was created, renamed, deleted, restored or made visible to others.

    repo, salt: before; to: name after, as spelled; visibility, new_salt: after; leaf: hash of the leaf that logs it;
    restores: hash of the leaf that logs the deletion which this creation undoes.
    """

    op: str
    to: str
    visibility: str
    new_salt: str
    leaf: str
    restores: str | msgspec.UnsetType = msgspec.UNSET


Record = RevisionRecord | RefsRecord | RepoRecord
_decoder = msgspec.json.Decoder(Record)


def head_fields(repo: RepoId, salt: bytes | None) -> dict[str, Any]:
    """Return the fields of `Head` for a repository."""
    return {"origin": repo.origin, "type": repo.type.value, "repo": repo.path, "salt": (salt or b"").hex()}


def row_of(entry: Entry) -> EntryRow:
    """Return the row of an entry in a record."""
    return (entry.path, entry.size, entry.sha256, entry.xet, entry.git_oid, entry.lfs)


def entry_of(row: EntryRow) -> Entry:
    """Return the entry of a row; raises BadPath, BadDigest or BadFormat."""
    path, size, digest, xet, oid, lfs = row
    if not 0 <= size < 2**53:
        raise BadFormat(f"a file of a revision has 0 to 2^53 - 1 bytes, got {size}")
    return Entry(parse_path(path), size, parse_sha256(digest), parse_xet(xet), parse_git_oid(oid), lfs)


def trusted_entry(row: EntryRow) -> Entry:
    """Return the entry of a row of a record that this node wrote and whose digest was checked."""
    path, size, digest, xet, oid, lfs = row
    return Entry(path, size, Sha256(digest), XetHash(xet), GitOid(oid), lfs)


def encode(record: Record) -> tuple[Sha256, bytes]:
    """Return the name and the bytes of a record; raises TooLarge above 1 GiB."""
    data = msgspec.json.encode(record, order="sorted")
    if len(data) > MAX_RECORD_BYTES:
        raise TooLarge(f"a revision object has at most {MAX_RECORD_BYTES} bytes, got {len(data)}", hint="use fewer files")
    return Sha256(sha256(data).hexdigest()), data


def parse(data: bytes) -> Record:
    """Return the record written in `data`; raises BadFormat or TooLarge."""
    if len(data) > MAX_RECORD_BYTES:
        raise TooLarge(f"a revision object has at most {MAX_RECORD_BYTES} bytes, got {len(data)}")
    try:
        record: Record = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFormat(f"a revision object does not parse: {error}") from error
    if record.v != RECORD_VERSION:
        raise BadFormat(f"a revision object has version {record.v}, expected {RECORD_VERSION}", hint="upgrade this node")
    if isinstance(record, RevisionRecord):
        _check_steps(record)
        if (record.claimed is msgspec.UNSET) == (not record.commit):
            raise BadFormat("a revision object has the text of its commit, or else what an upstream says of it")
    return record


def _check_steps(record: RevisionRecord) -> None:
    if (
        not 0 <= record.step <= MAX_STEP
        or (record.step == 0) != (record.base is None)
        or (record.base is None and record.deletes)
    ):
        raise BadFormat(f"a revision object of step {record.step} must be a snapshot at step 0 and a delta otherwise")
    if record.base is not None:
        parse_sha256(record.base)


def save(store: BlobStore, record: Record) -> Sha256:
    """Store a record durably and return its name."""
    digest, data = encode(record)
    store.put(revision_key(digest), data)
    return digest


def load(store: BlobStore, digest: Sha256) -> Record:
    """Return the record named `digest`; raises BlobNotFound, DigestMismatch if its bytes changed, or as `parse`."""
    key = revision_key(digest)
    if (store.size(key) or 0) > MAX_RECORD_BYTES:
        raise TooLarge(f"revision object {digest} has more than {MAX_RECORD_BYTES} bytes")
    data = store.get(key)
    found = sha256(data).hexdigest()
    if found != digest:
        raise DigestMismatch(f"revision object {digest} has the digest {found}", hint="run hanse admin fsck")
    return parse(data)


def load_revision(store: BlobStore, digest: Sha256) -> RevisionRecord:
    """Return the revision record named `digest`; raises as `load`, and BadFormat if it is of another kind."""
    record = load(store, digest)
    if not isinstance(record, RevisionRecord):
        raise BadFormat(f"object {digest} is no revision")
    return record


def load_chain(store: BlobStore, digest: Sha256) -> list[tuple[Sha256, RevisionRecord]]:
    """Return the records from which a listing is read: the snapshot first, then the deltas that lead to `digest`.

    Raises as `load_revision`; BadFormat if the deltas do not skip as they must (so that no chain is long or circular).
    """
    chain = [(digest, load_revision(store, digest))]
    while (base := chain[-1][1].base) is not None:
        below = load_revision(store, Sha256(base))
        above = chain[-1][1]
        if below.step != above.step & (above.step - 1):
            raise BadFormat(f"revision object {base} of step {below.step} cannot be the base of one of step {above.step}")
        chain.append((Sha256(base), below))
    return chain[::-1]
