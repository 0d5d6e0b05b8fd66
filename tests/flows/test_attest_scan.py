"""What the scanner found in a settled revision is signed, as evidence that others can reproduce."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from tests.support.attesting import attest_all, attest_scans, scan_passed
from tests.support.nodes import commit, new_repo
from tests.support.scanning import ODD, RULE, with_scanner
from tests.support.upstreams import NAME, upstream

from hanse.db import attestations, leaves
from hanse.db.attestations import Attestation
from hanse.db.repos import Repo
from hanse.db.repository_scans import Head
from hanse.errors import StorageError
from hanse.flows import attest_scan as flow
from hanse.flows import bundles, rejudge, settle
from hanse.flows.attest_scan import basis_of, scan_passed_next
from hanse.flows.gitattributes import DEFAULT_GITATTRIBUTES
from hanse.flows.mirror.journey import mirror
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.reports import whole_evidence
from hanse.flows.settle import START, judge_next
from hanse.jobs.pool import ScanPool
from hanse.model.actor import Actor
from hanse.model.canonical import canonical
from hanse.model.digest import GitOid
from hanse.model.finding import Coverage
from hanse.model.repo import RepoType
from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource
from hanse.scan.verdict import judge
from hanse.scan.versions import SCANNER
from hanse.sign.bundle import parse_bundle_json, verify_bundle
from hanse.sign.statement import SCAN, Statement

FILES = {"x.gguf": ODD, "README.md": b"# m\n"}


@pytest.fixture(name="node")
def _node(lite: Node) -> Node:
    """Return a node on SQLite: rows are proved on both catalogues in tests/unit/db."""
    return lite


def _publish(node: Node, actor: Actor) -> tuple[Repo, GitOid]:
    repo = new_repo(node, actor, "alice/m")
    made = commit(node, actor, repo, *(PutBytes(path, data) for path, data in FILES.items()))
    return repo, made.rev


def _judge(node: Node) -> None:
    after = START
    while (found := judge_next(node, 0, after)) is not None:
        after = found


def _judge_files(node: Node) -> None:
    """Judge all files by the ruleset, as a node does in the background when it starts."""
    while rejudge.step(node):
        pass


def _rows(node: Node, repo: Repo, rev: str) -> list[Attestation]:
    with node.db.read() as conn:
        return [row for row in attestations.of_revision(conn, repo.id, rev) if row.predicate == SCAN]


def _statement(node: Node, row: Attestation) -> Statement:
    return verify_bundle(parse_bundle_json(bundles.read(node.store, row.payload, row.key)), node.keys.attest.public).statement


def test_the_evidence_is_what_anybody_computes(scanned: Node, alice: Actor) -> None:
    """The digest that is signed follows from the files, the ruleset and the scanner's version; findings do not quote files."""
    repo, rev = _publish(scanned, alice)
    assert attest_scans(scanned) == 0
    _judge(scanned)
    assert attest_scans(scanned) == 1
    (row,) = _rows(scanned, repo, rev)
    statement = _statement(scanned, row)
    assert scanned.scanning is not None
    rules = scanned.scanning.rules
    whole = FILES | {".gitattributes": DEFAULT_GITATTRIBUTES}
    judged = {path: judge(extract(BytesSource(data)), path, rules) for path, data in sorted(whole.items())}
    files = [[path, hashlib.sha256(canonical(one.to_json())).hexdigest()] for path, one in judged.items()]
    together = whole_evidence(scanned, repo, rev)
    assert together is not None
    evidence = canonical({"files": files, "repository": hashlib.sha256(together).hexdigest()})
    said: dict[str, Any] = dict(statement.predicate)
    assert said["evidence"] == hashlib.sha256(evidence).hexdigest()
    assert (said["verdict"], said["coverage"]) == ("suspicious", "complete")
    assert (said["scanner"]["version"], said["scanner"]["db"]["version"]) == (SCANNER, rules.digest)
    (found,) = said["scanner"]["result"]
    assert (found["id"], found["annotations"]) == (RULE, [{"path": "x.gguf"}, {"says": rules.rules[RULE].title}])
    assert statement.about("gitCommit", rev)
    assert row.basis == basis_of(rules.digest, SCANNER)
    assert attest_scans(scanned) == 0
    with scanned.db.read() as conn:
        leaf = leaves.get(conn, row.leaf_id)
    assert leaf is not None
    assert json.loads(leaf.leaf)["predicate"] == SCAN


def test_another_ruleset_is_another_statement(scanned: Node, alice: Actor, pool: ScanPool) -> None:
    """Each ruleset's verdict is signed for itself; the older one stays."""
    repo, rev = _publish(scanned, alice)
    _judge(scanned)
    attest_scans(scanned)
    other = with_scanner(scanned, pool, "malicious")
    assert attest_scans(other) == 0
    _judge(other)
    assert attest_scans(other) == 1
    first, second = _rows(scanned, repo, rev)
    assert first.basis != second.basis
    assert _statement(scanned, second).predicate["verdict"] == "malicious"


def test_what_was_passed_over_is_judged_and_signed(scanned: Node, alice: Actor) -> None:
    """A ref that moved on after its revision was attested leaves no revision unscanned, judged already or not; heads wait."""
    _judge_files(scanned)
    repo, first = _publish(scanned, alice)
    attest_all(scanned)
    assert scan_passed(scanned) == 1
    assert (_rows(scanned, repo, first), whole_evidence(scanned, repo, first)) == ([], None), "it is a head"
    second = commit(scanned, alice, repo, PutBytes("a.txt", b"a")).rev
    attest_all(scanned)
    _judge(scanned)
    third = commit(scanned, alice, repo, PutBytes("b.txt", b"b")).rev
    assert attest_scans(scanned) == 0
    assert scan_passed(scanned) == 2
    for rev in (first, second):
        (row,) = _rows(scanned, repo, rev)
        assert _statement(scanned, row).about("gitCommit", rev)
    assert whole_evidence(scanned, repo, third) is None, "nobody attested it"
    assert scan_passed(scanned) == 0


def test_what_was_passed_over_is_scanned_once(scanned: Node, alice: Actor, pool: ScanPool) -> None:
    """Another ruleset concerns heads alone, and while files are still judged by it nothing else is."""
    _judge_files(scanned)
    repo, first = _publish(scanned, alice)
    attest_all(scanned)
    second = commit(scanned, alice, repo, PutBytes("a.txt", b"a")).rev
    attest_all(scanned)
    scan_passed(scanned)
    other = with_scanner(scanned, pool, "malicious")
    commit(scanned, alice, repo, PutBytes("b.txt", b"b"))
    assert scan_passed_next(other) is None, "files are judged first"
    _judge_files(other)
    assert scan_passed(other) == 1
    assert [len(_rows(other, repo, rev)) for rev in (first, second)] == [1, 1]
    assert scan_passed(other) == 0


def test_a_mirrored_commit_is_scanned_without_a_ref(scanned: Node) -> None:
    """What was mirrored by its commit id, and is no head here, has the scanner's word like any other."""
    with upstream() as (origin, hub):
        rev = origin.repo(NAME).refs["refs/heads/main"]
        found = mirror(scanned, hub, RepoType.MODEL, NAME, rev)
    assert (found.ref, attest_scans(scanned)) == (None, 0)
    _judge_files(scanned)
    assert scan_passed(scanned) == 1
    assert len(_rows(scanned, found.repo, rev)) == 1


def test_trouble_with_one_keeps_no_other(scanned: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A revision that cannot be judged is passed by, and tried again in the next round."""
    _judge_files(scanned)
    repo, first = _publish(scanned, alice)
    attest_all(scanned)
    second = commit(scanned, alice, repo, PutBytes("a.txt", b"a")).rev
    attest_all(scanned)
    commit(scanned, alice, repo, PutBytes("b.txt", b"b"))
    real = settle.judge_head

    def failing(node: Node, head: Head) -> None:
        if head.rev == second:
            raise StorageError("the disk is gone")
        real(node, head)

    with monkeypatch.context() as patch:
        patch.setattr(flow, "judge_head", failing)
        assert scan_passed(scanned) == 2
    assert [len(_rows(scanned, repo, rev)) for rev in (first, second)] == [1, 0]
    assert scan_passed(scanned) == 1
    assert len(_rows(scanned, repo, second)) == 1


def test_errors_are_not_signed(scanned: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict that fails for want of time, memory or bytes depends on the machine, and nobody signs it."""
    repo, rev = _publish(scanned, alice)
    with monkeypatch.context() as patch:
        patch.setattr("hanse.flows.settle.facts_of", lambda _node, _digests: {})
        _judge(scanned)
    assert json.loads(whole_evidence(scanned, repo, rev) or b"")["coverage"] == Coverage.ERROR.value
    assert attest_scans(scanned) == 1
    assert _rows(scanned, repo, rev) == []


def test_bytes_that_went_meanwhile(scanned: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is signed about files whose facts cannot be had any more."""
    repo, rev = _publish(scanned, alice)
    _judge(scanned)
    with monkeypatch.context() as patch:
        patch.setattr(flow, "facts_of", lambda _node, _digests: {})
        attest_scans(scanned)
    assert _rows(scanned, repo, rev) == []
    monkeypatch.setattr(flow, "MAX_FILES", 1)
    attest_scans(scanned)
    assert len(_rows(scanned, repo, rev)) == 1


def test_lists_are_bounded(scanned: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst findings and the largest files are listed; the evidence covers all of them."""
    monkeypatch.setattr(flow, "MAX_FINDINGS", 2)
    monkeypatch.setattr(flow, "MAX_WEIGHTS", 1)
    monkeypatch.setattr(flow, "WEIGHT_BYTES", len(ODD))
    repo = new_repo(scanned, alice, "alice/m")
    made = commit(scanned, alice, repo, *(PutBytes(f"{number}.gguf", ODD * 40 + bytes(number)) for number in range(4)))
    _judge(scanned)
    attest_scans(scanned)
    statement = _statement(scanned, _rows(scanned, repo, made.rev)[0])
    assert [one.name for one in statement.subjects] == ["alice/m", "3.gguf"]
    (found,) = statement.predicate["scanner"]["result"]
    assert [one["path"] for one in found["annotations"] if "path" in one] == ["0.gguf", "1.gguf"], "one result for each rule"


def test_a_node_without_scanner_signs_no_verdict(node: Node, alice: Actor) -> None:
    """No scanner, no word."""
    _publish(node, alice)
    assert (attest_scans(node), scan_passed(node)) == (0, 0)
