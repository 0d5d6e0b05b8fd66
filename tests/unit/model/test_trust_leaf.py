"""Leaves of the trust layer: which fields go together, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from tests.support.leaves import (
    ADVISORY,
    ATTESTED,
    MEMBER,
    NAMED_MEMBER,
    OMS,
    PAYLOAD,
    REF,
    SALT,
    SIG,
    SNAPSHOT,
    WITHDRAWN,
    fields,
    position_leaf,
)

from hanse.errors import HanseError
from hanse.model.conceal import conceal
from hanse.model.digest import Sha256
from hanse.model.leaf import encode_leaf, parse_leaf
from hanse.model.leaf_fields import Payload
from hanse.model.ref_statement import REF_PREDICATE
from hanse.model.repo import RefName
from hanse.model.trust_leaf import WithdrawOp

POSITION = position_leaf(REF)


def test_an_attest_leaf_has_exactly_the_specified_bytes() -> None:
    """The bytes are sorted, without spaces, with every field that the journal page names."""
    assert encode_leaf(ATTESTED) == (
        b'{"key":"%s","kind":"attest","must":false,"origin":"models.example.org",'
        b'"payload":{"sha256":"%s","size":2048},"predicate":"%s","repo":"org/name",'
        b'"rev":"%s","sig":"%s","time":"2026-11-22T08:03:24Z","tree":"%s","type":"model","v":1}'
    ) % (ATTESTED.key.encode(), b"12" * 32, OMS.encode(), b"ab" * 20, SIG.encode(), b"cd" * 32)


def test_only_a_position_must_be_understood() -> None:
    """What is latest depends on the owner's signature over a position, not on other statements."""
    assert POSITION.must
    assert not ATTESTED.must
    assert (SNAPSHOT.must, ADVISORY.must, WITHDRAWN.must, MEMBER.must) == (True, True, False, False)


@pytest.mark.parametrize(
    "change",
    [
        lambda: replace(ATTESTED, ref=RefName("refs/heads/main"), seq=1),
        lambda: replace(ATTESTED, predicate=REF_PREDICATE),
        lambda: replace(POSITION, seq=None),
        lambda: replace(POSITION, ref=None),
        lambda: replace(POSITION, ref=None, seq=None),
        lambda: replace(POSITION, seq=0),
        lambda: replace(POSITION, ref=RefName("main")),
        lambda: replace(ATTESTED, predicate="http://plain.example/v1"),
        lambda: replace(ATTESTED, predicate="https://" + "a" * 200),
        lambda: replace(ATTESTED, predicate="https://free text"),
        lambda: replace(ATTESTED, predicate="https://\u00e4"),
        lambda: replace(ATTESTED, payload=Payload(PAYLOAD.sha256, None)),
        lambda: replace(ATTESTED, key=Sha256("x")),
        lambda: replace(ATTESTED, sig="?"),
        lambda: replace(ATTESTED, repo="Org/name"),
        lambda: replace(conceal(ATTESTED, SALT), payload=PAYLOAD),
        lambda: replace(conceal(ATTESTED, SALT), sig=SIG),
        lambda: replace(conceal(ATTESTED, SALT), rev=ATTESTED.rev),
        lambda: replace(conceal(POSITION, SALT), ref=RefName("refs/heads/main")),
        lambda: replace(SNAPSHOT, refs=Sha256("0")),
        lambda: replace(SNAPSHOT, advisories=Sha256("")),
        lambda: replace(ADVISORY, id=""),
        lambda: replace(ADVISORY, id="x" * 121),
        lambda: replace(ADVISORY, id="a name with spaces"),
        lambda: replace(ADVISORY, payload=Payload(PAYLOAD.sha256, None)),
        lambda: replace(WITHDRAWN, reason=None),
        lambda: replace(WITHDRAWN, op=WithdrawOp.RESTORE),
        lambda: replace(WITHDRAWN, rev=None),
        lambda: replace(WITHDRAWN, tree=None),
        lambda: replace(conceal(WITHDRAWN, SALT), rev=WITHDRAWN.rev),
        lambda: replace(MEMBER, version=0),
        lambda: replace(MEMBER, version=2**53),
        lambda: replace(MEMBER, federation=Sha256("f")),
        lambda: replace(MEMBER, payload=Payload(PAYLOAD.sha256, None)),
        lambda: Payload(PAYLOAD.sha256, 0),
        lambda: Payload(Sha256("AB" * 32), 1),
    ],
)
def test_a_leaf_out_of_bounds_cannot_be_made(change: Callable[[], object]) -> None:
    """Fields that do not go together, half-concealed leaves and values out of bounds are refused on construction."""
    with pytest.raises(HanseError):
        change()


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {},
        {"size": 1},
        {"sha256": "12" * 32, "size": "1"},
        {"sha256": "12" * 32, "size": True},
        {"sha256": "12" * 32, "size": 1, "name": "x"},
        {"sha256": 12, "size": 1},
    ],
)
def test_a_payload_is_a_digest_and_a_size(payload: Any) -> None:
    """Anything else in the field is refused."""
    with pytest.raises(HanseError):
        parse_leaf(rfc8785.dumps(fields(ATTESTED) | {"payload": payload}))


@pytest.mark.parametrize(
    ("leaf", "change"),
    [(WITHDRAWN, {"reason": "because"}), (ADVISORY, {"op": "delete"}), (MEMBER, {"role": "timestamp"})],
)
def test_words_come_from_a_list(leaf: Any, change: dict[str, Any]) -> None:
    """Reasons, operations and roles are those known here; a leaf holds no free text."""
    with pytest.raises(HanseError):
        parse_leaf(rfc8785.dumps(fields(leaf) | change))


def test_a_member_leaf_names_its_federation() -> None:
    """Version 2 names it and version 1 does not; a leaf that mixes them is refused, and the old form is read for ever."""
    told = fields(NAMED_MEMBER)
    assert (told["v"], told["federation"]) == (2, "56" * 32)
    assert parse_leaf(encode_leaf(NAMED_MEMBER)) == NAMED_MEMBER
    assert parse_leaf(encode_leaf(MEMBER)) == MEMBER
    for wrong in ({**told, "v": 1}, {**fields(MEMBER), "v": 2}):
        with pytest.raises(HanseError):
            parse_leaf(rfc8785.dumps(wrong))
