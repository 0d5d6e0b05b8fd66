"""Workers on one queue: a record is logged, a worker that is killed is followed by another, and what is called off stops."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support.attesting import settle
from tests.support.evalworker import Counted
from tests.support.nodes import TickingClock, commit, new_repo
from tests.support.openaiserver import Model
from tests.support.scanning import ODD, with_scanner
from tests.support.served import until

from hanse.db import attestations
from hanse.db import evaluation_jobs as jobs
from hanse.db.evaluation_jobs import Job
from hanse.db.repos import Repo
from hanse.errors import EngineFailed
from hanse.evals.cost import UNIT, Price
from hanse.evals.engine import Engine, Observed, Usage
from hanse.evals.runcard import RUN_CARD
from hanse.flows.evaluate.runcard import CARD, read_card
from hanse.flows.evaluate.subject import Subject
from hanse.flows.evaluations import kept, listed, queue
from hanse.flows.evaluations.queue import Asked, cancel, submit
from hanse.flows.evaluations.worker import OTHERS, Worker
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.suites.shipped import shipped
from hanse.jobs.pool import ScanPool
from hanse.model.actor import Actor
from hanse.model.digest import GitOid
from hanse.model.tier import Tier

SUITE = "arithmetic"


@pytest.fixture(name="job")
def _job(lite: Node, owner: Actor, repo: Repo) -> Job:
    commit(lite, owner, repo, PutBytes("m.gguf", b"GGUF" * 1000), PutBytes("sub/config.json", b"{}"))
    settle(lite)
    return submit(lite, repo, "main", SUITE)


def _worker(node: Node, folder: Path, model: Counted, lease: int = 60) -> Worker:
    return Worker(node, folder, lambda _: model, "here", lease)


def test_a_job_ends_in_a_logged_record(lite: Node, repo: Repo, job: Job, tmp_path: Path) -> None:
    """The queue is emptied, the record stands in the log about the revision, and the model's files are gone."""
    worker = _worker(lite, tmp_path / "runs", Counted(Model()))
    done = worker.step()
    assert done is not None
    count = len(shipped(SUITE).items)
    assert (done.id, done.state, done.done, done.planned, done.tokens) == (job.id, "done", count, count, count)
    assert worker.step() is None
    found = listed.to_json(listed.of_revision(lite, repo, "main"))
    assert [(one["name"], one["records"][0]["weights"]) for one in found["suites"]] == [(SUITE, "local")]
    assert not (tmp_path / "runs" / str(job.id) / "model").exists()
    files = kept.find(lite, GitOid(done.rev), done.record or "").files
    assert {name for name, tier in files.items() if tier is Tier.PUBLIC} == {"suite.json", "signer.pub", "record.json"}


def test_a_run_card_is_logged_too(lite: Node, repo: Repo, job: Job, tmp_path: Path) -> None:
    """An engine that measures itself leaves a run card: logged about the revision, and kept, signed by the node."""

    class Measured(Counted):
        def usage(self) -> Usage:
            return Usage(prefill=(1000, 2.0), decode=(500, 10.0), first=(0.1,) * self.asked, host=2**20)

    done = _worker(lite, tmp_path / "runs", Measured(Model())).step()
    assert done is not None
    assert (done.id, done.state) == (job.id, "done")
    found = kept.find(lite, GitOid(done.rev), done.record or "")
    assert found.files[CARD] is Tier.PUBLIC
    card, signer = read_card(found.folder)
    assert (card.answers, card.decode["perSecond"], card.evaluator) == (done.done, "50.000000", lite.origin)
    assert signer is not None
    assert signer.fingerprint == lite.keys.attest.public.fingerprint
    with lite.db.read() as conn:
        logged = [one.predicate for one in attestations.of_revision(conn, repo.id, GitOid(done.rev))]
    assert RUN_CARD in logged


def test_limits_and_failures(lite: Node, repo: Repo, job: Job, tmp_path: Path) -> None:
    """A job stops at its limit of tokens, fails with the reason where there is no model, and waits where its worker stops."""
    worker = _worker(lite, tmp_path / "runs", Counted(Model()))
    stopped = worker.step(lambda: True)
    assert stopped is not None
    assert (stopped.state, stopped.holder, stopped.says) == ("waiting", "", "")
    cancel(lite, job.id)
    submit(lite, repo, "main", SUITE, Asked(max_tokens=3))
    limited = worker.step()
    assert limited is not None
    assert (limited.state, limited.tokens) == ("failed", 3)
    assert "stopped after 3" in limited.says
    submit(lite, repo, "main", SUITE, Asked(max_cost=5, price=Price(million=UNIT)))
    dear = worker.step()
    assert dear is not None
    assert (dear.state, dear.tokens) == ("failed", 5), "a token costs a millionth"


def test_without_a_model(lite: Node, owner: Actor, repo: Repo, tmp_path: Path) -> None:
    """A revision without weights fails its job in words."""
    commit(lite, owner, repo, PutBytes("README.md", b"nothing"))
    submit(lite, repo, "main", SUITE)
    failed = _worker(lite, tmp_path / "runs", Counted(Model())).step()
    assert failed is not None
    assert failed.state == "failed"
    assert "GGUF" in failed.says


def test_a_failure_names_no_folder(lite: Node, repo: Repo, job: Job, tmp_path: Path) -> None:
    """Whoever asked is told which file an engine could not load, and in which folder of the worker's machine it lay, not."""

    def start(subject: Subject) -> Engine:
        raise EngineFailed(f"an engine does not load {subject.file}")

    failed = Worker(lite, tmp_path / "runs", start, "machine:7").step()
    assert failed is not None
    assert (failed.id, failed.state) == (job.id, "failed")
    assert failed.says.endswith("an engine does not load .../m.gguf")
    assert str(tmp_path) not in json.dumps(queue.to_json(failed, repo))
    held = replace(failed, holder="machine:7")
    assert queue.to_json(held, repo)["holder"] == "machine:7"
    assert "machine" not in json.dumps(queue.to_json(held, repo, operator=False))


def test_a_begun_job_is_left_to_its_kind(lite: Node, repo: Repo, job: Job, tmp_path: Path) -> None:
    """A worker on another machine leaves a begun job as far as it is and takes it no more; one of the first kind ends it."""

    class Other(Counted):
        def observed(self) -> Observed:
            mine = super().observed()
            return replace(mine, numerics=dict(mine.numerics) | {"device": "another"})

    runs, answers = tmp_path / "runs", iter([False, False, False, True])
    first = _worker(lite, runs, Counted(Model()))
    begun = first.step(lambda: next(answers))
    other = _worker(lite, runs, Other(Model()))
    left = other.step()
    assert begun is not None
    assert left is not None
    assert (begun.state, begun.done) == ("waiting", 3)
    assert (left.state, left.done, left.says) == ("waiting", 3, OTHERS)
    second = submit(lite, repo, "main", "canary")
    taken = other.step()
    assert taken is not None
    assert (taken.id, taken.state) == (second.id, "done")
    assert other.step() is None
    ended = first.step()
    assert ended is not None
    assert (ended.id, ended.state) == (job.id, "done")


def test_who_lost_the_job_logs_nothing(lite: Node, repo: Repo, job: Job, tmp_path: Path) -> None:
    """A job that is called off while it runs stays called off, and no record of it is logged."""

    class Off(Counted):
        def close(self) -> None:
            cancel(lite, job.id)

    ended = _worker(lite, tmp_path / "runs", Off(Model())).step()
    assert ended is not None
    assert ended.state == "cancelled"
    assert not listed.of_revision(lite, repo, "main").records


@pytest.mark.soak
def test_a_killed_worker_is_followed(lite: Node, repo: Repo, job: Job, tmp_path: Path, sqlite_url: URL) -> None:
    """After kill -9 another worker goes on from the journal: no answer that was durable is asked for twice."""
    runs, data = tmp_path / "runs", tmp_path / "data" / "objects"
    url = sqlite_url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.support.evalworker", url, str(data), str(runs), "30"]
    journal = runs / str(job.id) / "run" / "journal.jsonl"
    with subprocess.Popen(command) as child:
        until(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 30, 60)
        child.kill()
    kept = journal.read_bytes().count(b"\n") - 1
    assert kept == 30
    model, clock = Counted(Model()), lite.clock
    assert _worker(lite, runs, model).step() is None, "its lease is not over"
    assert isinstance(clock, TickingClock)
    clock.time += 31
    assert _worker(lite, runs, model).step() is not None
    with lite.db.read() as conn:
        ended = jobs.get(conn, job.id)
    assert ended is not None
    assert (ended.state, ended.fence) == ("done", 2)
    assert model.asked == len(shipped(SUITE).items) - kept
    assert len(listed.of_revision(lite, repo, "main").records) == 1


def test_what_is_held_is_not_run(lite: Node, owner: Actor, tmp_path: Path, pool: ScanPool) -> None:
    """No engine reads a file that the scanner holds back, whoever asked; the job fails and says which file it is."""
    scanned = with_scanner(lite, pool)
    repo = new_repo(scanned, owner, "owner/odd")
    commit(scanned, owner, repo, PutBytes("m.gguf", ODD))
    submit(scanned, repo, "main", SUITE)
    model = Counted(Model())
    failed = _worker(scanned, tmp_path / "runs", model).step()
    assert failed is not None
    assert (failed.state, model.asked) == ("failed", 0)
    assert "m.gguf" in failed.says
