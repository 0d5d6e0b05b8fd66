"""Leaves about refs and repositories: exact bytes, bounds, strict parsing, what is signed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.leaves import NODE, REF, REPO, SALT, fields, signed

from hanse.errors import BadDigest, BadFormat, BadRepoId, BadSignature, HanseError
from hanse.model.canonical import parse_canonical
from hanse.model.conceal import conceal
from hanse.model.digest import NO_GIT_OID, NO_SHA256, GitOid, Sha256
from hanse.model.leaf import encode_leaf, parse_leaf
from hanse.model.leaf_fields import MAX_LEAF_BYTES, parse_time, text
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, RepoOp, RevKind, parse_ref_leaf, signed_bytes, usual_ref_leaf
from hanse.model.repo import Origin, RefName


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
        {"extra": "later"},
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


def test_a_signed_leaf_has_key_and_sig_beside_the_rest() -> None:
    """The bytes are those of the unsigned leaf with both fields added, and they parse as equal."""
    leaf = signed(REF)
    assert fields(leaf) == fields(REF) | {"key": NODE.public.fingerprint, "sig": leaf.sig}
    assert parse_leaf(encode_leaf(leaf)) == leaf


def test_the_signature_covers_every_byte_but_itself() -> None:
    """What is signed is the leaf with its key and without sig; any other leaf, or another key, does not verify."""
    leaf = signed(REF)
    covered = signed_bytes(leaf)
    assert json.loads(covered) == {name: value for name, value in fields(leaf).items() if name != "sig"}
    assert covered == rfc8785.dumps(json.loads(covered))
    sig = base64.b64decode(leaf.sig)
    NODE.public.verify(sig, covered)
    others = [{"seq": 2, "prev": Sha256("ef" * 32)}, {"rev": NO_GIT_OID}, {"time": 0}, {"key": "ab" * 32}]
    for change in others:
        with pytest.raises(BadSignature):
            NODE.public.verify(sig, signed_bytes(replace(leaf, **change)))  # type: ignore[arg-type]


def test_a_concealed_leaf_is_signed_as_it_is_written() -> None:
    """The signature of a concealed leaf verifies from the concealed bytes alone."""
    leaf = signed(conceal(REF, SALT))
    again = parse_leaf(encode_leaf(leaf))
    assert isinstance(again, RefLeaf)
    NODE.public.verify(base64.b64decode(again.sig), signed_bytes(again))


@pytest.mark.parametrize(
    "change",
    [
        {"key": "ab" * 32},
        {"sig": "AAAA"},
        {"key": "", "sig": ""},
        {"key": "AB" * 32, "sig": "AAAA"},
        *({"key": "ab" * 32, "sig": sig} for sig in ("?", "AAA", "AAB=", "A" * 4100, "AA==\n", "", None, 7)),
    ],
)
def test_half_a_signature_is_refused(change: dict[str, Any]) -> None:
    """A leaf has key and sig or neither, the key a fingerprint, the signature the one base64 form of its bytes."""
    with pytest.raises(HanseError):
        parse_leaf(rfc8785.dumps(fields() | change))


def test_an_unsigned_leaf_has_nothing_to_sign() -> None:
    """Only a leaf that names its key can be signed, and one that names it cannot be written without its signature."""
    with pytest.raises(BadFormat):
        signed_bytes(REF)
    with pytest.raises(BadFormat):
        encode_leaf(replace(REF, key=NODE.public.fingerprint))
    with pytest.raises(BadFormat):
        replace(REF, sig="AAAA")


def _by_json(data: bytes) -> RefLeaf | None:
    """Return the ref leaf that the general reader finds, None if it finds none or something else."""
    try:
        fields = parse_canonical(data, "a leaf", MAX_LEAF_BYTES)
        head = (type(fields.get("v")), fields.get("v"), fields.get("kind"), fields.get("must"))
        return parse_ref_leaf(fields, parse_time(text(fields, "time"))) if head == (int, 1, "ref", True) else None
    except HanseError:
        return None


def _quickly(data: bytes) -> RefLeaf | None:
    try:
        return usual_ref_leaf(data)
    except HanseError:
        return None


_SIGNED = encode_leaf(signed(REF, NODE))
_CHANGES = st.lists(st.tuples(st.integers(0, len(_SIGNED) - 1), st.integers(0, 2), st.binary(max_size=3)), max_size=3)


@settings(max_examples=150, deadline=None)
@given(st.booleans(), _CHANGES)
@example(True, [])
@example(False, [])
def test_the_usual_form_is_read_as_json_reads_it(with_key: bool, changes: list[tuple[int, int, bytes]]) -> None:
    """Of bytes changed anywhere, the quick reader never takes what the general one refuses, nor reads anything else from them."""
    data = bytearray(_SIGNED if with_key else encode_leaf(REF))
    for at, cut, new in changes:
        data[at : at + cut] = new
    found = _quickly(bytes(data))
    assert found is None or found == _by_json(bytes(data))
    assert bool(changes) or found is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"seq":1,', b'"seq":01,'),
        (b'"seq":1,', b'"seq":1.0,'),
        (b'"seq":1,', b'"seq":9007199254740993,'),
        (b'"v":1}', b'"v":2}'),
        (b'"v":1}', b'"v":1} '),
        (b'"v":1}', b'"v":1}\n'),
        (b'"must":true', b'"must":false'),
        (b"refs/heads/main", b"refs/heads/ma\\u0069n"),
        (b"refs/heads/main", b"refs/heads/ma\x7fin"),
        (b"refs/heads/main", b'refs/heads/m","ref":"refs/heads/n'),
        (b'"computed"', b'"guessed"'),
        (b'"type":"model"', b'"type":"space"'),
        (b'"time":"2026-11-22T08:03:24Z"', b'"time":"2026-11-22T08:03:24+00:00"'),
        (b'"time":"2026-11-22T08:03:24Z"', b'"time":"2026-02-30T08:03:24Z"'),
    ],
)
def test_what_is_not_the_usual_form_goes_the_general_way(old: bytes, new: bytes) -> None:
    """Leading zeros, doubles, escapes, doubled fields, other versions and values: no reader takes them for a ref leaf."""
    for data in (_SIGNED, encode_leaf(REF)):
        changed = data.replace(old, new)
        assert changed != data
        assert _quickly(changed) is None
        assert _by_json(changed) is None
