"""Receipts: one form, bounds on everything, and a file of evidence with a line in front."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hanse.errors import BadFormat, HanseError, TooLarge
from hanse.model import receipt as module
from hanse.model.canonical import canonical
from hanse.model.decision import Rung, State
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.evidence import parse_evidence
from hanse.model.filepin import FilePin
from hanse.model.receipt import (
    Cosigner,
    JudgedBy,
    Receipt,
    Signer,
    Source,
    encode_receipt,
    parse_receipt,
    split_receipt,
)
from hanse.model.repo import Origin, RepoId, RepoType

EVIDENCE = b'{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","x":1}\n'
FILES = (
    FilePin("config.json", 2, GitOid("a" * 40), lfs=False, sha256=Sha256("b" * 64)),
    FilePin("ü/model.bin", 2**40, GitOid("c" * 40), lfs=True, sha256=Sha256("d" * 64), xet=XetHash("e" * 64)),
)
RECEIPT = Receipt(
    repo=RepoId(Origin("models.example.org"), RepoType.DATASET, "Ada", "Tiny"),
    rev=GitOid("1" * 40),
    ref="refs/heads/main",
    tree="2" * 64,
    complete=True,
    pulled=1_800_000_000,
    as_of=1_799_999_999,
    rung=Rung.AGREED,
    policy=JudgedBy("open", "3" * 64, State.STALE),
    files=FILES,
    signers=(Signer("models.example.org", "4" * 64, owner=True),),
    cosigners=(Cosigner("w.example", "models.example.org", 1_799_999_000, mirror=True),),
    sources=(Source("127.0.0.1:8080", 12), Source("held", 0)),
    notices=("first contact",),
)
LINE = encode_receipt(RECEIPT)


def test_what_is_written_is_read() -> None:
    """A receipt file gives back the receipt and, byte for byte, the evidence behind it."""
    assert parse_receipt(LINE.strip()) == RECEIPT
    assert split_receipt(encode_receipt(RECEIPT, EVIDENCE)) == (RECEIPT, EVIDENCE)
    assert split_receipt(LINE)[0] == RECEIPT
    assert RECEIPT.size == 2**40 + 2


def test_a_receipt_file_is_an_evidence_file() -> None:
    """Whoever reads evidence only passes over the receipt's line."""
    assert parse_evidence(encode_receipt(RECEIPT, EVIDENCE)).ignored == 1


def test_a_file_without_receipt_is_left_as_it_is() -> None:
    """Evidence without a receipt comes back unchanged, also if it mentions receipts."""
    mentions = canonical({"mediaType": "application/later+json", "says": module.RECEIPT_TYPE})
    for data in (EVIDENCE, b"", b"\xff\n{", mentions):
        assert split_receipt(data) == (None, data)


def _changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    fields = json.loads(LINE)
    change(fields)
    return canonical(fields)


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.pop("tree"),
        lambda it: it.update(more=1),
        lambda it: it.update(mediaType="application/json"),
        lambda it: it.update(origin="../x"),
        lambda it: it.update(type="space"),
        lambda it: it.update(repo="a/b/c"),
        lambda it: it.update(rev="main"),
        lambda it: it.update(rev=None),
        lambda it: it.update(tree="zz"),
        lambda it: it.update(complete=1),
        lambda it: it.update(pulled=-1),
        lambda it: it.update(asOf=True),
        lambda it: it.update(rung="divine"),
        lambda it: it.update(ref="r" * 3000),
        lambda it: it.update(policy=[]),
        lambda it: it["policy"].update(state="maybe"),
        lambda it: it["policy"].update(digest="x"),
        lambda it: it.update(files={}),
        lambda it: it["files"].append(it["files"][0]),
        lambda it: it["files"].append([]),
        lambda it: it["files"][0].update(path="../../etc/passwd"),
        lambda it: it["files"][0].update(sha256=""),
        lambda it: it["files"][0].update(oid="x"),
        lambda it: it["files"][0].update(size="2"),
        lambda it: it["files"][0].update(lfs=None),
        lambda it: it.update(notices=[1]),
        lambda it: it.update(notices=["x"] * 2000),
        lambda it: it["signers"].append({"member": "a"}),
        lambda it: it["cosigners"].append({"name": "a", "log": "b", "time": "c", "mirror": True}),
        lambda it: it["sources"].append({"name": 1, "bytes": 1}),
    ],
)
def test_another_form_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    """Each field has one form; a receipt with any other is refused as a whole."""
    with pytest.raises(HanseError):
        parse_receipt(_changed(change))


def test_only_the_canonical_form_is_read() -> None:
    """One receipt has one sequence of bytes."""
    with pytest.raises(BadFormat):
        parse_receipt(json.dumps(json.loads(LINE)).encode())


def test_two_receipts_are_none() -> None:
    """Which of two receipts counts would be the reader's guess."""
    with pytest.raises(BadFormat):
        split_receipt(LINE + encode_receipt(replace(RECEIPT, notices=())))


def test_damage_is_told() -> None:
    """A receipt that was cut off is damaged, not absent."""
    with pytest.raises(BadFormat):
        split_receipt(LINE[:-30])


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes than a receipt and its evidence can have are not even looked at."""
    monkeypatch.setattr(module, "MAX_RECEIPT_BYTES", 100)
    with pytest.raises(TooLarge):
        split_receipt(LINE)
