"""Key leaves: which fields each operation has, which keys fit which use, what a hand-over covers."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.leaves import DISTRUST, NODE, OTHER, OWNER, OWNER_KEY, ed25519, fields, handed_over, key_leaf

from hanse.errors import BadFormat, BadRepoId, BadSignature, HanseError
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse, handover_bytes
from hanse.model.leaf import MAX_KEY_LEAF_BYTES, encode_leaf, parse_leaf
from hanse.model.repo import Origin

ADDED = key_leaf(NODE.public)
PASSED = handed_over(replace(ADDED, key=OTHER.public.fingerprint, spki=OTHER.public.text), NODE)


@pytest.mark.parametrize(
    ("leaf", "there"),
    [
        (ADDED, {"spki"}),
        (PASSED, {"spki", "by", "sig"}),
        (OWNER_KEY, {"spki", "namespace", "holder"}),
        (replace(ADDED, op=KeyOp.RETIRE, spki=""), set()),
        (replace(OWNER_KEY, op=KeyOp.RETIRE, spki="", holder=None), {"namespace"}),
        (DISTRUST, {"after"}),
        (replace(DISTRUST, use=KeyUse.NAMESPACE, after=0), {"after"}),
    ],
)
def test_each_operation_has_its_fields(leaf: KeyLeaf, there: set[str]) -> None:
    """A field that does not apply is absent, and the leaf is read as it was written."""
    head = {"v", "kind", "must", "time", "origin", "op", "use", "key"}
    assert fields(leaf).keys() == head | there
    assert parse_leaf(encode_leaf(leaf)) == leaf


@pytest.mark.parametrize(
    "change",
    [
        lambda: replace(ADDED, spki=""),
        lambda: replace(ADDED, spki="AAAA"),
        lambda: replace(ADDED, spki=OTHER.public.text),
        lambda: replace(ADDED, key=OTHER.public.fingerprint),
        lambda: replace(ADDED, after=1),
        lambda: replace(ADDED, namespace="org"),
        lambda: replace(ADDED, holder=Holder.OWNER),
        lambda: replace(ADDED, origin=Origin("http://x")),
        lambda: replace(ADDED, sig="AAAA"),
        lambda: replace(ADDED, by=NODE.public.fingerprint, sig="AAAA"),
        lambda: replace(ADDED, op=KeyOp.TRANSFER),
        lambda: replace(ADDED, op=KeyOp.RETIRE),
        lambda: replace(PASSED, op=KeyOp.RETIRE, spki=""),
        lambda: replace(OWNER_KEY, holder=None),
        lambda: replace(OWNER_KEY, namespace=None),
        lambda: replace(OWNER_KEY, namespace="Org"),
        lambda: replace(OWNER_KEY, namespace="a..b"),
        lambda: replace(DISTRUST, after=None),
        lambda: replace(DISTRUST, after=-1),
        lambda: replace(DISTRUST, after=2**53),
        lambda: replace(DISTRUST, use=KeyUse.NAMESPACE, namespace="org"),
        lambda: key_leaf(NODE.public, KeyUse.LOG),
        lambda: key_leaf(ed25519(1), KeyUse.REF),
    ],
)
def test_a_key_leaf_out_of_bounds_cannot_be_made(change: Callable[[], object]) -> None:
    """Missing and additional fields, a fingerprint of another key, and a scheme that the use does not take are refused."""
    with pytest.raises((BadFormat, BadRepoId)):
        change()


def test_a_hand_over_is_signed_by_the_earlier_key() -> None:
    """The signature covers all but itself, the log's origin included; any other leaf does not verify."""
    sig = base64.b64decode(PASSED.sig)
    NODE.public.verify(sig, handover_bytes(PASSED))
    others = (
        replace(PASSED, origin=Origin("other.example.org")),
        replace(PASSED, time=0),
        replace(PASSED, key=OWNER.public.fingerprint, spki=OWNER.public.text),
        replace(PASSED, op=KeyOp.ADD),
    )
    for other in others:
        with pytest.raises(BadSignature):
            NODE.public.verify(sig, handover_bytes(other))


def test_a_leaf_without_an_earlier_key_has_nothing_to_sign() -> None:
    """Only a leaf that names the earlier key can be signed, and it cannot be written without its signature."""
    with pytest.raises(BadFormat):
        handover_bytes(ADDED)
    with pytest.raises(BadFormat, match="not signed yet"):
        encode_leaf(replace(PASSED, sig=""))


def test_empty_fields_are_not_absent_ones() -> None:
    """An empty text in place of a field that does not apply is refused, so that a leaf has one form."""
    data = encode_leaf(replace(ADDED, op=KeyOp.RETIRE, spki=""))
    for name in ("by", "sig", "spki"):
        text = data.replace(b'"time"', b'"%s":"","time"' % name.encode()) if name != "by" else b'{"by":"",' + data[1:]
        with pytest.raises(HanseError):
            parse_leaf(text)


def test_a_post_quantum_key_fits() -> None:
    """An ML-DSA-44 key handed over with a signature of its size stays within the bound of key leaves."""
    leaf = handed_over(key_leaf(ed25519(1), KeyUse.WITNESS), NODE)
    assert len(encode_leaf(leaf)) + 1780 + 3228 < MAX_KEY_LEAF_BYTES
