"""Leaf records: what the journal, and later the transparency log, says about refs and repositories.

A leaf is one JSON object in the canonical form of RFC 8785, without free text and without personal data. A field that does
not apply is absent, integers stay below 2^53, times are RFC 3339 UTC with whole seconds, hashes are lower-case hex. A
written leaf is never rewritten. `docs/journal.md` shows each kind.

Decisions taken here, where the design leaves room:

- `v` is 1. A leaf of another version is carried as `UnknownLeaf`, whatever its kind, because its fields cannot be trusted
  to mean the same.
- `must` is true for `ref` and `repo`: both decide what "latest" is. Another value is refused for these kinds.
- A kind known here is parsed strictly: a missing or additional field, or bytes that are not canonical, are refused.
- `seq` starts at 1 with `prev` all zeros; every later leaf of the chain has both.
- `repo` is `namespace/name` in ASCII lower case. A concealed leaf has 64 hex digits there, without a slash, and by that is
  recognised; a leaf is concealed in all of its identifying fields or in none.
- A deleted ref has all-zero `rev` and `tree`. Concealment hides this too: only who has the salt sees it.
- `to` of a `repo` leaf: the new `namespace/name` (rename, transfer), the new visibility (visibility), absent otherwise.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from hashlib import sha256
from typing import Any, TypeVar

from hanse.errors import BadFormat, TooLarge
from hanse.model.canonical import canonical, parse_canonical
from hanse.model.digest import NO_SHA256, GitOid, Sha256, parse_git_oid, parse_sha256
from hanse.model.repo import (
    Origin,
    RefName,
    RepoType,
    Visibility,
    parse_origin,
    parse_ref_part,
    parse_repo_id,
)

LEAF_VERSION = 1
MAX_LEAF_BYTES = 65_535
"""Largest leaf a tlog-tiles entry bundle can hold (its length prefix is a uint16)."""
MAX_OWN_LEAF_BYTES = 2_047
"""Largest leaf written here."""
SALT_BYTES = 32
_MAX_INT = 2**53 - 1
_MAX_TIME = 253_402_300_799  # 9999-12-31T23:59:59Z, the last second RFC 3339 can write
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_REF_FIELDS = frozenset({"v", "kind", "must", "time", "origin", "type", "repo", "ref", "seq", "prev", "rev", "revKind", "tree"})
_REPO_FIELDS = frozenset({"v", "kind", "must", "time", "origin", "type", "repo", "op"})


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


_NAMING = frozenset({RepoOp.RENAME, RepoOp.TRANSFER})


@dataclass(frozen=True, slots=True)
class RefLeaf:
    """A ref now points at a revision, or is deleted (`rev` and `tree` all zeros).

    time: seconds since 1970-01-01 UTC; repo: `namespace/name` in lower case; ref: full name such as `refs/heads/main`;
    seq: position in the chain of this ref, from 1; prev: hash of the chain's previous leaf, zeros at seq 1; rev: git commit
    id; tree: root of the Merkle map of the revision's files. In a concealed leaf repo, ref, rev and tree are 64 hex digits.

    Raises BadFormat, BadRepoId or BadDigest on construction if a field is out of its bounds.
    """

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

    def __post_init__(self) -> None:
        _check_head(self.time, self.origin, self.repo)
        if not 1 <= self.seq <= _MAX_INT:
            raise BadFormat(f"seq of a ref leaf must be from 1 to 2^53 - 1, got {self.seq}")
        parse_sha256(self.prev)
        if (self.seq == 1) != (self.prev == NO_SHA256):
            raise BadFormat(f"prev of a ref leaf must be all zeros exactly at seq 1, got {self.prev} at seq {self.seq}")
        parse_sha256(self.tree)
        if self.concealed:
            parse_sha256(self.ref)
            parse_sha256(self.rev)
        else:
            _check_ref(self.ref)
            parse_git_oid(self.rev)

    @property
    def concealed(self) -> bool:
        """Whether the identifying fields are HMACs (a repository that is not public)."""
        return "/" not in self.repo


@dataclass(frozen=True, slots=True)
class RepoLeaf:
    """A repository was created, renamed, transferred, deleted, or changed its visibility.

    time: seconds since 1970-01-01 UTC; repo: `namespace/name` in lower case before the change; to: the new
    `namespace/name` for rename and transfer, the new visibility for visibility, None otherwise. In a concealed leaf repo
    and to are 64 hex digits.

    Raises BadFormat, BadRepoId or BadDigest on construction if a field is out of its bounds.
    """

    time: int
    origin: Origin
    type: RepoType
    repo: str
    op: RepoOp
    to: str | None = None

    def __post_init__(self) -> None:
        _check_head(self.time, self.origin, self.repo)
        wanted = self.op in _NAMING or self.op is RepoOp.VISIBILITY
        if wanted != (self.to is not None):
            raise BadFormat(f"a repo leaf of op {self.op.value} must {'have' if wanted else 'not have'} the field to")
        if self.to is None:
            return
        if self.concealed:
            parse_sha256(self.to)
        elif self.op in _NAMING:
            _check_name(self.to)
        else:
            _enum(Visibility, self.to, "to")

    @property
    def concealed(self) -> bool:
        """Whether the identifying fields are HMACs (a repository that is not public)."""
        return "/" not in self.repo


@dataclass(frozen=True, slots=True)
class UnknownLeaf:
    """A canonical leaf of a kind or version not known here, carried along byte for byte.

    must: whether "latest" of `repo` (of everything, if repo is None) is undecidable for a reader that does not know the
    kind. origin, type and repo are the leaf's texts as they are, unchecked; raw: the leaf's bytes.
    """

    v: int
    kind: str
    must: bool
    origin: str | None
    type: str | None
    repo: str | None
    raw: bytes


Leaf = RefLeaf | RepoLeaf | UnknownLeaf
"""Any leaf record."""
_Own = TypeVar("_Own", bound=RefLeaf | RepoLeaf)
_Kind = TypeVar("_Kind", bound=Enum)


def leaf_hash(data: bytes) -> bytes:
    """Return the 32-byte Merkle tree leaf hash SHA-256(0x00 || data) of RFC 6962, section 2.1."""
    return sha256(b"\x00" + data).digest()


def leaf_id(data: bytes) -> Sha256:
    """Return the leaf hash in hex: what the next leaf of a chain carries as `prev`."""
    return Sha256(leaf_hash(data).hex())


def encode_leaf(leaf: Leaf) -> bytes:
    """Return the canonical bytes of a leaf; `parse_leaf` of them gives an equal leaf.

    Raises TooLarge if a leaf made here does not stay below 2 KiB (unknown leaves keep the bytes they came with).
    """
    if isinstance(leaf, UnknownLeaf):
        return leaf.raw
    head: dict[str, Any] = {
        "v": LEAF_VERSION,
        "must": True,
        "time": datetime.fromtimestamp(leaf.time, tz=UTC).strftime(_TIME_FORMAT),
        "origin": leaf.origin,
        "type": leaf.type.value,
        "repo": leaf.repo,
    }
    body: dict[str, Any]
    if isinstance(leaf, RefLeaf):
        body = {"kind": "ref", "ref": leaf.ref, "seq": leaf.seq, "prev": leaf.prev}
        body |= {"rev": leaf.rev, "revKind": leaf.rev_kind.value, "tree": leaf.tree}
    else:
        body = {"kind": "repo", "op": leaf.op.value} | ({} if leaf.to is None else {"to": leaf.to})
    data = canonical(head | body)
    if len(data) > MAX_OWN_LEAF_BYTES:
        raise TooLarge(f"a leaf must have at most {MAX_OWN_LEAF_BYTES} bytes, got {len(data)}", hint="use a shorter ref name")
    return data


def parse_leaf(data: bytes) -> Leaf:
    """Return the leaf written in `data`.

    Raises TooLarge above 65,535 bytes; BadFormat, BadRepoId or BadDigest unless `data` is RFC 8785 JSON with the fields of
    its kind. A kind or version not known here gives an `UnknownLeaf`.
    """
    fields = parse_canonical(data, "a leaf", MAX_LEAF_BYTES)
    version, kind, must = fields.get("v"), fields.get("kind"), fields.get("must")
    if type(version) is not int or version < 1 or type(kind) is not str or type(must) is not bool:
        raise BadFormat("a leaf needs v (an integer from 1), kind (a text) and must (true or false)")
    time = _parse_time(_text(fields, "time"))
    if version != LEAF_VERSION or kind not in ("ref", "repo"):
        origin, repo_type, repo = (_optional_text(fields, name) for name in ("origin", "type", "repo"))
        return UnknownLeaf(version, kind, must, origin, repo_type, repo, data)
    if not must:
        raise BadFormat(f"a {kind} leaf must have must = true")
    return _parse_ref(fields, time) if kind == "ref" else _parse_repo(fields, time)


def conceal(leaf: _Own, salt: bytes) -> _Own:
    """Return the leaf as it is written for a repository that is not public.

    repo, ref, rev, tree and to are replaced by `conceal_value` under `salt` (32 bytes, one per repository and visibility
    epoch); time, origin, type, seq, prev, revKind and op stay. `prev` is the hash of the previous leaf as it was written,
    that is of the concealed one. Destroying the salt makes the leaf unreadable for ever.

    Raises BadFormat if the leaf is concealed already or the salt has another length.
    """
    if leaf.concealed:
        raise BadFormat("this leaf is concealed already")
    names = ("repo", "ref", "rev", "tree", "to")
    clear = {name: text for name in names if (text := getattr(leaf, name, None)) is not None}
    hidden: dict[str, Any] = {name: conceal_value(salt, name, text) for name, text in clear.items()}
    return replace(leaf, **hidden)


def conceal_value(salt: bytes, field: str, value: str) -> Sha256:
    """Return HMAC-SHA-256(salt, field || 0x00 || value) in hex, for leaves and map keys of repositories that are not public.

    field: the leaf's field name (`repo`, `ref`, `rev`, `tree`, `to`); value: the text the clear leaf would have, in UTF-8.
    Raises BadFormat unless the salt has 32 bytes and the texts can be written in UTF-8.
    """
    if len(salt) != SALT_BYTES:
        raise BadFormat(f"a salt has {SALT_BYTES} bytes, got {len(salt)}")
    return Sha256(hmac.digest(salt, _utf8(field) + b"\x00" + _utf8(value), "sha256").hex())


def _parse_ref(fields: dict[str, Any], time: int) -> RefLeaf:
    _only(fields, _REF_FIELDS)
    seq = fields["seq"]
    if type(seq) is not int:
        raise BadFormat("seq of a ref leaf must be an integer")
    return RefLeaf(
        time=time,
        origin=Origin(_text(fields, "origin")),
        type=_enum(RepoType, _text(fields, "type"), "type"),
        repo=_text(fields, "repo"),
        ref=RefName(_text(fields, "ref")),
        seq=seq,
        prev=Sha256(_text(fields, "prev")),
        rev=GitOid(_text(fields, "rev")),
        rev_kind=_enum(RevKind, _text(fields, "revKind"), "revKind"),
        tree=Sha256(_text(fields, "tree")),
    )


def _parse_repo(fields: dict[str, Any], time: int) -> RepoLeaf:
    _only(fields, _REPO_FIELDS | ({"to"} & fields.keys()))
    return RepoLeaf(
        time=time,
        origin=Origin(_text(fields, "origin")),
        type=_enum(RepoType, _text(fields, "type"), "type"),
        repo=_text(fields, "repo"),
        op=_enum(RepoOp, _text(fields, "op"), "op"),
        to=_optional_text(fields, "to"),
    )


def _check_head(time: int, origin: str, repo: str) -> None:
    if not 0 <= time <= _MAX_TIME:
        raise BadFormat(f"time of a leaf must be from 1970 to 9999, got {time} seconds")
    parse_origin(origin)
    if "/" in repo:
        _check_name(repo)
    else:
        parse_sha256(repo)


def _check_name(repo: str) -> None:
    # Origin and type play no part in the rules for namespace and name.
    if parse_repo_id(Origin("any"), RepoType.MODEL, repo).folded != repo:
        raise BadFormat(f"a leaf names a repository in lower case, got {repo[:200]!r}")


def _check_ref(ref: str) -> None:
    """Accept `refs/<class>/<name>`: heads, tags, pr, and what upstreams have besides, such as `refs/convert/parquet`."""
    prefix, _, rest = ref.partition("/")
    kind, _, name = rest.partition("/")
    if prefix != "refs" or not (kind.isascii() and kind.isalpha() and kind.islower() and len(kind) <= 32):
        raise BadFormat(f"a ref leaf needs a full ref name such as refs/heads/main, got {ref[:120]!r}")
    _utf8(parse_ref_part(name))


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadFormat("a text of a leaf must be valid UTF-8") from error


def _only(fields: dict[str, Any], wanted: frozenset[str]) -> None:
    if fields.keys() != wanted:
        odd = sorted(fields.keys() ^ wanted)
        raise BadFormat(f"a {fields['kind']} leaf has exactly the fields {sorted(wanted)}; missing or unknown: {odd}"[:600])


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if type(value) is not str:
        raise BadFormat(f"{name} of a leaf must be a text")
    return value


def _optional_text(fields: dict[str, Any], name: str) -> str | None:
    return _text(fields, name) if name in fields else None


def _enum(kind: Callable[[str], _Kind], text: str, field: str) -> _Kind:
    try:
        return kind(text)
    except ValueError as error:
        raise BadFormat(f"{field} of a leaf has the unknown value {text[:40]!r}") from error


def _parse_time(text: str) -> int:
    """Return seconds since 1970 for exactly `YYYY-MM-DDTHH:MM:SSZ`; raises BadFormat."""
    try:
        moment = datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise BadFormat(f"time of a leaf must look like 2026-11-22T08:03:24Z, got {text[:40]!r}") from error
    # strptime also takes unpadded numbers; the round trip does not.
    if moment.year < 1970 or moment.strftime(_TIME_FORMAT) != text:
        raise BadFormat(f"time of a leaf must look like 2026-11-22T08:03:24Z, got {text[:40]!r}")
    return int(moment.timestamp())
