"""Evidence files: one form, bounds on everything, nothing believed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.support.evidence import as_before

from hanse.errors import BadDigest, BadFormat, BadRepoId, HanseError, TooLarge
from hanse.model import evidence
from hanse.model.canonical import canonical
from hanse.model.evidence import (
    LOG_TYPE,
    MAP_TYPE,
    LeafEvidence,
    LogEvidence,
    MapEvidence,
    MapName,
    UnverifiedEvidence,
    encode_evidence,
    parse_evidence,
)
from hanse.model.repo import Origin

BUNDLE = b'{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","x":1}'
LEAVES = (LeafEvidence(3, b'{"a":1}', (bytes(32), b"\x01" * 32)), LeafEvidence(7, '{"a":"ü"}'.encode(), ()))
LOG = LogEvidence(Origin("a.example"), b"a.example\n8\nAAAA\n\n\xe2\x80\x94 a.example AAAA\n", LEAVES, "a.example+00000000+AAAA")
KEY = ("ref", "a.example", "model", "o/n", "refs/heads/main")
REF = MapEvidence(Origin("a.example"), MapName.REFS, KEY, (2, "a" * 40, "b" * 64), b"\x00\x00\x00")
ADVISORY = MapEvidence(Origin("a.example"), MapName.ADVISORIES, ("advisory", "HANSE-2026-1"), None, b"\x01\x00\x00")
WHOLE = encode_evidence([BUNDLE], [LOG], [REF, ADVISORY])


def test_what_is_written_is_read() -> None:
    """Parsing an encoded file gives the same parts, and the media types of the lines are the documented ones."""
    assert parse_evidence(WHOLE) == UnverifiedEvidence((BUNDLE,), (LOG,), (REF, ADVISORY))
    kinds = [json.loads(line)["mediaType"] for line in WHOLE.splitlines()]
    assert kinds[1:] == ["application/vnd.hanse.log.v2+json", "application/vnd.hanse.map-proof.v1+json", MAP_TYPE]


def test_order_and_unknown_lines_do_not_matter() -> None:
    """Lines may come in any order, empty ones and other media types between them are passed over."""
    lines = WHOLE.splitlines()
    mixed = b"\n\n".join([*reversed(lines), b'{"mediaType":"application/later+json"}', b""])
    assert parse_evidence(mixed) == UnverifiedEvidence((BUNDLE,), (LOG,), (ADVISORY, REF), ignored=1)


def test_a_bundle_of_another_tool_is_evidence() -> None:
    """Stock signers indent their bundle: a file that is one JSON object over many lines is one bundle."""
    indented = json.dumps(json.loads(BUNDLE), indent=2).encode() + b"\n"
    assert parse_evidence(indented).bundles == (indented,)


def _changed(line: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    fields = json.loads(line)
    change(fields)
    return canonical(fields)


_BUNDLE, _LOG, _REF, _ADVISORY = WHOLE.splitlines()
BAD = {
    "empty": b"",
    "blank": b" \n\n",
    "no JSON": b"{]",
    "no object": b"[1]",
    "no media type": b'{"a":1}',
    "media type no text": b'{"mediaType":1}',
    "field twice": b'{"mediaType":"a","mediaType":"b"}',
    "deep": b'{"mediaType":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not canonical": _LOG.replace(b'","', b'", "', 1),
    "log twice": _LOG + b"\n" + _LOG,
    "unknown field": _changed(_LOG, lambda log: log.update(extra=1)),
    "no leaves": _changed(_LOG, lambda log: log.pop("leaves")),
    "leaves no list": _changed(_LOG, lambda log: log.update(leaves={})),
    "leaf no object": _changed(_LOG, lambda log: log.update(leaves=[1])),
    "leaf field": _changed(_LOG, lambda log: log["leaves"][0].update(x=1)),
    "leaf no text": _changed(_LOG, lambda log: log["leaves"][0].update(leaf=1)),
    "index negative": _changed(_LOG, lambda log: log["leaves"][0].update(index=-1)),
    "index true": _changed(_LOG, lambda log: log["leaves"][0].update(index=True)),
    "leaves out of order": _changed(_LOG, lambda log: log["leaves"].reverse()),
    "leaf twice": _changed(_LOG, lambda log: log["leaves"].insert(0, log["leaves"][0])),
    "path no list": _changed(_LOG, lambda log: log["leaves"][0].update(path="")),
    "path too long": _changed(_LOG, lambda log: log["leaves"][0].update(path=["A" * 43 + "="] * 64)),
    "hash too short": _changed(_LOG, lambda log: log["leaves"][0].update(path=["AAAA"])),
    "hash no base64": _changed(_LOG, lambda log: log["leaves"][0].update(path=["!"])),
    "hash no text": _changed(_LOG, lambda log: log["leaves"][0].update(path=[1])),
    "idle bits": _changed(_LOG, lambda log: log["leaves"][0].update(path=["A" * 42 + "B="])),
    "bad origin": _changed(_LOG, lambda log: log.update(origin="A")),
    "origin no text": _changed(_LOG, lambda log: log.update(origin=1)),
    "vkey no text": _changed(_LOG, lambda log: log.update(vkey=None)),
    "unknown map": _changed(_REF, lambda one: one.update(map="tree")),
    "short key": _changed(_REF, lambda one: one["key"].pop()),
    "key of the other map": _changed(_ADVISORY, lambda one: one.update(key=["ref", "x"])),
    "key no texts": _changed(_ADVISORY, lambda one: one.update(key=["advisory", 1])),
    "value of the other map": _changed(_REF, lambda one: one.update(value=["a" * 64])),
    "value no digest": _changed(_ADVISORY, lambda one: one.update(value=["a"])),
    "seq 0": _changed(_REF, lambda one: one["value"].__setitem__(0, 0)),
    "seq no integer": _changed(_REF, lambda one: one["value"].__setitem__(0, "1")),
    "proof no base64": _changed(_REF, lambda one: one.update(proof="AA")),
    "too many lines": b'{"mediaType":"a"}\n' * 257,
    "surrogates": _LOG.replace(b"a.example\\n8", b"\\ud800\\n8", 1),
    "no UTF-8": BUNDLE[:-1] + b',"\xff":1}',
}


@pytest.mark.parametrize("name", BAD)
def test_malformed_evidence_is_refused(name: str) -> None:
    """Whatever is not exactly the form is an error of the input, never an accident."""
    with pytest.raises((BadFormat, BadDigest, BadRepoId, TooLarge)):
        parse_evidence(BAD[name])


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, the leaves of all its logs and a checkpoint have largest sizes."""
    many = tuple(LeafEvidence(index, b"{}", ()) for index in range(evidence.MAX_LEAVES + 1))
    for logs in ([LogEvidence(Origin("a"), b"x", many)], [LogEvidence(Origin(name), b"x", many[:600]) for name in ("a", "b")]):
        with pytest.raises((TooLarge, BadFormat)):
            encode_evidence([], logs, [])
    with pytest.raises(TooLarge):
        encode_evidence([], [LogEvidence(Origin("a"), b"x" * (evidence.MAX_CHECKPOINT_BYTES + 1), ())], [])
    with pytest.raises(TooLarge):
        parse_evidence(b" " * (evidence.MAX_EVIDENCE_BYTES + 1))


@pytest.mark.parametrize("bundle", [json.dumps({"mediaType": "a"}, indent=1).encode(), b"{}", b""])
def test_only_what_can_be_read_is_written(bundle: bytes) -> None:
    """A bundle with line breaks, or none at all, makes no file."""
    with pytest.raises(BadFormat):
        encode_evidence([bundle], [], [])
    with pytest.raises(BadFormat):
        encode_evidence([], [LogEvidence(Origin("a"), b"\xff", ())], [])


def test_every_changed_byte_is_another_file_or_none() -> None:
    """No byte of our own lines is idle: each change of one is refused or read as something else."""
    ours = b"\n".join([_LOG, _REF, _ADVISORY])
    before = parse_evidence(ours)
    for at in range(len(ours)):
        for flip in (0x01, 0x20):
            changed = bytearray(ours)
            changed[at] ^= flip
            try:
                assert parse_evidence(bytes(changed)) != before, f"byte {at}: {base64.b16encode(changed[at : at + 8])!r}"
            except HanseError:
                continue


def test_the_media_type_is_what_makes_a_line_ours() -> None:
    """A log line of a later version is passed over, not half understood."""
    assert parse_evidence(_LOG.replace(LOG_TYPE.encode(), b"application/vnd.hanse.log.v3+json")).ignored == 1


HASH = (b"\x01" * 32, b"\x02" * 32)
MANY = LogEvidence(
    Origin("a.example"),
    b"x",
    (
        LeafEvidence(0, b'{"a":{"b":[{"c":1}]}}', HASH),
        LeafEvidence(1, b'{"a": 1}', (HASH[1], HASH[1], b"\x03" * 32)),
        LeafEvidence(2, b'{"a":[[[[[1]]]]]}', ()),
        LeafEvidence(3, b"no JSON", ()),
    ),
)


def test_a_hash_is_written_once_and_a_leaf_as_what_it_is() -> None:
    """A number stands for a hash of before; what is not canonical, or nests deeper than records do, stays a text."""
    data = encode_evidence([], [MANY], [])
    assert parse_evidence(data).logs == (MANY,)
    leaves = json.loads(data)["leaves"]
    assert [one["leaf"] for one in leaves] == [{"a": {"b": [{"c": 1}]}}, '{"a": 1}', '{"a":[[[[[1]]]]]}', "no JSON"]
    assert leaves[1]["path"] == [1, 1, base64.b64encode(b"\x03" * 32).decode()]
    for at, path in ((0, [0]), (1, [2]), (1, [-1]), (1, [True]), (1, [leaves[0]["path"][1]])):
        changed = _changed(data, lambda log, at=at, path=path: log["leaves"][at].update(path=path))  # type: ignore[misc]
        with pytest.raises(BadFormat):
            parse_evidence(changed)
    for leaf in ('{"a":1}', [1], 1):
        with pytest.raises(BadFormat):
            parse_evidence(_changed(data, lambda log, leaf=leaf: log["leaves"][1].update(leaf=leaf)))  # type: ignore[misc]


def test_the_form_of_before_is_read() -> None:
    """Files that were kept say what they said: every leaf a text, every hash in full, and neither form within the other."""
    data = encode_evidence([BUNDLE], [MANY, replace(LOG, origin=Origin("b.example"))], [REF])
    old = as_before(data)
    assert b"log.v2" not in old
    assert b'"leaf":{' not in old
    assert parse_evidence(old) == parse_evidence(data)
    for one, other in ((b"log.v1", b"log.v2"), (b"log.v2", b"log.v1")):
        with pytest.raises(BadFormat, match="not in the one form"):
            parse_evidence((old if one in old else data).replace(one, other))
