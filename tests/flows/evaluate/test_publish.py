"""A record in a node's log: signed by the node, about exactly its revision, and shown with the revision's evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support import world
from tests.support.attesting import settle
from tests.support.nodes import commit, new_repo
from tests.support.openaiserver import Adder, Model, sums

from hanse.db import attestations
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import BadFormat, Conflict
from hanse.evals.harness import DRIVEN
from hanse.evals.record import EVALUATION, parse_record
from hanse.flows import access, bundles
from hanse.flows.evaluate.publish import position, publish, publish_folder
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.runfolder import Read, read_run
from hanse.flows.evaluate.subject import of_endpoint
from hanse.flows.exchange.importing import Wanted, import_log, read_log, write
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor


@pytest.fixture(name="revision")
def _revision(lite: Node, owner: Actor, repo: Repo) -> Revision:
    commit(lite, owner, repo, PutBytes("m.gguf", b"GGUF"))
    settle(lite)
    return access.resolve_revision(lite, repo, "main")


def _ran(node: Node, revision: Revision, folder: Path) -> Read:
    subject = replace(of_endpoint("http://api.example", "adder"), tree=revision.tree)
    evaluate(Order(sums(20), subject, folder, node.origin), Adder(Model()))
    return read_run(folder)


def test_logged(lite: Node, repo: Repo, revision: Revision, tmp_path: Path) -> None:
    """The record is the node's statement about commit and tree; it is entered once, however often it is published."""
    read = _ran(lite, revision, tmp_path / "run")
    bundle = publish(lite, repo, revision, read)
    assert publish(lite, repo, revision, read).digest == bundle.digest
    with lite.db.read() as conn:
        rows = [row for row in attestations.of_revision(conn, repo.id, revision.rev) if row.predicate == EVALUATION]
    assert len(rows) == 1
    lite.sequencer.wait(rows[0].leaf_id or 0, 30)
    assert position(lite, repo, revision, bundle) is not None
    loaded = bundles.load(lite.store, bundle.digest, lite.keys.attest.public)
    assert loaded is not None
    assert parse_record(read.statement.predicate) == read.record
    world.check(lite)


def test_refused(lite: Node, owner: Actor, repo: Repo, revision: Revision, tmp_path: Path) -> None:
    """A record about other files, or by another institution, is not this node's word."""
    read = _ran(lite, revision, tmp_path / "run")
    other = new_repo(lite, owner, "owner/other")
    commit(lite, owner, other, PutBytes("m.gguf", b"GGUF2"))
    with pytest.raises(Conflict, match="the tree"):
        publish(lite, other, access.resolve_revision(lite, other, "main"), read)
    record = replace(read.record, evaluator="elsewhere.example")
    with pytest.raises(Conflict, match="elsewhere"):
        publish(lite, repo, revision, replace(read, run=replace(read.run, record=record)))


LOG = Path(__file__).resolve().parents[2] / "vectors" / "harness_logs" / "inspect.json"


def test_scores_of_a_harness(lite: Node, repo: Repo, revision: Revision, tmp_path: Path) -> None:
    """Outcomes by a harness's own scorer are logged as the node's word if it drove the harness, and not from a log."""
    subject = replace(of_endpoint("http://api.example", "adder"), tree=revision.tree)
    wanted = Wanted("", "match", tmp_path / "imported", lite.origin, None, subject)
    import_log(LOG, wanted)
    with pytest.raises(BadFormat, match="does not have"):
        publish_folder(lite, repo, revision, tmp_path / "imported")
    log = read_log(LOG, "", "match")[0]
    said = {name: getattr(read_run(tmp_path / "imported").record, name) for name in ("numerics", "hardware", "timing", "runner")}
    said |= {"model": subject.tree, "name": subject.name, "weights": subject.weights, "evaluator": lite.origin}
    write(log, replace(wanted, folder=tmp_path / "driven"), subject, said | {"gaps": (DRIVEN, *log.gaps)})
    assert len(publish_folder(lite, repo, revision, tmp_path / "driven")) == 1
