"""Leaves about refs and repositories: `ref` and `repo`.

Decisions taken here, where the design leaves room:

- `must` is true for both: they decide what "latest" is. Another value is refused.
- `seq` starts at 1 with `prev` all zeros; every later leaf of the chain has both.
- `repo` is `namespace/name` in ASCII lower case. A concealed leaf has 64 hex digits there, without a slash, and by that is
  recognised; a leaf is concealed in all of its identifying fields or in none.
- A deleted ref has all-zero `rev` and `tree`. Concealment hides this too: only who has the salt sees it.
- `key` and `sig` are there together or not at all; the signature covers the leaf as it is written, concealed or not, without
  `sig`, so it says nothing to those who cannot read the leaf.
- `to` of a `repo` leaf: the new `namespace/name` (rename, transfer), the new visibility (visibility), absent otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from hanse.errors import BadFormat
from hanse.model.digest import NO_SHA256, GitOid, Sha256, parse_git_oid, parse_sha256
from hanse.model.leaf_fields import (
    check_head,
    check_name,
    check_ref,
    check_seq,
    enum,
    integer,
    leaf_bytes,
    only,
    optional_text,
    parse_base64,
    parse_time,
    text,
)
from hanse.model.repo import Origin, RefName, RepoType, Visibility

_REF_FIELDS = frozenset({"origin", "type", "repo", "ref", "seq", "prev", "rev", "revKind", "tree"})
_REPO_FIELDS = frozenset({"origin", "type", "repo", "op"})
_TEXT = rb'"([ !#-\[\]-~]+)",'
"""A text of ASCII that JSON writes as it is."""
_USUAL = re.compile(
    rb'\{(?:"key":"([0-9a-f]{64})",)?"kind":"ref","must":true,"origin":'
    + _TEXT
    + rb'"prev":"([0-9a-f]{64})","ref":'
    + _TEXT
    + rb'"repo":'
    + _TEXT
    + rb'"rev":"([0-9a-f]{40,64})","revKind":"([a-z]+)","seq":([1-9][0-9]{0,14}),(?:"sig":"([A-Za-z0-9+/=]+)",)?"time":'
    + _TEXT
    + rb'"tree":"([0-9a-f]{64})","type":"([a-z]+)","v":1\}'
).fullmatch
_VISIBILITIES = frozenset(item.value for item in Visibility)
_NAMED_TYPES = {item.value.encode(): item for item in RepoType}


class RevKind(str, Enum):
    """Whether a commit id was computed here from the files, or is what an upstream says."""

    COMPUTED = "computed"
    CLAIMED = "claimed"


class RepoOp(str, Enum):
    """What happened to a repository as a whole."""

    CREATE = "create"
    RENAME = "rename"
    TRANSFER = "transfer"
    VISIBILITY = "visibility"
    DELETE = "delete"


_NAMED_KINDS = {item.value.encode(): item for item in RevKind}
_NAMING = frozenset({RepoOp.RENAME, RepoOp.TRANSFER})


@dataclass(frozen=True, slots=True)
class RefLeaf:
    """A ref now points at a revision, or is deleted (`rev` and `tree` all zeros).

    time: seconds since 1970-01-01 UTC; repo: `namespace/name` in lower case; ref: full name such as `refs/heads/main`;
    seq: position in the chain of this ref, from 1; prev: hash of the chain's previous leaf, zeros at seq 1; rev: git commit
    id; tree: root of the Merkle map of the revision's files. In a concealed leaf repo, ref, rev and tree are 64 hex digits.
    key: fingerprint of the key that signs, sig: its signature over `signed_bytes` in base64; both empty if nobody signs.

    Raises BadFormat, BadRepoId or BadDigest on construction if a field is out of its bounds.
    """

    kind: ClassVar[str] = "ref"
    must: ClassVar[bool] = True
    hidden: ClassVar[tuple[str, ...]] = ("repo", "ref", "rev", "tree")

    time: int
    origin: Origin
    type: RepoType
    repo: str
    ref: RefName | Sha256
    seq: int
    prev: Sha256
    rev: GitOid | Sha256
    rev_kind: RevKind
    tree: Sha256
    key: str = ""
    sig: str = ""

    def __post_init__(self) -> None:
        check_head(self.time, self.origin, self.repo)
        check_seq(self.seq)
        parse_sha256(self.prev)
        if (self.seq == 1) != (self.prev == NO_SHA256):
            raise BadFormat(f"prev of a ref leaf must be all zeros exactly at seq 1, got {self.prev} at seq {self.seq}")
        parse_sha256(self.tree)
        if self.concealed:
            parse_sha256(self.ref)
            parse_sha256(self.rev)
        else:
            check_ref(self.ref)
            parse_git_oid(self.rev)
        if self.key:
            parse_sha256(self.key)
        if self.sig:
            if not self.key:
                raise BadFormat("a ref leaf with sig needs key")
            parse_base64(self.sig, "sig")

    @property
    def concealed(self) -> bool:
        """Whether the identifying fields are HMACs (a repository that is not public)."""
        return "/" not in self.repo

    def body(self) -> dict[str, Any]:
        """Return the fields of the JSON object but its head."""
        fields = {"origin": self.origin, "type": self.type.value, "repo": self.repo, "ref": self.ref, "seq": self.seq}
        fields |= {"prev": self.prev, "rev": self.rev, "revKind": self.rev_kind.value, "tree": self.tree}
        return fields | ({"key": self.key, "sig": self.sig} if self.key else {})


@dataclass(frozen=True, slots=True)
class RepoLeaf:
    """A repository was created, renamed, transferred, deleted, or changed its visibility.

    time: seconds since 1970-01-01 UTC; repo: `namespace/name` in lower case before the change; to: the new
    `namespace/name` for rename and transfer, the new visibility for visibility, None otherwise. In a concealed leaf repo
    and to are 64 hex digits.

    Raises BadFormat, BadRepoId or BadDigest on construction if a field is out of its bounds.
    """

    kind: ClassVar[str] = "repo"
    must: ClassVar[bool] = True
    hidden: ClassVar[tuple[str, ...]] = ("repo", "to")

    time: int
    origin: Origin
    type: RepoType
    repo: str
    op: RepoOp
    to: str | None = None

    def __post_init__(self) -> None:
        check_head(self.time, self.origin, self.repo)
        wanted = self.op in _NAMING or self.op is RepoOp.VISIBILITY
        if wanted != (self.to is not None):
            raise BadFormat(f"a repo leaf of op {self.op.value} must {'have' if wanted else 'not have'} the field to")
        if self.to is None:
            return
        if self.concealed:
            parse_sha256(self.to)
        elif self.op in _NAMING:
            check_name(self.to)
        elif self.to not in _VISIBILITIES:
            raise BadFormat(f"to of a leaf has the unknown value {self.to[:40]!r}")

    @property
    def concealed(self) -> bool:
        """Whether the identifying fields are HMACs (a repository that is not public)."""
        return "/" not in self.repo

    def body(self) -> dict[str, Any]:
        """Return the fields of the JSON object but its head."""
        fields = {"origin": self.origin, "type": self.type.value, "repo": self.repo, "op": self.op.value}
        return fields | ({} if self.to is None else {"to": self.to})


def signed_bytes(leaf: RefLeaf) -> bytes:
    """Return what the signature of a ref leaf covers: its canonical bytes as it is written, with `key` and without `sig`.

    Raises BadFormat if the leaf names no key.
    """
    if not leaf.key:
        raise BadFormat("a ref leaf is signed with its key named in it")
    return leaf_bytes(leaf, without="sig")


def signed_part(data: bytes, sig: str) -> bytes:
    """Return `signed_bytes` of the leaf that has the canonical bytes `data` and the signature `sig`, without writing it anew."""
    # A quote inside a text is escaped, so only the field itself looks like this, and "time" follows it.
    return data.replace(b'"sig":"%s",' % sig.encode(), b"", 1)


def parse_ref_leaf(fields: dict[str, Any], time: int) -> RefLeaf:
    """Return the `ref` leaf with the fields of a JSON object; raises BadFormat, BadRepoId or BadDigest."""
    only(fields, _REF_FIELDS, ("key", "sig"))
    if ("key" in fields) != ("sig" in fields) or "" in (fields.get("key"), fields.get("sig")):
        raise BadFormat("a ref leaf has key and sig, or neither")
    return RefLeaf(
        time=time,
        origin=Origin(text(fields, "origin")),
        type=enum(RepoType, fields, "type"),
        repo=text(fields, "repo"),
        ref=RefName(text(fields, "ref")),
        seq=integer(fields, "seq"),
        prev=Sha256(text(fields, "prev")),
        rev=GitOid(text(fields, "rev")),
        rev_kind=enum(RevKind, fields, "revKind"),
        tree=Sha256(text(fields, "tree")),
        key=optional_text(fields, "key") or "",
        sig=optional_text(fields, "sig") or "",
    )


def usual_ref_leaf(data: bytes) -> RefLeaf | None:
    """Return the leaf of nearly all `ref` leaves: canonical bytes without escapes; None for whatever else, true or not.

    What it returns is what reading the JSON gives, for a fraction of the time. Raises as `RefLeaf` does.
    """
    found = _USUAL(data)
    if found is None or found[7] not in _NAMED_KINDS or found[12] not in _NAMED_TYPES or (found[1] is None) != (found[9] is None):
        return None
    key, origin, prev, ref, repo, rev, kind, seq, sig, time, tree, type_ = found.groups(b"")
    return RefLeaf(
        time=parse_time(time.decode()),
        origin=Origin(origin.decode()),
        type=_NAMED_TYPES[type_],
        repo=repo.decode(),
        ref=RefName(ref.decode()),
        seq=int(seq),
        prev=Sha256(prev.decode()),
        rev=GitOid(rev.decode()),
        rev_kind=_NAMED_KINDS[kind],
        tree=Sha256(tree.decode()),
        key=key.decode(),
        sig=sig.decode(),
    )


def parse_repo_leaf(fields: dict[str, Any], time: int) -> RepoLeaf:
    """Return the `repo` leaf with the fields of a JSON object; raises BadFormat, BadRepoId or BadDigest."""
    only(fields, _REPO_FIELDS, ("to",))
    return RepoLeaf(
        time=time,
        origin=Origin(text(fields, "origin")),
        type=enum(RepoType, fields, "type"),
        repo=text(fields, "repo"),
        op=enum(RepoOp, fields, "op"),
        to=optional_text(fields, "to"),
    )
