"""An evaluation that a node makes, as it is typed: asked for, watched, fetched, shown to members, and checked again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cli.test_job import ORIGIN, _hanse, _node  # noqa: F401 the fixture
from tests.samples.texts import gguf
from tests.support.alliance import alliance
from tests.support.clients import Client
from tests.support.evalworker import Counted
from tests.support.forked import Mother
from tests.support.live import LiveNode
from tests.support.members import Person
from tests.support.openaiserver import Model
from tests.support.served import until

from hanse.app import close_node, open_node
from hanse.evals.engine import Answer, Ask
from hanse.flows.evaluations.worker import Worker
from hanse.settings import load

SUITE = "arithmetic"


@dataclass
class _Gated(Counted):
    """A model that adds. gate: what it waits for before each answer."""

    gate: threading.Event | None = None

    def answer(self, ask: Ask) -> Answer:
        """Answer, once the gate is open."""
        assert self.gate is None or self.gate.wait(60)
        return super().answer(ask)


@contextmanager
def _worker(node: LiveNode, gate: threading.Event | None = None) -> Iterator[None]:
    """Work on the queue of a node beside it, with a model that adds, and waits at a gate before each answer."""
    settings = load({"data": node.data}, {"HOME": str(node.folder)})
    opened = open_node(settings, sequence=False)
    stop, runs = threading.Event(), node.data / "evaluations"
    worker = Worker(opened.node, runs, lambda _: _Gated(Model(), gate=gate), "beside", lease=4)

    def work() -> None:
        while not stop.wait(0.05):
            worker.step(stop.is_set)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        close_node(opened)


@pytest.mark.soak
def test_asked_for_and_fetched(node: LiveNode, tmp_path: Path) -> None:
    """A node's record comes with its table and transcript to whoever asked, reproduces at V1, and is listed there."""
    command: list[str | Path] = ["evaluate", "admin/m", "--suite", SUITE, "--on", node.url, "--to", tmp_path / "run"]
    prices = ["--price-per-hour", "1", "--price-per-million", "2", "--max-cost", "3"]
    code, said = _hanse(node, *command, *prices, "--detach", "--json")
    assert code == 0, said
    job = json.loads(said)
    assert (job["state"], job["max_cost"]) == ("waiting", 3.0)
    assert f"{job['id']:5} waiting" in _hanse(node, "job", "list", "--node", node.url)[1]
    with _worker(node):
        code, said = _hanse(node, *command)
    assert code == 0, said
    assert "weights local" in said
    assert f"job {job['id']} done, {SUITE} on admin/m, 300 of 300 answers" in said
    assert _hanse(node, "reproduce", tmp_path / "run")[0] == 0
    found = json.loads(_hanse(node, "evaluations", "admin/m", "--json")[1])["suites"][0]["records"][0]
    assert (found["member"], found["weights"]) == (ORIGIN, "local")
    said = _hanse(node, *command, "--json")[1]
    again = json.loads(said[said.index("{") :])
    assert (again["evaluator"], again["score"]["n"]) == (ORIGIN, 300), "the folder knows its job"
    _as_anybody(node, tmp_path / "other", found["record"])


def _as_anybody(node: LiveNode, to: Path, record: str) -> None:
    """Fetch a record whose table nobody may see: without a token the record comes, and nothing that lies behind it."""
    fetch: list[str | Path] = ["fetch-record", "admin/m", record[:12], "--node", node.url, "--to", to]
    code, said = _hanse(node, *fetch, token="")
    assert code == 0, said
    assert "not fetched: table.jsonl" in said
    assert "not fetched: transcript.jsonl" in said
    assert sorted(one.name for one in to.iterdir()) == ["record.json", "signer.pub", "suite.json"]
    assert _hanse(node, "fetch-record", "admin/m", "0" * 12, "--node", node.url, "--to", to)[0] == 1


@pytest.mark.soak
def test_called_off_while_it_runs(node: LiveNode, tmp_path: Path) -> None:
    """A job that its asker calls off ends the wait in words; wrong flags and suites are refused before anything is queued."""
    command: list[str | Path] = ["evaluate", "admin/m", "--on", node.url, "--to", tmp_path / "run"]
    assert _hanse(node, *command, "--suite", SUITE, "--threads", "2")[0] == 2
    for wrong in ("./folder", "nothing"):
        assert _hanse(node, *command, "--suite", wrong)[0] == 1
    assert _hanse(node, "evaluate", "admin/m", "--suite", SUITE, "--to", tmp_path / "x", "--detach")[0] == 2
    assert json.loads(_hanse(node, "job", "list", "--node", node.url, "--json")[1]) == []
    number = json.loads(_hanse(node, *command, "--suite", SUITE, "--detach", "--json")[1])["id"]

    def running() -> bool:
        rows = json.loads(_hanse(node, "job", "list", "--node", node.url, "--json")[1])
        return str(rows[0]["state"]) == "running"

    gate = threading.Event()
    with _worker(node, gate):
        until(running, 60)
        assert _hanse(node, "job", "cancel", str(number), "--node", node.url)[0] == 0
        gate.set()
        code, said = _hanse(node, *command, "--suite", SUITE)
        assert (code, "is cancelled" in said) == (1, True), said
    assert _hanse(node, "evaluations", "admin/m")[0] == 1, "nothing of it was logged"


@pytest.mark.soak
def test_shown_to_members(mother: Mother, tmp_path: Path) -> None:
    """Another member's operator fetches what is for members, by his node's key, and checks it; a reader without one does not."""
    with alliance(mother, tmp_path, "a.example", "b.example", environ={"HANSE_REPLICATE": "false"}) as (a, b):
        model = tmp_path / "model"
        model.mkdir()
        (model / "m.gguf").write_bytes(gguf({"general.architecture": "llama"}))
        Client("hub2", a.node, tmp_path / "home").hf("upload", "admin/m", model, ".", "--quiet")
        job = ["job", "add", "admin/m", "--suite", SUITE, "--table", "federation", "--transcript", "federation"]
        a.hanse(*job)
        with _worker(a.node):
            until(lambda: json.loads(a.hanse("job", "list", "--json"))[0]["state"] == "done", 60)
        asked = ["evaluations", "admin/m", "--node", a.node.url, "--json"]
        record = json.loads(Person(mother, tmp_path / "reader").hanse(*asked))["suites"][0]["records"][0]["record"]
        fetch = ["fetch-record", "admin/m", record, "--node", a.node.url]
        said = Person(mother, tmp_path / "other").hanse(*fetch, "--to", tmp_path / "outside")
        assert said.count("not fetched: ") == 3
        until(lambda: "not fetched" not in b.hanse(*fetch, "--as-member", "--to", tmp_path / "inside"), 60)
        Person(mother, tmp_path / "checker").hanse("reproduce", tmp_path / "inside")
