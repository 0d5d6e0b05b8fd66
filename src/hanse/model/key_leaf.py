"""The `key` leaf: which keys speak for whom, from which place of the log on.

Decisions taken here, where the design leaves room:

- `origin` names the log whose keys are meant, so that a hand-over signed for one log is none in another one.
- A key has one use, except that a node's `ref` key may also be the `namespace` key of what it holds for others.
- `add` registers a key; `transfer` does too and retires the keys before it. Where the use (of that namespace) had keys
  before, one of these signs the leaf (`by`, `sig`); an `add` without that is seen by every reader and raises an alarm.
- `retire` ends a key from this leaf on. `distrust` ends it with index `after`: what it signed in later leaves never counted.
- `must` is true: what is latest depends on keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from hanse.errors import BadFormat
from hanse.model.digest import Sha256, parse_sha256
from hanse.model.leaf_fields import (
    MAX_INT,
    check_time,
    enum,
    integer,
    leaf_bytes,
    only,
    optional_text,
    parse_base64,
    text,
)
from hanse.model.publickey import PublicKey, Scheme
from hanse.model.repo import Origin, parse_name, parse_origin

_OPTIONAL = ("spki", "namespace", "holder", "after", "by", "sig")
_NOTE_SCHEMES = frozenset({Scheme.ED25519, Scheme.ML_DSA_44})


class KeyOp(str, Enum):
    """What happens to a key."""

    ADD = "add"
    RETIRE = "retire"
    DISTRUST = "distrust"
    TRANSFER = "transfer"


class KeyUse(str, Enum):
    """What a key is for; namespace: positions of the refs of one namespace."""

    LOG = "log"
    WITNESS = "witness"
    MIRROR = "mirror"
    ATTEST = "attest"
    REF = "ref"
    NAMESPACE = "namespace"


class Holder(str, Enum):
    """Who holds the key of a namespace: the node's operator, or the publisher himself."""

    OPERATOR = "operator"
    OWNER = "owner"


_NEW = frozenset({KeyOp.ADD, KeyOp.TRANSFER})
_NOTES = frozenset({KeyUse.LOG, KeyUse.WITNESS, KeyUse.MIRROR})


@dataclass(frozen=True, slots=True)
class KeyLeaf:
    """A key is registered, ended, distrusted or handed over.

    time: seconds since 1970-01-01 UTC; origin: the log whose key it is; key: fingerprint; spki: the key in base64 of DER, for
    add and transfer; namespace: in lower case, for use namespace but with distrust, which ends a key altogether; holder: for
    a new key of a namespace; after: log index, for distrust; by, sig: fingerprint of an earlier key and its signature over
    `handover_bytes`, both or neither, both for transfer.

    Raises BadFormat, BadRepoId, BadDigest or TooLarge on construction if a field is out of its bounds or does not apply.
    """

    kind: ClassVar[str] = "key"
    must: ClassVar[bool] = True

    time: int
    origin: Origin
    op: KeyOp
    use: KeyUse
    key: Sha256
    spki: str = ""
    namespace: str | None = None
    holder: Holder | None = None
    after: int | None = None
    by: str = ""
    sig: str = ""

    def __post_init__(self) -> None:
        check_time(self.time)
        parse_origin(self.origin)
        parse_sha256(self.key)
        new, named = self.op in _NEW, self.use is KeyUse.NAMESPACE and self.op is not KeyOp.DISTRUST
        self._require("spki", bool(self.spki), new)
        self._require("namespace", self.namespace is not None, named)
        self._require("holder", self.holder is not None, named and new)
        self._require("after", self.after is not None, self.op is KeyOp.DISTRUST)
        if self.namespace is not None and parse_name(self.namespace, "namespace").lower() != self.namespace:
            raise BadFormat(f"a leaf names a namespace in lower case, got {self.namespace[:120]!r}")
        if self.after is not None and not 0 <= self.after <= MAX_INT:
            raise BadFormat(f"after must be a log index, got {self.after}")
        if new:
            self._check_key()
        self._check_hand_over(new)

    def _require(self, name: str, there: bool, wanted: bool) -> None:
        if there != wanted:
            must = "needs" if wanted else "has not"
            raise BadFormat(f"a key leaf of op {self.op.value} and use {self.use.value} {must} the field {name}")

    def _check_key(self) -> None:
        parse_base64(self.spki, "spki")
        found = PublicKey.from_text(self.spki)
        if found.fingerprint != self.key:
            raise BadFormat(f"key of a key leaf must be the fingerprint of spki, which is {found.fingerprint}")
        allowed = _NOTE_SCHEMES if self.use in _NOTES else {Scheme.ECDSA_P256}
        if found.scheme not in allowed:
            raise BadFormat(f"a key for use {self.use.value} cannot be of {found.scheme.value}")

    def _check_hand_over(self, new: bool) -> None:
        if bool(self.sig) > bool(self.by) or (self.by and not new):
            raise BadFormat("a key leaf has by and sig, or neither, and only for a new key")
        if self.op is KeyOp.TRANSFER and not self.by:
            raise BadFormat("a transfer is signed by the key before")
        if self.by:
            parse_sha256(self.by)
        if self.by == self.key:
            raise BadFormat("a key cannot be handed over to itself")
        if self.sig:
            parse_base64(self.sig, "sig")

    @property
    def public(self) -> PublicKey:
        """The new key; for op add and transfer."""
        return PublicKey.from_text(self.spki)

    def body(self) -> dict[str, Any]:
        """Return the fields of the JSON object but its head."""
        fields: dict[str, Any] = {"origin": self.origin, "op": self.op.value, "use": self.use.value, "key": self.key}
        if self.namespace is not None:
            fields["namespace"] = self.namespace
        if self.holder is not None:
            fields["holder"] = self.holder.value
        if self.after is not None:
            fields["after"] = self.after
        if self.spki:
            fields["spki"] = self.spki
        return fields | ({"by": self.by, "sig": self.sig} if self.by else {})


def handover_bytes(leaf: KeyLeaf) -> bytes:
    """Return what the signature of an earlier key covers: the canonical bytes of the leaf with `by` and without `sig`.

    Raises BadFormat if the leaf names no earlier key.
    """
    if not leaf.by:
        raise BadFormat("a key leaf is signed with the earlier key named in it")
    return leaf_bytes(leaf, without="sig")


def parse_key_leaf(fields: dict[str, Any], time: int) -> KeyLeaf:
    """Return the `key` leaf with the fields of a JSON object; raises BadFormat, BadRepoId, BadDigest or TooLarge."""
    only(fields, frozenset({"origin", "op", "use", "key"}), _OPTIONAL)
    if any(fields.get(name) == "" for name in ("spki", "by", "sig")) or ("by" in fields) != ("sig" in fields):
        raise BadFormat("spki, by and sig of a key leaf are absent or not empty, by and sig together")
    return KeyLeaf(
        time=time,
        origin=Origin(text(fields, "origin")),
        op=enum(KeyOp, fields, "op"),
        use=enum(KeyUse, fields, "use"),
        key=Sha256(text(fields, "key")),
        spki=optional_text(fields, "spki") or "",
        namespace=optional_text(fields, "namespace"),
        holder=enum(Holder, fields, "holder") if "holder" in fields else None,
        after=integer(fields, "after") if "after" in fields else None,
        by=optional_text(fields, "by") or "",
        sig=optional_text(fields, "sig") or "",
    )
