"""Leaf records: canonical bytes, strict parsing, concealment."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import rfc8785

from hanse.errors import BadDigest, BadFormat, BadRepoId, HanseError, TooLarge
from hanse.model.canonical import canonical
from hanse.model.digest import NO_GIT_OID, NO_SHA256, GitOid, Sha256
from hanse.model.leaf import (
    MAX_LEAF_BYTES,
    RefLeaf,
    RepoLeaf,
    RepoOp,
    RevKind,
    UnknownLeaf,
    conceal,
    conceal_value,
    encode_leaf,
    leaf_hash,
    leaf_id,
    parse_leaf,
)
from hanse.model.repo import Origin, RefName, RepoType

ORIGIN = Origin("models.example.org")
SALT = bytes(range(32))
REF = RefLeaf(
    time=1795334604,
    origin=ORIGIN,
    type=RepoType.MODEL,
    repo="org/name",
    ref=RefName("refs/heads/main"),
    seq=1,
    prev=NO_SHA256,
    rev=GitOid("ab" * 20),
    rev_kind=RevKind.COMPUTED,
    tree=Sha256("cd" * 32),
)
REPO = RepoLeaf(time=1795334604, origin=ORIGIN, type=RepoType.DATASET, repo="org/name", op=RepoOp.CREATE)


def fields(leaf: RefLeaf | RepoLeaf = REF) -> dict[str, Any]:
    """Return the JSON fields of a leaf."""
    decoded: dict[str, Any] = json.loads(encode_leaf(leaf))
    return decoded


def test_a_ref_leaf_has_exactly_the_specified_bytes() -> None:
    """The bytes are sorted, without spaces, with every field that the journal page names."""
    assert encode_leaf(REF) == (
        b'{"kind":"ref","must":true,"origin":"models.example.org","prev":"' + b"0" * 64 + b'","ref":"refs/heads/main",'
        b'"repo":"org/name","rev":"' + b"ab" * 20 + b'","revKind":"computed","seq":1,"time":"2026-11-22T08:03:24Z",'
        b'"tree":"' + b"cd" * 32 + b'","type":"model","v":1}'
    )


def test_a_repo_leaf_has_exactly_the_specified_bytes() -> None:
    """A field that does not apply is absent."""
    assert encode_leaf(REPO) == (
        b'{"kind":"repo","must":true,"op":"create","origin":"models.example.org","repo":"org/name",'
        b'"time":"2026-11-22T08:03:24Z","type":"dataset","v":1}'
    )


@pytest.mark.parametrize(
    "leaf",
    [
        REF,
        replace(REF, seq=2**53 - 1, prev=Sha256("ef" * 32), rev=NO_GIT_OID, tree=NO_SHA256),
        replace(REF, ref=RefName("refs/pr/12"), rev_kind=RevKind.CLAIMED),
        replace(REF, ref=RefName('refs/tags/"Ω\u2028')),
        replace(REF, ref=RefName("refs/convert/parquet"), time=0),
        REPO,
        replace(REPO, op=RepoOp.DELETE, time=253_402_300_799),
        replace(REPO, op=RepoOp.RENAME, to="org/new"),
        replace(REPO, op=RepoOp.TRANSFER, to="other/name"),
        replace(REPO, op=RepoOp.VISIBILITY, to="private"),
    ],
)
def test_leaves_round_trip_in_clear_and_concealed(leaf: RefLeaf | RepoLeaf) -> None:
    """What was written is read as equal, and its bytes are what an RFC 8785 library writes."""
    forms: list[RefLeaf | RepoLeaf] = [leaf, conceal(leaf, SALT)]
    for form in forms:
        data = encode_leaf(form)
        assert parse_leaf(data) == form
        assert data == rfc8785.dumps(json.loads(data))


def test_hash_and_id() -> None:
    """The leaf hash is the RFC 6962 one, and the id its hex."""
    assert leaf_hash(b"x") == hashlib.sha256(b"\x00x").digest()
    assert leaf_id(b"x") == leaf_hash(b"x").hex()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda: replace(REF, seq=0), BadFormat),
        (lambda: replace(REF, seq=2**53), BadFormat),
        (lambda: replace(REF, seq=2), BadFormat),
        (lambda: replace(REF, prev=Sha256("ef" * 32)), BadFormat),
        (lambda: replace(REF, prev=Sha256("0")), BadDigest),
        (lambda: replace(REF, repo="Org/name"), BadFormat),
        (lambda: replace(REF, repo="org/../name"), BadRepoId),
        (lambda: replace(REF, repo="name"), BadDigest),
        (lambda: replace(REF, repo="ab" * 32), BadDigest),
        (lambda: replace(REF, origin=Origin("http://x")), BadRepoId),
        (lambda: replace(REF, ref=RefName("main")), BadFormat),
        (lambda: replace(REF, ref=RefName("refs/HEADS/main")), BadFormat),
        (lambda: replace(REF, ref=RefName("refs/heads/")), BadRepoId),
        (lambda: replace(REF, ref=RefName("refs/heads/a..b")), BadRepoId),
        (lambda: replace(REF, ref=RefName("refs/heads/\ud800")), BadRepoId),
        (lambda: replace(REF, rev=GitOid("AB" * 20)), BadDigest),
        (lambda: replace(REF, rev=Sha256("ab" * 32)), BadDigest),
        (lambda: replace(REF, tree=Sha256("cd" * 31)), BadDigest),
        (lambda: replace(REF, time=-1), BadFormat),
        (lambda: replace(REF, time=253_402_300_800), BadFormat),
        (lambda: replace(REPO, to="org/new"), BadFormat),
        (lambda: replace(REPO, op=RepoOp.RENAME), BadFormat),
        (lambda: replace(REPO, op=RepoOp.RENAME, to="Org/new"), BadFormat),
        (lambda: replace(REPO, op=RepoOp.VISIBILITY, to="secret"), BadFormat),
        (lambda: replace(conceal(REF, SALT), ref=RefName("refs/heads/main")), BadDigest),
        (lambda: replace(conceal(REF, SALT), rev=GitOid("ab" * 20)), BadDigest),
        (lambda: replace(REPO, repo="ab" * 32, op=RepoOp.RENAME, to="org/new"), BadDigest),
    ],
)
def test_a_leaf_out_of_bounds_cannot_be_made(change: Callable[[], object], error: type[HanseError]) -> None:
    """Wrong chains, names, digests, times and half-concealed leaves are refused on construction."""
    with pytest.raises(error):
        change()


@pytest.mark.parametrize(
    "change",
    [
        {"must": False},
        {"must": 1},
        {"must": None},
        {"v": 0},
        {"v": True},
        {"v": "1"},
        {"v": 1.5},
        {"kind": 1},
        {"seq": "1"},
        {"seq": True},
        {"seq": 1.5},
        {"type": "space"},
        {"revKind": "guessed"},
        {"origin": None},
        {"ref": ["refs/heads/main"]},
        {"key": "later"},
        {"time": "2026-11-22T08:03:24.000Z"},
        {"time": "2026-11-22T08:03:24+00:00"},
        {"time": "2026-11-22 08:03:24Z"},
        {"time": "2026-2-2T08:03:24Z"},
        {"time": "2026-02-30T08:03:24Z"},
        {"time": "2026-11-22T08:03:60Z"},
        {"time": "1969-12-31T23:59:59Z"},
        {"time": 1795334604},
    ],
)
def test_a_known_kind_is_parsed_strictly(change: dict[str, Any]) -> None:
    """A wrong type, value or time and an additional field are refused."""
    with pytest.raises(BadFormat):
        parse_leaf(rfc8785.dumps(fields() | change))


@pytest.mark.parametrize("name", sorted(fields()))
def test_no_field_may_be_missing(name: str) -> None:
    """Every field of a ref leaf is needed."""
    with pytest.raises(BadFormat):
        parse_leaf(rfc8785.dumps({key: value for key, value in fields().items() if key != name}))


@pytest.mark.parametrize("name", ["op", "repo", "type", "origin"])
def test_no_field_of_a_repo_leaf_may_be_missing(name: str) -> None:
    """Every field of a repo leaf but `to` is needed, and `to` must be a text."""
    with pytest.raises(BadFormat):
        parse_leaf(rfc8785.dumps({key: value for key, value in fields(REPO).items() if key != name}))
    with pytest.raises(BadFormat):
        parse_leaf(rfc8785.dumps(fields(REPO) | {"op": "rename", "to": None}))


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
    longest = replace(
        REF,
        origin=Origin("o" * 253),
        repo="n" * 96 + "/" + "m" * 96,
        ref=RefName("refs/" + "c" * 32 + "/" + '"' * 255),
        seq=2**53 - 1,
        prev=Sha256("ef" * 32),
    )
    assert len(encode_leaf(longest)) < 2048


@pytest.mark.parametrize(
    "leaf",
    [
        {"v": 1, "kind": "snapshot", "must": False, "time": "2026-11-22T08:03:24Z", "refs": "ab" * 32},
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


def test_concealment_replaces_what_identifies_and_nothing_else() -> None:
    """Each of repo, ref, rev, tree and to becomes its HMAC under the salt; the chain, kind and time stay readable."""

    def mac(name: str, value: str) -> str:
        return hmac.new(SALT, name.encode() + b"\x00" + value.encode(), "sha256").hexdigest()

    hidden = conceal(REF, SALT)
    changed = {name: mac(name, fields()[name]) for name in ("repo", "ref", "rev", "tree")}
    assert fields(hidden) == fields() | changed
    assert hidden.concealed
    assert not REF.concealed
    renamed = replace(REPO, op=RepoOp.RENAME, to="org/new")
    assert fields(conceal(renamed, SALT)) == fields(renamed) | {"repo": mac("repo", "org/name"), "to": mac("to", "org/new")}
    assert conceal_value(SALT, "rev", NO_GIT_OID) != NO_SHA256


def test_nothing_of_a_concealed_leaf_shows_the_name() -> None:
    """The clear texts occur nowhere in the bytes, and another salt gives unrelated ones."""
    data = encode_leaf(conceal(REF, SALT))
    for text in (REF.repo, REF.ref, "name", "main", REF.rev, REF.tree):
        assert text.encode() not in data
    other = conceal(REF, bytes(32))
    assert {other.repo, other.ref, other.rev, other.tree}.isdisjoint(fields(conceal(REF, SALT)).values())


def test_concealing_twice_or_with_a_short_salt_is_refused() -> None:
    """A salt has 32 bytes, and what is concealed stays as it is."""
    with pytest.raises(BadFormat):
        conceal(REF, SALT[:31])
    with pytest.raises(BadFormat):
        conceal(conceal(REF, SALT), SALT)
    with pytest.raises(BadFormat):
        conceal_value(SALT, "ref", "\ud800")
