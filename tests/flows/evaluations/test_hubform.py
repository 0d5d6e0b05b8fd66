"""Logged evaluations in the Hub's form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.attesting import settle, wait
from tests.support.nodes import commit
from tests.support.openaiserver import Adder, Model, sums

from hanse.db.repos import Repo
from hanse.errors import RevisionNotFound
from hanse.evals.suite import Suite
from hanse.flows import access
from hanse.flows.evalresults import eval_results
from hanse.flows.evaluate.publish import publish
from hanse.flows.evaluate.run import Order, evaluate
from hanse.flows.evaluate.runfolder import read_run
from hanse.flows.evaluate.subject import of_endpoint
from hanse.flows.evaluations.hubform import logged_results
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.repos import create_repo
from hanse.flows.suites.shipped import shipped
from hanse.model.actor import Actor
from hanse.model.repo import RepoType, parse_repo_id

BASE = "http://n.example"


def _logged(node: Node, repo: Repo, suite: Suite, folder: Path) -> str:
    """Log a record of a made-up model with a suite; returns the commit."""
    revision = access.resolve_revision(node, repo, "main")
    subject = replace(of_endpoint("http://api.example", "adder"), tree=revision.tree)
    evaluate(Order(suite, subject, folder, node.origin), Adder(Model()))
    publish(node, repo, revision, read_run(folder))
    wait(node)
    return revision.rev


def test_records_of_suites_with_a_name(lite: Node, owner: Actor, repo: Repo, tmp_path: Path) -> None:
    """A record of a shipped suite is an entry, one of another suite as soon as that lies in a data set here."""
    commit(lite, owner, repo, PutBytes("m.gguf", b"GGUF"))
    settle(lite)
    assert logged_results(lite, repo, "main", BASE) == []
    own, known = sums(20), shipped("refusals")
    _logged(lite, repo, own, tmp_path / "own")
    rev = _logged(lite, repo, known, tmp_path / "known")
    (entry,) = logged_results(lite, repo, rev, BASE)
    assert entry["dataset"] == {"id": "hanse/refusals", "task_id": "refusals"}
    assert entry["source"]["url"] == f"{BASE}/api/models/{repo.repo.path}/evaluations/{rev}"
    for word in ("corrected for the scorer's errors 0.", known.digest, "checked by others at V0"):
        assert word in entry["notes"]
    data = create_repo(lite, owner, parse_repo_id(lite.origin, RepoType.DATASET, "owner/sums"))
    at = commit(lite, owner, data, PutBytes("suite.json", own.manifest())).rev
    entries = {one["dataset"]["id"]: one for one in logged_results(lite, repo, rev, BASE)}
    assert entries["owner/sums"]["dataset"] == {"id": "owner/sums", "task_id": "default", "revision": at}
    assert eval_results(lite, repo, rev, lite.listings.get(lite.store, access.resolve_revision(lite, repo, rev).object), BASE)
    with pytest.raises(RevisionNotFound):
        logged_results(lite, repo, "nothing", BASE)
