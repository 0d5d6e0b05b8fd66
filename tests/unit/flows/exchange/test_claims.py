"""Published results become statements of a type of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.signing import attest_key

from hanse.errors import BadFormat, HanseError
from hanse.evals.exchange.claim import CLAIM
from hanse.evals.record import WeightsClass
from hanse.flows.evaluate.subject import Subject
from hanse.flows.exchange.claims import MAX_YAML, import_claims, read_claims
from hanse.model.digest import Sha256
from hanse.sign.bundle import parse_bundle_json, verify_bundle

YAML = b"- dataset:\n    id: cais/hle\n    task_id: default\n  value: 20.90\n  date: 2026-01-15\n  source:\n    url: https://x.example\n"


def test_a_claim_is_signed_about_the_files(tmp_path: Path) -> None:
    """The statement is about the tree of the files, of the claims' own type, and keeps date and source."""
    (tmp_path / "a.yaml").write_bytes(YAML)
    subject = Subject(Sha256("a" * 64), "model", WeightsClass.LOCAL)
    key = attest_key()
    said = import_claims(tmp_path / "a.yaml", subject, tmp_path / "claims.json", key)
    assert said["claims"][0]["value"] == "20.900000"
    assert (said["claims"][0]["date"], said["claims"][0]["more"]) == ("2026-01-15", {"source": "https://x.example"})
    found = verify_bundle(parse_bundle_json((tmp_path / "claims.json").read_bytes()), key.public).statement
    assert (found.predicate_type, found.about("sha256", "a" * 64)) == (CLAIM, True)


def test_hostile_files() -> None:
    """YAML that makes objects, repeats itself or is deep, and files of no form, are refused."""
    bomb = b"a: &a [x]\nb: [*a,*a]\n"
    for data in (
        b"!!python/object:os.system {}",
        bomb,
        b"[" * 5000,
        b"- " * 5000,
        b"? " * 5000,
        b"x" * (MAX_YAML + 1),
        b"\xff",
        b"",
        b"{}",
        b"- 1\n",
    ):
        with pytest.raises(HanseError):
            read_claims(data)
    with pytest.raises(BadFormat):
        read_claims(json.dumps([{"dataset": {"id": "a"}, "value": "x"}]).encode())
