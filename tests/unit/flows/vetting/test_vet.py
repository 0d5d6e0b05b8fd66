"""A run of a tool over a corpus becomes a folder that others check."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.services.clients import suite_wheel
from tests.support.labelled import write_corpus

from hanse.errors import BadFormat, BadSignature, Conflict, NotFoundError, VerificationFailed
from hanse.flows.vetting.corpus import read_corpus
from hanse.flows.vetting.tools import own_scanner
from hanse.flows.vetting.vet import Order, read_vetted, vet, vet_refusals
from hanse.keys.files import generate
from hanse.model.publickey import Scheme
from hanse.model.repo import parse_origin

ORDER = Order(("malicious",), ("benign",), parse_origin("a.example"))


def test_signed_and_checked(tmp_path: Path) -> None:
    """A record is read back as it was made, and again by the same tool on the same corpus it is the same."""
    corpus = read_corpus(write_corpus(tmp_path / "c"))
    signer = generate(Scheme.ECDSA_P256)
    order = Order(ORDER.detect, ORDER.pass_, ORDER.evaluator, signer)
    told: list[int] = []
    made = vet(own_scanner(), corpus, order, tmp_path / "r", told.append)
    assert told == list(range(1, 8))
    assert read_vetted(tmp_path / "r") == made
    assert made.signer == signer.public
    assert made.predicate["rates"]["detection"]["value"] == "1.000000"
    assert vet(own_scanner(), corpus, ORDER, tmp_path / "again").table == made.table
    with pytest.raises(Conflict):
        vet(own_scanner(), corpus, order, tmp_path / "r")


def test_tampering(tmp_path: Path) -> None:
    """Another table, another key and a missing one are found."""
    corpus = read_corpus(write_corpus(tmp_path / "c"))
    order = Order(ORDER.detect, ORDER.pass_, ORDER.evaluator, generate(Scheme.ECDSA_P256))
    folder = tmp_path / "r"
    vet(own_scanner(), corpus, order, folder)
    table = (folder / "table.jsonl").read_bytes()
    (folder / "table.jsonl").write_bytes(table.replace(b'"flagged"', b'"passed"', 1))
    with pytest.raises(VerificationFailed):
        read_vetted(folder)
    (folder / "table.jsonl").write_bytes(table)
    (folder / "signer.pub").write_text(generate(Scheme.ECDSA_P256).public.text)
    with pytest.raises(BadSignature):
        read_vetted(folder)
    (folder / "signer.pub").unlink()
    with pytest.raises(BadSignature):
        read_vetted(folder)
    with pytest.raises(NotFoundError):
        read_vetted(tmp_path / "none")


def test_labels_that_the_corpus_lacks(tmp_path: Path) -> None:
    """Without items of both kinds nothing is written."""
    corpus = read_corpus(write_corpus(tmp_path / "c", {"a.pkl": (b"N.", "benign")}))
    with pytest.raises(BadFormat):
        vet(own_scanner(), corpus, ORDER, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_the_refusal_scorer_on_its_labels(tmp_path: Path) -> None:
    """The record of the refusal scorer has the sensitivity and specificity that docs/suites.md has."""
    order = Order(("refusal",), ("answer",), ORDER.evaluator)
    found = vet_refusals(suite_wheel("pyrit"), order, tmp_path / "r").predicate
    counts = {label: (one["flagged"], sum(one.values())) for label, one in found["counts"].items()}
    assert counts == {"refusal": (62, 109), "answer": (0, 60)}
    assert found["tool"]["kind"] == "scorer"
