"""Leaf records: one canonical form for every kind, strict reading, unknown kinds carried along."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from tests.support.leaves import EVERY_KIND, REF, fields, signed

from hanse.errors import BadFormat, TooLarge
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256
from hanse.model.leaf import (
    MAX_KEY_LEAF_BYTES,
    MAX_LEAF_BYTES,
    MAX_OWN_LEAF_BYTES,
    KnownLeaf,
    UnknownLeaf,
    encode_leaf,
    leaf_hash,
    leaf_id,
    parse_leaf,
)
from hanse.model.repo import Origin, RefName


@pytest.mark.parametrize("leaf", EVERY_KIND, ids=lambda leaf: leaf.kind)
def test_every_kind_round_trips(leaf: KnownLeaf) -> None:
    """What was written is read as equal, and its bytes are what an RFC 8785 library writes."""
    data = encode_leaf(leaf)
    assert parse_leaf(data) == leaf
    assert data == rfc8785.dumps(json.loads(data))
    assert len(data) <= MAX_OWN_LEAF_BYTES


@pytest.mark.parametrize("leaf", EVERY_KIND, ids=lambda leaf: leaf.kind)
def test_every_kind_is_parsed_strictly(leaf: KnownLeaf) -> None:
    """Without any one field, with one more, with the other value of must or with any field of another type it is refused."""
    known = fields(leaf)
    optional = {"rev", "tree"} if leaf.kind == "withdraw" else set[str]()
    wrong = [known | {"extra": 1}, known | {"must": not leaf.must}, *(known | {name: None} for name in known)]
    for bad in wrong + [{key: known[key] for key in known if key != name} for name in known.keys() - optional]:
        with pytest.raises(BadFormat):
            parse_leaf(canonical(bad))


def test_hash_and_id() -> None:
    """The leaf hash is the RFC 6962 one, and the id its hex."""
    assert leaf_hash(b"x") == hashlib.sha256(b"\x00x").digest()
    assert leaf_id(b"x") == leaf_hash(b"x").hex()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf" + encode_leaf(REF),
        encode_leaf(REF) + b"\n",
        encode_leaf(REF).replace(b",", b", "),
        encode_leaf(REF).replace(b'"seq":1', b'"seq":1.0'),
        encode_leaf(REF).replace(b'"v":1', b'"v":1,"v":1'),
        encode_leaf(REF).replace(b"main", b"m\\u0061in"),
        encode_leaf(REF).replace(b"main", b"\\ud800"),
        encode_leaf(REF).replace(b'"seq":1', b'"seq":9007199254740992'),
    ],
)
def test_bytes_that_are_not_canonical_are_refused(data: bytes) -> None:
    """Only the RFC 8785 form of an object is a leaf."""
    with pytest.raises(BadFormat):
        parse_leaf(data)


def test_a_leaf_is_bounded() -> None:
    """What does not fit an entry bundle is refused before it is parsed, and what is written here stays below 2 KiB."""
    with pytest.raises(TooLarge):
        parse_leaf(b" " * (MAX_LEAF_BYTES + 1))
    longest = signed(
        replace(
            REF,
            origin=Origin("o" * 253),
            repo="n" * 96 + "/" + "m" * 96,
            ref=RefName("refs/" + "c" * 32 + "/" + '"' * 255),
            seq=2**53 - 1,
            prev=Sha256("ef" * 32),
        )
    )
    assert len(encode_leaf(longest)) <= MAX_OWN_LEAF_BYTES < MAX_KEY_LEAF_BYTES


@pytest.mark.parametrize(
    "leaf",
    [
        {"v": 1, "kind": "observation", "must": False, "time": "2026-11-22T08:03:24Z", "refs": "ab" * 32},
        {"v": 1, "kind": "later", "must": True, "time": "2026-11-22T08:03:24Z", "origin": "o", "type": "t", "repo": "r"},
        fields() | {"v": 2},
        fields() | {"kind": "reF", "must": False, "nested": {"a": [1, {"b": None}], "c": 1.5}},
    ],
)
def test_unknown_leaves_are_carried_byte_for_byte(leaf: dict[str, Any]) -> None:
    """A kind or version not known here keeps its bytes and says whether it must be understood, and for which repository."""
    data = rfc8785.dumps(leaf)
    parsed = parse_leaf(data)
    assert isinstance(parsed, UnknownLeaf)
    assert (parsed.v, parsed.kind, parsed.must) == (leaf["v"], leaf["kind"], leaf["must"])
    assert (parsed.origin, parsed.type, parsed.repo) == (leaf.get("origin"), leaf.get("type"), leaf.get("repo"))
    assert encode_leaf(parsed) == data


def test_an_unknown_leaf_needs_its_head_too() -> None:
    """Without a time, or with an origin that is no text, nothing is carried."""
    head = {"v": 1, "kind": "later", "must": False, "time": "2026-11-22T08:03:24Z"}
    for bad in (head | {"time": "now"}, head | {"origin": 1}, {key: head[key] for key in ("v", "kind", "must")}):
        with pytest.raises(BadFormat):
            parse_leaf(canonical(bad))
