"""Which suites a node runs for others: those that ship, and those in its public datasets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.attesting import settle
from tests.support.evalworker import Counted
from tests.support.nodes import commit
from tests.support.openaiserver import Model, sums

from hanse.db.repos import Repo
from hanse.errors import BadFormat, NotFoundError, RepoNotFound, TooLarge
from hanse.flows.evaluations import suites
from hanse.flows.evaluations.queue import submit
from hanse.flows.evaluations.suites import suite_of_job
from hanse.flows.evaluations.worker import Worker
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.repos import create_repo
from hanse.model.actor import Actor
from hanse.model.repo import RepoType, Visibility, parse_repo_id

SUITE = sums(20)
NAME = "datasets/owner/sums"


def _dataset(node: Node, owner: Actor, path: str, visibility: Visibility = Visibility.PUBLIC) -> Repo:
    return create_repo(node, owner, parse_repo_id(node.origin, RepoType.DATASET, path), visibility)


@pytest.fixture(name="published")
def _published(lite: Node, owner: Actor) -> Repo:
    repo = _dataset(lite, owner, "owner/sums")
    commit(lite, owner, repo, PutBytes("suite.json", SUITE.manifest()), PutBytes("items.jsonl", SUITE.lines()))
    settle(lite)
    return repo


def test_a_suite_of_a_dataset_is_run(lite: Node, owner: Actor, repo: Repo, published: Repo, tmp_path: Path) -> None:
    """It is queued by the commit that its branch points at, and run as it was then, also when the branch has moved on."""
    commit(lite, owner, repo, PutBytes("m.gguf", b"GGUF"))
    settle(lite)
    job = submit(lite, repo, "main", f"{NAME}@main")
    assert submit(lite, repo, "main", NAME) == job
    assert job.suite == suite_of_job(lite, job.suite)[0] != f"{NAME}@main"
    later = replace(SUITE, version="2")
    commit(lite, owner, published, PutBytes("suite.json", later.manifest()))
    done = Worker(lite, tmp_path / "runs", lambda _: Counted(Model()), "here").step()
    assert done is not None
    assert (done.state, done.done) == ("done", len(SUITE.items))
    assert (tmp_path / "runs" / str(job.id) / "run" / "suite.json").read_bytes() == SUITE.manifest()
    assert suite_of_job(lite, NAME)[1] == later


def test_what_is_no_suite_for_everybody(lite: Node, owner: Actor, published: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A private dataset, one that is not there, a folder, a model, files that are none, and too many bytes are refused."""
    private = _dataset(lite, owner, "owner/mine", Visibility.PRIVATE)
    commit(lite, owner, private, PutBytes("suite.json", SUITE.manifest()), PutBytes("items.jsonl", SUITE.lines()))
    for name in ("datasets/owner/mine", "datasets/owner/none", "datasets/owner/repo"):
        with pytest.raises(RepoNotFound, match="no public dataset"):
            suite_of_job(lite, name)
    with pytest.raises(NotFoundError, match="folder") as caught:
        suite_of_job(lite, "./suite")
    assert "--repo-type dataset" in caught.value.hint
    monkeypatch.setattr(suites, "MAX_ITEMS_BYTES", 10)
    with pytest.raises(TooLarge):
        suite_of_job(lite, NAME)
    monkeypatch.undo()
    commit(lite, owner, published, PutBytes("items.jsonl", b"{}\n"))
    with pytest.raises(BadFormat):
        suite_of_job(lite, NAME)
