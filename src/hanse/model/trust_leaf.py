"""Leaves of the trust layer: `attest`, `withdraw`, `snapshot`, `advisory` and `member`.

Decisions taken here, where the design leaves room:

- `must` is true for `snapshot`, `advisory` and the `attest` leaf of a position: what is latest and allowed depends on them.
  It is false for other `attest` leaves, for `withdraw` (it withholds bytes in one place) and for `member`.
- The owner of a namespace signs a position by an `attest` leaf that also has `ref` and `seq`. Its payload is the statement of
  `hanse.model.ref_statement`, which is rebuilt from the leaf.
- Concealed: repo, rev, tree, the payload's digest, and with them `key` (an owner's key tells the namespace) and `sig` (whoever
  guesses the payload could check his guess by it); the payload's size is left out.
- A `member` leaf of version 2 names its federation. One of version 1 does not, and is read as it was written.
- A withdrawal is of one revision (`rev` and `tree`) or of the whole repository (neither). Its reason is one of a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from hanse.errors import BadFormat
from hanse.model.digest import GitOid, Sha256, parse_git_oid, parse_sha256
from hanse.model.leaf_fields import (
    MAX_INT,
    Payload,
    check_head,
    check_ref,
    check_seq,
    check_time,
    enum,
    integer,
    only,
    optional_text,
    parse_base64,
    payload,
    text,
)
from hanse.model.ref_statement import REF_PREDICATE
from hanse.model.repo import Origin, RefName, RepoType

MAX_PREDICATE = 200
MAX_ADVISORY_ID = 120
NAMED_VERSION = 2
"""Version of `member` leaves that name their federation."""
_MEMBER_FIELDS = frozenset({"role", "version", "payload"})
_ATTEST_FIELDS = frozenset({"origin", "type", "repo", "rev", "tree", "predicate", "payload", "key", "sig"})
_WITHDRAW_FIELDS = frozenset({"origin", "type", "repo", "op"})
_ID_CHARS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")


class AdvisoryOp(str, Enum):
    """Whether an advisory is in force from here on, or no longer."""

    PUBLISH = "publish"
    RETRACT = "retract"


class WithdrawOp(str, Enum):
    """Whether bytes are refused from here on, or served again."""

    WITHDRAW = "withdraw"
    RESTORE = "restore"


class Reason(str, Enum):
    """Why bytes are withdrawn."""

    MALICIOUS = "malicious"
    VULNERABLE = "vulnerable"
    LICENSE = "license"
    LEGAL = "legal-takedown"
    PRIVACY = "privacy"
    KEY = "key-compromise"
    SUPERSEDED = "superseded"
    OTHER = "other"


class MemberRole(str, Enum):
    """Which TUF metadata of the federation a `member` leaf names."""

    ROOT = "root"
    TARGETS = "targets"


@dataclass(frozen=True, slots=True)
class AttestLeaf:
    """A statement about a revision was signed.

    time: seconds since 1970-01-01 UTC; repo, rev, tree: as in `RefLeaf`; predicate: the statement's predicate type; payload: the
    statement; key: fingerprint of the signer; sig: signature of the DSSE envelope in base64. ref and seq: set together, for a
    position that the owner signs. In a concealed leaf repo, rev, tree, payload, key, sig and ref are HMACs in hex.

    Raises BadFormat, BadRepoId, BadDigest or TooLarge on construction if a field is out of its bounds.
    """

    kind: ClassVar[str] = "attest"
    hidden: ClassVar[tuple[str, ...]] = ("repo", "rev", "tree", "payload", "key", "sig", "ref")

    time: int
    origin: Origin
    type: RepoType
    repo: str
    rev: GitOid | Sha256
    tree: Sha256
    predicate: str
    payload: Payload
    key: Sha256
    sig: str
    ref: RefName | Sha256 | None = None
    seq: int | None = None

    def __post_init__(self) -> None:
        check_head(self.time, self.origin, self.repo)
        parse_sha256(self.tree)
        parse_sha256(self.key)
        _check_predicate(self.predicate)
        if (self.payload.size is None) != self.concealed:
            raise BadFormat("the payload of an attest leaf has a size, unless the leaf is concealed")
        if self.concealed:
            parse_sha256(self.rev)
            parse_sha256(self.sig)
        else:
            parse_git_oid(self.rev)
            parse_base64(self.sig, "sig")
        self._check_position()

    def _check_position(self) -> None:
        if (self.ref is None) != (self.seq is None) or (self.ref is None) != (self.predicate != REF_PREDICATE):
            raise BadFormat(f"an attest leaf has ref and seq exactly if its predicate is {REF_PREDICATE}")
        if self.ref is None or self.seq is None:
            return
        check_seq(self.seq)
        if self.concealed:
            parse_sha256(self.ref)
        else:
            check_ref(self.ref)

    @property
    def must(self) -> bool:
        """Whether what is latest depends on it: the owner signs a position."""
        return self.ref is not None

    @property
    def concealed(self) -> bool:
        """Whether the identifying fields are HMACs (a repository that is not public)."""
        return "/" not in self.repo

    def body(self) -> dict[str, Any]:
        """Return the fields of the JSON object but its head."""
        fields: dict[str, Any] = {"origin": self.origin, "type": self.type.value, "repo": self.repo, "rev": self.rev}
        fields |= {"tree": self.tree, "predicate": self.predicate, "payload": self.payload.json()}
        fields |= {"key": self.key, "sig": self.sig}
        return fields | ({} if self.ref is None else {"ref": self.ref, "seq": self.seq})


@dataclass(frozen=True, slots=True)
class SnapshotLeaf:
    """The roots of the map of all refs and of the map of all advisories in force, after every leaf before this one.

    Raises BadFormat or BadDigest on construction if a field is out of its bounds.
    """

    kind: ClassVar[str] = "snapshot"
    must: ClassVar[bool] = True

    time: int
    refs: Sha256
    advisories: Sha256

    def __post_init__(self) -> None:
        check_time(self.time)
        parse_sha256(self.refs)
        parse_sha256(self.advisories)

    def body(self) -> dict[str, Any]:
        """Return the fields of the JSON object but its head."""
        return {"refs": self.refs, "advisories": self.advisories}


@dataclass(frozen=True, slots=True)
class AdvisoryLeaf:
    """An advisory was published, or published anew, or retracted.

    id: 1 to 120 of letters, digits, `-`, `.` and `_`; payload: the statement with the OSV record; key: fingerprint of the signer;
    sig: signature of the DSSE envelope in base64. Raises BadFormat, BadDigest or TooLarge on construction.
    """

    kind: ClassVar[str] = "advisory"
    must: ClassVar[bool] = True

    time: int
    id: str
    op: AdvisoryOp
    payload: Payload
    key: Sha256
    sig: str

    def __post_init__(self) -> None:
        check_time(self.time)
        if not 1 <= len(self.id) <= MAX_ADVISORY_ID or not _ID_CHARS.issuperset(self.id):
            raise BadFormat(f"id of an advisory is 1 to {MAX_ADVISORY_ID} letters, digits, - . and _, got {self.id[:80]!r}")
        if self.payload.size is None:
            raise BadFormat("the payload of an advisory has a size")
        parse_sha256(self.key)
        parse_base64(self.sig, "sig")

    def body(self) -> dict[str, Any]:
        """Return the fields of the JSON object but its head."""
        return {"id": self.id, "op": self.op.value, "payload": self.payload.json(), "key": self.key, "sig": self.sig}


@dataclass(frozen=True, slots=True)
class WithdrawLeaf:
    """The node refuses the bytes of a revision, or of a repository (rev and tree None), or serves them again.

    reason: set exactly if op is withdraw. In a concealed leaf repo, rev and tree are HMACs in hex. Raises BadFormat, BadRepoId or
    BadDigest on construction if a field is out of its bounds.
    """

    kind: ClassVar[str] = "withdraw"
    must: ClassVar[bool] = False
    hidden: ClassVar[tuple[str, ...]] = ("repo", "rev", "tree")

    time: int
    origin: Origin
    type: RepoType
    repo: str
    op: WithdrawOp
    reason: Reason | None = None
    rev: GitOid | Sha256 | None = None
    tree: Sha256 | None = None

    def __post_init__(self) -> None:
        check_head(self.time, self.origin, self.repo)
        if (self.op is WithdrawOp.WITHDRAW) != (self.reason is not None):
            raise BadFormat("a withdraw leaf has a reason exactly if its op is withdraw")
        if self.rev is None or self.tree is None:
            if self.rev is not None or self.tree is not None:
                raise BadFormat("a withdraw leaf has rev and tree, or neither")
            return
        parse_sha256(self.tree)
        if self.concealed:
            parse_sha256(self.rev)
        else:
            parse_git_oid(self.rev)

    @property
    def concealed(self) -> bool:
        """Whether the identifying fields are HMACs (a repository that is not public)."""
        return "/" not in self.repo

    def body(self) -> dict[str, Any]:
        """Return the fields of the JSON object but its head."""
        fields: dict[str, Any] = {"origin": self.origin, "type": self.type.value, "repo": self.repo, "op": self.op.value}
        if self.reason is not None:
            fields["reason"] = self.reason.value
        return fields | ({} if self.rev is None else {"rev": self.rev, "tree": self.tree})


@dataclass(frozen=True, slots=True)
class MemberLeaf:
    """A version of the federation's TUF metadata was seen: role, its version from 1, and the metadata file as payload.

    federation: fingerprint of its first root; None in a leaf of version 1, which names none. Raises BadFormat or BadDigest on
    construction if a field is out of its bounds.
    """

    kind: ClassVar[str] = "member"
    must: ClassVar[bool] = False

    time: int
    role: MemberRole
    version: int
    payload: Payload
    federation: Sha256 | None = None

    def __post_init__(self) -> None:
        check_time(self.time)
        if self.federation is not None:
            parse_sha256(self.federation)
        if not 1 <= self.version <= MAX_INT:
            raise BadFormat(f"version of a member leaf must be from 1 to 2^53 - 1, got {self.version}")
        if self.payload.size is None:
            raise BadFormat("the payload of a member leaf has a size")

    def body(self) -> dict[str, Any]:
        """Return the fields of the JSON object but its head."""
        fields: dict[str, Any] = {"role": self.role.value, "version": self.version, "payload": self.payload.json()}
        return fields if self.federation is None else fields | {"v": NAMED_VERSION, "federation": self.federation}


def parse_attest_leaf(fields: dict[str, Any], time: int) -> AttestLeaf:
    """Return the `attest` leaf with the fields of a JSON object; raises BadFormat, BadRepoId, BadDigest or TooLarge."""
    only(fields, _ATTEST_FIELDS, ("ref", "seq"))
    ref = optional_text(fields, "ref")
    return AttestLeaf(
        time=time,
        origin=Origin(text(fields, "origin")),
        type=enum(RepoType, fields, "type"),
        repo=text(fields, "repo"),
        rev=GitOid(text(fields, "rev")),
        tree=Sha256(text(fields, "tree")),
        predicate=text(fields, "predicate"),
        payload=payload(fields),
        key=Sha256(text(fields, "key")),
        sig=text(fields, "sig"),
        ref=None if ref is None else RefName(ref),
        seq=integer(fields, "seq") if "seq" in fields else None,
    )


def parse_snapshot_leaf(fields: dict[str, Any], time: int) -> SnapshotLeaf:
    """Return the `snapshot` leaf with the fields of a JSON object; raises BadFormat or BadDigest."""
    only(fields, frozenset({"refs", "advisories"}))
    return SnapshotLeaf(time, Sha256(text(fields, "refs")), Sha256(text(fields, "advisories")))


def parse_advisory_leaf(fields: dict[str, Any], time: int) -> AdvisoryLeaf:
    """Return the `advisory` leaf with the fields of a JSON object; raises BadFormat, BadDigest or TooLarge."""
    only(fields, frozenset({"id", "op", "payload", "key", "sig"}))
    op, key = enum(AdvisoryOp, fields, "op"), Sha256(text(fields, "key"))
    return AdvisoryLeaf(time, text(fields, "id"), op, payload(fields), key, text(fields, "sig"))


def parse_withdraw_leaf(fields: dict[str, Any], time: int) -> WithdrawLeaf:
    """Return the `withdraw` leaf with the fields of a JSON object; raises BadFormat, BadRepoId or BadDigest."""
    only(fields, _WITHDRAW_FIELDS, ("reason", "rev", "tree"))
    rev, tree = optional_text(fields, "rev"), optional_text(fields, "tree")
    return WithdrawLeaf(
        time=time,
        origin=Origin(text(fields, "origin")),
        type=enum(RepoType, fields, "type"),
        repo=text(fields, "repo"),
        op=enum(WithdrawOp, fields, "op"),
        reason=enum(Reason, fields, "reason") if "reason" in fields else None,
        rev=None if rev is None else GitOid(rev),
        tree=None if tree is None else Sha256(tree),
    )


def parse_member_leaf(fields: dict[str, Any], time: int) -> MemberLeaf:
    """Return the `member` leaf of version 1 with the fields of a JSON object; raises BadFormat or BadDigest."""
    only(fields, _MEMBER_FIELDS)
    return MemberLeaf(time, enum(MemberRole, fields, "role"), integer(fields, "version"), payload(fields))


def parse_named_member_leaf(fields: dict[str, Any], time: int) -> MemberLeaf:
    """Return the `member` leaf of version 2 with the fields of a JSON object; raises BadFormat or BadDigest."""
    only(fields, _MEMBER_FIELDS | {"federation"})
    role, named = enum(MemberRole, fields, "role"), Sha256(text(fields, "federation"))
    return MemberLeaf(time, role, integer(fields, "version"), payload(fields), named)


def _check_predicate(uri: str) -> None:
    """Accept an https URI of printable ASCII, so that a leaf never holds free text."""
    if not uri.startswith("https://") or len(uri) > MAX_PREDICATE or not all("!" <= char <= "~" for char in uri):
        raise BadFormat(f"predicate is an https URI of at most {MAX_PREDICATE} characters, got {uri[:80]!r}")
