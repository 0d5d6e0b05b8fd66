"""Records of tools in a node's log, and the catalogue that they make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support import world
from tests.support.attesting import settle
from tests.support.labelled import write_corpus
from tests.support.nodes import commit

from hanse.db import attestations
from hanse.db.repos import Repo
from hanse.errors import Conflict
from hanse.evals.toolrecord import TOOL_EVALUATION
from hanse.flows import access
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.vetting.corpus import read_corpus
from hanse.flows.vetting.publish import catalogue, publish
from hanse.flows.vetting.tools import own_scanner
from hanse.flows.vetting.vet import Order, Vetted, vet
from hanse.model.actor import Actor


def _vetted(node: Node, folder: Path, *, digests: bool = True) -> Vetted:
    corpus = read_corpus(write_corpus(folder / "c", digests=digests))
    return vet(own_scanner(), corpus, Order(("malicious",), ("benign",), node.origin), folder / "r")


def test_logged_once(lite: Node, owner: Actor, repo: Repo, tmp_path: Path) -> None:
    """The statement is about the revision with the labels, whose files need not be there; the catalogue lists it once."""
    found = _vetted(lite, tmp_path)
    commit(lite, owner, repo, PutBytes("labels.tsv", (tmp_path / "c" / "labels.tsv").read_bytes()))
    settle(lite)
    revision = access.resolve_revision(lite, repo, "main")
    bundle = publish(lite, repo, revision, found)
    assert publish(lite, repo, revision, found).digest == bundle.digest
    with lite.db.read() as conn:
        rows = [row for row in attestations.of_revision(conn, repo.id, revision.rev) if row.predicate == TOOL_EVALUATION]
    assert len(rows) == 1
    (listed,) = catalogue(lite)
    assert (listed.rev, listed.key, listed.predicate) == (revision.rev, bundle.key.fingerprint, found.predicate)
    lite.sequencer.wait(rows[0].leaf_id or 0, 30)
    world.check(lite)


def test_refused(lite: Node, owner: Actor, repo: Repo, tmp_path: Path) -> None:
    """A record about other items, or by another institution, is not this node's word; nor is one without labels."""
    found = _vetted(lite, tmp_path)
    commit(lite, owner, repo, PutBytes("a.txt", b"x"))
    settle(lite)
    with pytest.raises(Conflict, match="no labels"):
        publish(lite, repo, access.resolve_revision(lite, repo, "main"), found)
    labels = (tmp_path / "c" / "labels.tsv").read_text()
    for text, why in ((labels.replace("malformed", "benign"), "the digest"), (labels, "elsewhere")):
        commit(lite, owner, repo, PutBytes("labels.tsv", text.encode()))
        settle(lite)
        other = replace(found, predicate=found.predicate | {"evaluator": "elsewhere.example"})
        with pytest.raises(Conflict, match=why):
            publish(lite, repo, access.resolve_revision(lite, repo, "main"), other)
    bare = write_corpus(tmp_path / "bare", digests=False)
    commit(lite, owner, repo, PutBytes("labels.tsv", (bare / "labels.tsv").read_bytes()))
    settle(lite)
    with pytest.raises(Conflict, match="no SHA-256"):
        publish(lite, repo, access.resolve_revision(lite, repo, "main"), found)
    assert catalogue(lite) == []
