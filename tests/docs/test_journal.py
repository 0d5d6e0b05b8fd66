"""The examples of docs/journal.md are real records, and every field and operation is on the page."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from hanse.model.conceal import conceal
from hanse.model.digest import NO_GIT_OID, NO_SHA256, GitOid, Sha256
from hanse.model.key_leaf import Holder, KeyLeaf, KeyOp, KeyUse, handover_bytes
from hanse.model.leaf import KnownLeaf, UnknownLeaf, encode_leaf, leaf_id, parse_leaf
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, RepoOp, RevKind, signed_bytes
from hanse.model.ref_statement import ref_payload, ref_signed
from hanse.model.repo import RefName, Visibility
from hanse.model.trust_leaf import (
    AdvisoryLeaf,
    AdvisoryOp,
    AttestLeaf,
    MemberRole,
    Reason,
    SnapshotLeaf,
    WithdrawLeaf,
    WithdrawOp,
)
from hanse.tlog.map import MerkleMap, advisory_key, advisory_value, ref_key, ref_value

PAGE = (Path(__file__).parents[2] / "docs/journal.md").read_text()
EXAMPLES = [text.encode() for text in re.findall(r"```json\n(.*)\n```", PAGE)]
LEAVES = [parse_leaf(data) for data in EXAMPLES]
_Leaf = TypeVar("_Leaf", bound=KnownLeaf)


def of(kind: type[_Leaf]) -> list[_Leaf]:
    """Return the examples of one kind in order."""
    return [leaf for leaf in LEAVES if isinstance(leaf, kind)]


REFS, KEYS, ATTESTS = of(RefLeaf), of(KeyLeaf), of(AttestLeaf)
BY_KEY = {leaf.key: leaf.public for leaf in KEYS if leaf.spki}


def salt() -> bytes:
    """Return the salt on the page."""
    found = re.search(r"under the salt `([0-9a-f]{64})`", PAGE)
    assert found
    return bytes.fromhex(found[1])


def test_every_example_is_a_record_byte_for_byte() -> None:
    """Each example parses as a known kind and encodes to the very bytes on the page."""
    assert [encode_leaf(leaf) for leaf in LEAVES] == EXAMPLES
    assert not [leaf for leaf in LEAVES if isinstance(leaf, UnknownLeaf)]


def test_every_kind_and_operation_has_an_example() -> None:
    """There is a ref record, a deleted one, a claimed one, and a record of each other kind and of each operation."""
    assert {leaf.op for leaf in of(RepoLeaf)} == set(RepoOp)
    assert {leaf.rev_kind for leaf in REFS} == set(RevKind)
    assert (REFS[1].rev, REFS[1].tree) == (NO_GIT_OID, NO_SHA256)
    assert {leaf.op for leaf in KEYS} == set(KeyOp)
    assert {leaf.op for leaf in of(AdvisoryLeaf)} == set(AdvisoryOp)
    assert {leaf.op for leaf in of(WithdrawLeaf)} == set(WithdrawOp)
    assert {"member", "snapshot", "attest"} < {json.loads(data)["kind"] for data in EXAMPLES}


def test_every_field_and_value_is_explained() -> None:
    """Each field of any example, and each value of a list of words, is named on the page in code type."""
    named = {name for data in EXAMPLES for name in json.loads(data)}
    words = (RepoOp, Visibility, KeyOp, KeyUse, Holder, AdvisoryOp, WithdrawOp, Reason, MemberRole)
    for name in (*named, *(item.value for kind in words for item in kind)):
        assert f"`{name}`" in PAGE


def test_the_examples_form_chains() -> None:
    """The second record's prev is the first one's hash, in clear and concealed."""
    first, second, _, _, hidden_first, hidden_second, _ = REFS
    assert second.prev == leaf_id(encode_leaf(first))
    assert hidden_second.prev == leaf_id(encode_leaf(hidden_first))


def test_the_concealed_examples_are_the_clear_ones_under_the_salt() -> None:
    """Whoever has the salt on the page gets the concealed records from the clear ones."""
    first, second, _, signed, hidden_first, hidden_second, hidden_signed = REFS
    assert conceal(first, salt()) == hidden_first
    assert conceal(replace(second, prev=hidden_second.prev), salt()) == hidden_second
    assert replace(signed, key="", sig="") == first
    assert replace(hidden_signed, key="", sig="") == hidden_first
    assert conceal(ATTESTS[0], salt()) == ATTESTS[-1]


def test_the_signatures_on_the_page_verify() -> None:
    """Signed ref records, the hand-over and the owner's position verify with the keys of the key examples."""
    signed = [leaf for leaf in REFS if leaf.sig]
    assert len(signed) == 2
    for leaf in signed:
        BY_KEY[Sha256(leaf.key)].verify(base64.b64decode(leaf.sig), signed_bytes(leaf))
    for key in (leaf for leaf in KEYS if leaf.by):
        BY_KEY[Sha256(key.by)].verify(base64.b64decode(key.sig), handover_bytes(key))
    place = next(leaf for leaf in ATTESTS if leaf.seq is not None and not leaf.concealed)
    assert place.seq
    payload = ref_payload(
        place.origin, place.type, place.repo, RefName(str(place.ref)), seq=place.seq, rev=GitOid(place.rev), tree=place.tree
    )
    assert (sha256(payload).hexdigest(), len(payload)) == (place.payload.sha256, place.payload.size)
    BY_KEY[place.key].verify(base64.b64decode(place.sig), ref_signed(payload))


def test_the_snapshot_is_that_of_the_examples() -> None:
    """Its roots are those of the maps of the first ref example and of the published advisory."""
    (snapshot,), first, advisory = of(SnapshotLeaf), REFS[0], of(AdvisoryLeaf)[0]
    refs = [(ref_key(first.origin, first.type, first.repo, first.ref), ref_value(1, first.rev, first.tree))]
    advisories = [(advisory_key(advisory.id), advisory_value(advisory.payload.sha256))]
    roots = [MerkleMap.empty().apply(pairs).root.hex() for pairs in (refs, advisories)]
    assert [snapshot.refs, snapshot.advisories] == roots
