"""Bundles and manifests under arbitrary bytes: what is not exactly what a key signed is refused with an error of ours."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.signing import REPO, REV, TREE, attest_key, entry, signed, verified

from hanse.errors import HanseError
from hanse.model.digest import Sha256
from hanse.model.strictjson import parse_strict
from hanse.sign.bundle import parse_bundle_json, verify_bundle
from hanse.sign.dsse import pae
from hanse.sign.oms import manifest_statement, parse_manifest
from hanse.sign.statement import Statement, Subject, parse_statement

KEY = attest_key()
SOME = settings(max_examples=60, deadline=None)
UNICODE = st.characters(codec="utf-8")
BUNDLE = signed(KEY)
DATA = BUNDLE.encode()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
SEGMENT = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0\n\r"), min_size=1, max_size=12).filter(
    lambda text: text.lower() not in (".", "..", ".git")
)
PATHS = st.lists(st.lists(SEGMENT, min_size=1, max_size=4).map("/".join), min_size=1, max_size=12, unique=True)


def _opens(data: bytes) -> bool:
    """Tell whether `data` is accepted as a bundle of the key; whatever is accepted has the payload that was signed."""
    try:
        found = verify_bundle(parse_bundle_json(data), KEY.public)
    except HanseError:
        return False
    assert found.payload == BUNDLE.payload
    return True


@SOME
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Arbitrary bytes are refused by an error of ours, never by another one."""
    assert not _opens(data)


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(DATA) - 1), with_=st.binary(max_size=3), length=st.integers(0, 40))
def test_any_splice(at: int, with_: bytes, length: int) -> None:
    """Bytes replaced, put in or cut out anywhere give an error of ours, or change nothing that was signed."""
    _opens(DATA[:at] + with_ + DATA[at + length :])


@SOME
@given(bit=st.integers(0, 8 * len(BUNDLE.payload) - 1))
def test_any_bit_of_the_payload(bit: int) -> None:
    """No single bit of the payload can be turned."""
    payload = bytearray(BUNDLE.payload)
    payload[bit // 8] ^= 1 << bit % 8
    fields = json.loads(DATA)
    fields["dsseEnvelope"]["payload"] = base64.b64encode(bytes(payload)).decode()
    assert not _opens(json.dumps(fields).encode())


@SOME
@given(
    path=st.sampled_from(["", "verificationMaterial", "dsseEnvelope", "verificationMaterial.publicKey"]),
    value=JSON,
    name=st.text(),
)
def test_any_field(path: str, value: Any, name: str) -> None:
    """Whatever value stands anywhere, the result is an error of ours or what was signed."""
    fields = json.loads(DATA)
    there = fields
    for step in path.split(".") if path else []:
        there = there[step]
    for key in (*list(there), name):
        kept = there.get(key)
        there[key] = value
        _opens(json.dumps(fields).encode())
        there[key] = kept


@SOME
@given(
    st.builds(
        Statement,
        st.lists(
            st.builds(
                Subject,
                st.text(UNICODE, max_size=20),
                st.dictionaries(
                    st.sampled_from(["sha256", "gitCommit", "x"]), st.text("0123456789abcdef", min_size=1), min_size=1
                ),
            ),
            min_size=1,
            max_size=3,
        ).map(tuple),
        st.text(UNICODE, min_size=1, max_size=40),
        st.dictionaries(st.text(UNICODE, max_size=8), st.integers(0, 9) | st.none(), max_size=4),
    )
)
def test_statements_round_trip(statement: Statement) -> None:
    """Any statement is read back equal, and its bytes are its own."""
    assert parse_statement(statement.encode()) == statement
    assert parse_statement(statement.encode()).encode() == statement.encode()


@SOME
@given(PATHS, st.randoms())
def test_manifests_round_trip(paths: list[str], shuffle: Any) -> None:
    """A manifest of any files comes back with all of them, in order, independent of the order they were given in."""
    given_ = [entry(path, path.encode()) for path in paths]
    said = manifest_statement("m", given_, REPO, REV, TREE)
    shuffle.shuffle(given_)
    assert manifest_statement("m", given_, REPO, REV, TREE) == said
    found = parse_manifest(verified(said))
    assert [file.path for file in found.files] == sorted(paths)
    assert {(file.path, file.sha256, file.size, file.xet) for file in found.files} == {
        (one.path, one.sha256, one.size, one.xet) for one in given_
    }


@SOME
@given(PATHS, st.data())
def test_altered_manifests(paths: list[str], data: st.DataObject) -> None:
    """A file dropped, doubled or given another digest makes a manifest inconsistent, even where a key signed it so."""
    said = manifest_statement("m", [entry(path, path.encode()) for path in paths], REPO, REV, TREE)
    resources = [dict(one) for one in said.predicate["resources"]]
    at = data.draw(st.integers(0, len(resources) - 1))
    how = data.draw(st.sampled_from(["drop", "double", "digest"]))
    if how == "drop":
        del resources[at]
    elif how == "double":
        resources.append(resources[at])
    else:
        resources[at]["digest"] = Sha256("00" * 32)
    with pytest.raises(HanseError):
        parse_manifest(verified(Statement(said.subjects, said.predicate_type, {**said.predicate, "resources": resources})))


@SOME
@given(st.text(max_size=20), st.binary(max_size=20), st.text(max_size=20), st.binary(max_size=20))
def test_no_two_payloads_share_an_encoding(kind: str, payload: bytes, other_kind: str, other_payload: bytes) -> None:
    """Different (type, payload) have different pre-authentication encodings."""
    if (kind, payload) != (other_kind, other_payload):
        try:
            assert pae(kind, payload) != pae(other_kind, other_payload)
        except UnicodeEncodeError:
            assert any("\ud800" <= char <= "\udfff" for char in kind + other_kind)


@SOME
@given(st.dictionaries(st.text(UNICODE, max_size=8), JSON, max_size=4))
def test_strict_reading_agrees_with_json(value: dict[str, Any]) -> None:
    """Whatever is read strictly is the value that any reader sees."""
    data = json.dumps(value).encode()
    try:
        assert parse_strict(data, "x", 1 << 20) == value
    except HanseError:
        assert "\\ud" in data.decode()  # half of a surrogate pair in a nested text
