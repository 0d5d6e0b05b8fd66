"""The owner's statement about a position: its exact bytes, and that it binds every part of the position."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785

from hanse.model.digest import GitOid, Sha256
from hanse.model.ref_statement import ref_payload, ref_signed
from hanse.model.repo import Origin, RefName, RepoType

POSITION: dict[str, Any] = {
    "origin": Origin("models.example.org"),
    "kind": RepoType.MODEL,
    "repo": "org/name",
    "ref": RefName("refs/heads/main"),
    "seq": 3,
    "rev": GitOid("ab" * 20),
    "tree": Sha256("cd" * 32),
}


def test_the_statement_has_exactly_the_specified_bytes() -> None:
    """It is an in-toto Statement v1 in canonical JSON, with the revision as its one subject."""
    payload = ref_payload(**POSITION)
    assert payload == (
        b'{"_type":"https://in-toto.io/Statement/v1","predicate":{"origin":"models.example.org","ref":"refs/heads/main",'
        b'"repo":"org/name","rev":"%(rev)s","seq":3,"tree":"%(tree)s","type":"model"},"predicateType":"https://hanse/ref/v1",'
        b'"subject":[{"digest":{"gitCommit":"%(rev)s","sha256":"%(tree)s"},"name":"org/name"}]}'
    ) % {b"rev": b"ab" * 20, b"tree": b"cd" * 32}
    assert payload == rfc8785.dumps(json.loads(payload))


@pytest.mark.parametrize(
    "change",
    [
        {"origin": Origin("other.example.org")},
        {"kind": RepoType.DATASET},
        {"repo": "org/other"},
        {"ref": RefName("refs/heads/other")},
        {"seq": 4},
        {"rev": GitOid("ac" * 20)},
        {"tree": Sha256("ce" * 32)},
    ],
)
def test_every_part_of_a_position_is_bound(change: dict[str, Any]) -> None:
    """Another origin, type, repository, ref, seq, rev or tree gives other bytes."""
    assert ref_payload(**POSITION | change) != ref_payload(**POSITION)


def test_signed_is_the_dsse_encoding() -> None:
    """The pre-authentication encoding of the DSSE specification, with its example's shape."""
    assert ref_signed(b"hello") == b"DSSEv1 28 application/vnd.in-toto+json 5 hello"
