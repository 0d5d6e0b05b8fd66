"""Leaves of every kind to start from, and signers whose keys and signatures are the same on every machine."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from hanse.model.copies_leaf import CopiesLeaf
from hanse.model.digest import NO_SHA256, GitOid, Sha256
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse, handover_bytes
from hanse.model.leaf import KnownLeaf, encode_leaf
from hanse.model.leaf_fields import Payload
from hanse.model.publickey import PublicKey
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, RepoOp, RevKind, signed_bytes
from hanse.model.ref_statement import REF_PREDICATE, ref_payload, ref_signed
from hanse.model.repo import Origin, RefName, RepoType
from hanse.model.trust_leaf import (
    AdvisoryLeaf,
    AdvisoryOp,
    AttestLeaf,
    MemberLeaf,
    MemberRole,
    Reason,
    SnapshotLeaf,
    WithdrawLeaf,
    WithdrawOp,
)

ORIGIN = Origin("models.example.org")
MAIN = RefName("refs/heads/main")
SALT = bytes(range(32))
TIME = 1795334604
REV = GitOid("ab" * 20)
TREE = Sha256("cd" * 32)
OMS = "https://model_signing/signature/v1.0"


@dataclass(frozen=True)
class FixedSigner:
    """An ECDSA P-256 key made from a small number; RFC 6979 signatures, so that each is the same every time."""

    number: int

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return PublicKey.from_key(self._key.public_key())

    @property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(self.number, ec.SECP256R1())

    def sign(self, data: bytes) -> bytes:
        """Return the signature over `data` in DER."""
        return self._key.sign(data, ec.ECDSA(SHA256(), deterministic_signing=True))

    def sign64(self, data: bytes) -> str:
        """Return the signature in base64."""
        return base64.b64encode(self.sign(data)).decode()


NODE, OWNER, ATTEST, OTHER = (FixedSigner(number) for number in (1, 2, 3, 4))
"""The node's ref key, an owner's key, the node's attest key, and one that nobody knows."""


def ed25519(number: int) -> PublicKey:
    """Return an Ed25519 public key made from a small number."""
    return PublicKey.from_key(Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32).public_key())


def signed(leaf: RefLeaf, signer: FixedSigner = NODE) -> RefLeaf:
    """Return a ref leaf signed as it is written."""
    named = replace(leaf, key=signer.public.fingerprint, sig="")
    return replace(named, sig=signer.sign64(signed_bytes(named)))


def key_leaf(
    public: PublicKey, use: KeyUse = KeyUse.REF, *, namespace: str | None = None, holder: Holder | None = None, time: int = TIME
) -> KeyLeaf:
    """Return the leaf that adds a key."""
    return KeyLeaf(time, ORIGIN, KeyOp.ADD, use, public.fingerprint, public.text, namespace, holder)


def handed_over(leaf: KeyLeaf, by: FixedSigner, op: KeyOp = KeyOp.TRANSFER) -> KeyLeaf:
    """Return a key leaf as a hand-over signed by an earlier key, or as one more key that the earlier one vouches for."""
    named = replace(leaf, op=op, by=by.public.fingerprint, sig="")
    return replace(named, sig=by.sign64(handover_bytes(named)))


def position_leaf(leaf: RefLeaf, owner: FixedSigner = OWNER) -> AttestLeaf:
    """Return the leaf by which the owner signs the position of a ref leaf in clear."""
    payload = ref_payload(
        leaf.origin, leaf.type, leaf.repo, RefName(leaf.ref), seq=leaf.seq, rev=GitOid(leaf.rev), tree=leaf.tree
    )
    return AttestLeaf(
        time=leaf.time,
        origin=leaf.origin,
        type=leaf.type,
        repo=leaf.repo,
        rev=leaf.rev,
        tree=leaf.tree,
        predicate=REF_PREDICATE,
        payload=Payload(Sha256(sha256(payload).hexdigest()), len(payload)),
        key=owner.public.fingerprint,
        sig=owner.sign64(ref_signed(payload)),
        ref=leaf.ref,
        seq=leaf.seq,
    )


REF = RefLeaf(
    time=TIME,
    origin=ORIGIN,
    type=RepoType.MODEL,
    repo="org/name",
    ref=MAIN,
    seq=1,
    prev=NO_SHA256,
    rev=REV,
    rev_kind=RevKind.COMPUTED,
    tree=TREE,
)
REPO = RepoLeaf(time=TIME, origin=ORIGIN, type=RepoType.DATASET, repo="org/name", op=RepoOp.CREATE)
PAYLOAD = Payload(Sha256("12" * 32), 2048)
SIG = ATTEST.sign64(b"")
ATTESTED = AttestLeaf(
    time=TIME,
    origin=ORIGIN,
    type=RepoType.MODEL,
    repo="org/name",
    rev=REV,
    tree=TREE,
    predicate=OMS,
    payload=PAYLOAD,
    key=ATTEST.public.fingerprint,
    sig=SIG,
)
SNAPSHOT = SnapshotLeaf(TIME, NO_SHA256, Sha256("34" * 32))
ADVISORY = AdvisoryLeaf(TIME, "HANSE-2026-0001", AdvisoryOp.PUBLISH, PAYLOAD, ATTEST.public.fingerprint, SIG)
WITHDRAWN = WithdrawLeaf(TIME, ORIGIN, RepoType.MODEL, "org/name", WithdrawOp.WITHDRAW, reason=Reason.LEGAL, rev=REV, tree=TREE)
MEMBER = MemberLeaf(TIME, MemberRole.ROOT, 3, PAYLOAD)
NAMED_MEMBER = replace(MEMBER, federation=Sha256("56" * 32))
COPIES = CopiesLeaf(TIME, ORIGIN, RepoType.MODEL, "org/name", allowed=True)
OWNER_KEY = key_leaf(OWNER.public, KeyUse.NAMESPACE, namespace="org", holder=Holder.OWNER)
DISTRUST = KeyLeaf(TIME, ORIGIN, KeyOp.DISTRUST, KeyUse.REF, NODE.public.fingerprint, after=7)

EVERY_KIND: tuple[KnownLeaf, ...] = (
    REF,
    signed(REF),
    REPO,
    ATTESTED,
    position_leaf(REF),
    SNAPSHOT,
    ADVISORY,
    WITHDRAWN,
    MEMBER,
    NAMED_MEMBER,
    COPIES,
    key_leaf(NODE.public),
    key_leaf(ed25519(1), KeyUse.LOG),
    OWNER_KEY,
    handed_over(replace(OWNER_KEY, key=OTHER.public.fingerprint, spki=OTHER.public.text), OWNER),
    DISTRUST,
)
"""At least one leaf of each kind."""


def fields(leaf: KnownLeaf = REF) -> dict[str, Any]:
    """Return the JSON fields of a leaf."""
    decoded: dict[str, Any] = json.loads(encode_leaf(leaf))
    return decoded
