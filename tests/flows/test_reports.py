"""Reports are evidence, and go to those who may have them."""

from __future__ import annotations

import hashlib

import pytest
from tests.support.nodes import commit, new_repo
from tests.support.scanning import ODD, RULE, rules, with_scanner

from hanse.errors import BlobNotFound, EntryNotFound, Held, NotFoundError, PolicyError
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.reports import of_content, of_file
from hanse.jobs.pool import ScanPool
from hanse.model.actor import Actor
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256
from hanse.scan.dispatch import extract
from hanse.scan.source import BytesSource
from hanse.scan.verdict import judge

DIGEST = Sha256(hashlib.sha256(ODD).hexdigest())


@pytest.fixture(name="node")
def _node(lite: Node) -> Node:
    """Return a node on SQLite."""
    return lite


def test_the_evidence_is_what_anybody_computes(scanned: Node, alice: Actor) -> None:
    """Bytes, path and ruleset give the same digest without the node."""
    repo = new_repo(scanned, alice, "alice/m")
    commit(scanned, alice, repo, PutBytes("x.gguf", ODD))
    report = of_file(scanned, alice, repo, "main", "x.gguf", facts=True)
    facts = extract(BytesSource(ODD))
    evidence = canonical(judge(facts, "x.gguf", rules()).to_json())
    assert (report.evidence, report.digest) == (evidence, hashlib.sha256(evidence).hexdigest())
    assert report.facts == canonical(facts.to_json())
    assert (report.action, report.sha256, report.waivers) == ("hold", DIGEST, [])


def test_held_reports_are_for_writers(scanned: Node, alice: Actor, bob: Actor) -> None:
    """Others learn the reason of the refusal and no more; reports on what they get they get, too."""
    repo = new_repo(scanned, alice, "alice/m")
    commit(scanned, alice, repo, PutBytes("x.gguf", ODD), PutBytes("y.txt", b"fine"))
    with pytest.raises(Held, match=RULE):
        of_file(scanned, bob, repo, "main", "x.gguf", facts=False)
    assert of_file(scanned, bob, repo, "main", "y.txt", facts=False).facts is None
    with pytest.raises(EntryNotFound):
        of_file(scanned, alice, repo, "main", "z", facts=False)


def test_the_uploader_of_a_refused_file_gets_its_report(node: Node, alice: Actor, bob: Actor, pool: ScanPool) -> None:
    """The commit was refused, so no revision names the file; whoever sent it can still read why."""
    strict = with_scanner(node, pool, "malicious")
    repo = new_repo(strict, alice, "alice/m")
    with pytest.raises(PolicyError):
        commit(strict, alice, repo, PutBytes("x.gguf", ODD))
    assert of_content(strict, alice, DIGEST, "x.gguf", facts=False).action == "refuse"
    with pytest.raises(BlobNotFound):
        of_content(strict, bob, DIGEST, "x.gguf", facts=False)
    with pytest.raises(BlobNotFound):
        of_content(strict, alice, Sha256("0" * 64), "x.gguf", facts=False)


def test_nodes_without_a_scanner_have_none(node: Node, alice: Actor) -> None:
    """There is nothing to report."""
    with pytest.raises(NotFoundError):
        of_content(node, alice, DIGEST, "x.gguf", facts=False)
