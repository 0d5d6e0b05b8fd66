"""in-toto Statements: written canonically, read in any form, matched by digest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.signing import FILES, REPO, REV, TREE, entries, manifest

from hanse.errors import BadDigest, BadFormat, TooLarge
from hanse.model.canonical import canonical
from hanse.model.digest import GitOid, Sha256
from hanse.model.finding import Coverage, Finding, Verdict
from hanse.model.ref_statement import ref_payload
from hanse.model.repo import Origin, branch_ref
from hanse.sign import statement as module
from hanse.sign.statement import (
    ADVISORY,
    MAX_SUBJECTS,
    OBSERVATION,
    REF,
    REVIEW,
    SCAN,
    ScanReport,
    Statement,
    Subject,
    UpstreamClaim,
    advisory_statement,
    file_subject,
    observation_statement,
    parse_statement,
    ref_statement,
    review_statement,
    revision_subject,
    scan_statement,
)

SUBJECT = revision_subject(REPO, REV, TREE)
MAIN = branch_ref("main")


def test_round_trip() -> None:
    """A statement is what its bytes say, and the bytes are canonical JSON."""
    data = manifest().encode()
    assert parse_statement(data) == manifest()
    assert canonical(json.loads(data)) == data


def test_any_form_is_read() -> None:
    """An indented statement in another order is the same statement."""
    fields = dict(reversed(json.loads(manifest().encode()).items()))
    assert parse_statement(json.dumps(fields, indent=2).encode()) == manifest()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("_type", "https://in-toto.io/Statement/v0.1"),
        ("_type", None),
        ("subject", []),
        ("subject", {}),
        ("subject", ["x"]),
        ("subject", [{"name": 1, "digest": {"sha256": "00"}}]),
        ("subject", [{"name": "x"}]),
        ("subject", [{"name": "x", "digest": {}}]),
        ("subject", [{"name": "x", "digest": {"sha256": 1}}]),
        ("subject", [{"name": "x", "digest": {"sha256": ""}}]),
        ("subject", [{"name": "x", "digest": {str(at): "00" for at in range(17)}}]),
        ("subject", [{"name": "x" * 5000, "digest": {"sha256": "00"}}]),
        ("predicateType", ""),
        ("predicateType", 1),
        ("predicate", None),
        ("predicate", []),
    ],
)
def test_what_is_refused(field: str, value: Any) -> None:
    """Other types, no subject, subjects without a digest, predicates that are no object."""
    fields = json.loads(manifest().encode()) | {field: value}
    with pytest.raises(BadFormat):
        parse_statement(json.dumps(fields).encode())


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Subjects are counted, and a statement that others would refuse is not made."""
    many = Statement((SUBJECT,) * (MAX_SUBJECTS + 1), REVIEW, {})
    with pytest.raises(TooLarge):
        parse_statement(many.encode())
    monkeypatch.setattr(module, "MAX_STATEMENT_BYTES", 100)
    with pytest.raises(TooLarge):
        manifest().encode()
    with pytest.raises(TooLarge):
        parse_statement(b" " * 101)


def test_fields_that_are_there_twice() -> None:
    """Two predicates in one statement are refused, at any depth."""
    data = manifest().encode()
    for field in (b'"predicate":', b'"resources":'):
        with pytest.raises(BadFormat, match="twice"):
            parse_statement(data.replace(field, field + b"{}," + field))


def test_subjects_are_matched_by_digest() -> None:
    """A revision is found by commit id and tree, a file by its sha256, and never by a name."""
    digest = entries(FILES)[0].sha256
    said = review_statement([SUBJECT, file_subject("x", digest)], verifier="https://hanse/v1", properties=["A"], time=0)
    assert said.about("gitCommit", REV)
    assert said.about("sha256", TREE)
    assert said.about("sha256", digest)
    assert not said.about("sha256", REV)
    with pytest.raises(BadDigest):
        file_subject("x", Sha256("00"))
    with pytest.raises(BadDigest):
        revision_subject(REPO, GitOid("00"), TREE)


def test_scan() -> None:
    """Findings have the fields of vulns v0.2, the verdict stands beside them, and no finding is an empty result."""
    finding = Finding("PICKLE-CALL-UNKNOWN", Verdict.SUSPICIOUS, "It calls x.", "Remove it.", member="data.pkl")
    evidence = Sha256("ab" * 32)
    report = ScanReport("1", TREE, Verdict.SUSPICIOUS, Coverage.COMPLETE, (("m.bin", finding),), evidence, 86400)
    said = scan_statement([SUBJECT], report)
    assert said.predicate_type == SCAN
    scanner = said.predicate["scanner"]
    assert scanner["db"] == {"uri": "https://hanse/ruleset", "version": TREE, "lastUpdate": "1970-01-02T00:00:00Z"}
    assert scanner["result"] == [
        {
            "id": "PICKLE-CALL-UNKNOWN",
            "severity": [{"method": "https://hanse/scanner", "score": "suspicious"}],
            "annotations": [{"path": "m.bin"}, {"says": "It calls x."}, {"member": "data.pkl"}],
        }
    ]
    assert (said.predicate["verdict"], said.predicate["evidence"]) == ("suspicious", evidence)
    assert parse_statement(said.encode()) == said


def test_the_other_claims() -> None:
    """Observation, ref, review and advisory say what they are about in the subject and in full in the predicate."""
    claim = UpstreamClaim(2, 30, TREE)
    seen = observation_statement(REPO, MAIN, REV, TREE, observer=Origin("a.example"), seq=3, claim=claim, time=0)
    assert seen.predicate_type == OBSERVATION
    assert seen.predicate == {
        "origin": REPO.origin,
        "type": "model",
        "repo": REPO.path,
        "ref": "refs/heads/main",
        "seq": 3,
        "observer": "a.example",
        "observedOn": "1970-01-01T00:00:00Z",
        "claimed": {"files": 2, "bytes": 30, "listed": TREE},
    }
    position = ref_statement(REPO, MAIN, 3, REV, TREE)
    assert position.predicate_type == REF
    assert position.predicate == {
        "origin": REPO.origin,
        "type": "model",
        "repo": "acme/tiny",
        "ref": "refs/heads/main",
        "seq": 3,
        "rev": REV,
        "tree": TREE,
    }
    assert position.encode() == ref_payload(REPO.origin, REPO.type, REPO.folded, MAIN, seq=3, rev=REV, tree=TREE)
    review = review_statement([SUBJECT], verifier="https://hanse/v1", properties=["B", "A"], time=0)
    assert review.predicate == {
        "verifier": {"id": "https://hanse/v1"},
        "timeCreated": "1970-01-01T00:00:00Z",
        "properties": ["A", "B"],
    }
    record = {"id": "HANSE-2027-1", "modified": "2027-01-01T00:00:00Z"}
    advisory = advisory_statement([Subject("x", {"sha256": TREE})], record)
    assert (advisory.predicate_type, advisory.predicate) == (ADVISORY, record)
    for said in (seen, position, review, advisory):
        assert parse_statement(said.encode()) == said
