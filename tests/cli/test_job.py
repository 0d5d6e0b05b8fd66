"""A node's evaluations as they are typed: pulled and run, logged, listed, asked of a policy, and queued for a worker."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest
from tests.samples.texts import gguf
from tests.services.clients import SMOLLM2_GGUF, client_python
from tests.support.clients import Client
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.openaiserver import Model, serving, sums
from tests.support.pages import check_page
from tests.support.rawhttp import RawClient
from tests.support.settled import until_signed

from hanse.cli.main import run
from hanse.evals.suite import Suite
from hanse.flows.evaluate.runfolder import keep_suite
from hanse.flows.suites.shipped import shipped

ORIGIN = "evals.example.org"


@pytest.fixture(name="node")
def _node(mother: Mother, tmp_path: Path) -> Iterator[LiveNode]:
    environ = {"HANSE_SETTLE_SECONDS": "1", "HANSE_ORIGIN": ORIGIN, "HANSE_RATE_API": "0", "HANSE_SCAN_PICKLESCAN": "off"}
    (tmp_path / "node").mkdir()
    with forked_node(mother, tmp_path / "node", environ=environ) as node:
        model = tmp_path / "model"
        model.mkdir()
        (model / "m.gguf").write_bytes(gguf({"general.architecture": "llama"}))
        Client("hub2", node, tmp_path / "home").hf("upload", "admin/m", model, ".", "--quiet")
        yield node


def _hanse(node: LiveNode, *arguments: str | Path, token: str = ADMIN_TOKEN) -> tuple[int, str]:
    """Run a command in this process; return its exit code and all it printed."""
    environ = {
        "HANSE_NODE": node.url,
        "HF_ENDPOINT": node.url,
        "HF_TOKEN": token,
        "HANSE_HOME": str(node.folder / "reader"),
    }
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(printed):
        for name, value in environ.items():
            patch.setenv(name, value)
        code = run([str(one) for one in arguments])
    return code, printed.getvalue()


def _on_pages(node: LiveNode) -> None:
    """Check that the pages of the repository and of its commit show the record."""
    rev = json.loads(_hanse(node, "evaluations", "admin/m@main", "--json")[1])["rev"]
    client = RawClient(node.port, "")
    for path in ("", f"/commit/{rev}"):
        text = " ".join(check_page(client("GET", f"/admin/m{path}"))[0].split())
        assert f"<td>{ORIGIN}<br>" in text
        assert "<td>claimed</td> <td>V0" in text
        assert f'href="/api/models/admin/m/evaluations/{rev}"' in text
    client.close()


@pytest.mark.soak
def test_an_evaluation_from_pull_to_policy(node: LiveNode, tmp_path: Path) -> None:
    """Model and suite are pulled from a node, the record is logged there, listed, and satisfies a policy that asked for it."""
    keep_suite(tmp_path / "suite", sums(60))
    Client("hub2", node, tmp_path / "home").hf("upload", "admin/sums", tmp_path / "suite", ".", "--repo-type", "dataset")
    code, said = _hanse(node, "evaluations", "admin/m")
    assert (code, "no evaluation is known" in said) == (1, True)
    with serving(Model()) as url:
        command: list[str | Path] = [
            "evaluate",
            "admin/m",
            "--api",
            url,
            "--model",
            "adder",
            "--suite",
            "datasets/admin/sums@main",
            "--as",
            ORIGIN,
        ]
        until_signed(node, "admin/m")
        until_signed(node, "admin/sums", kind="datasets")
        code, said = _hanse(node, *command, "--to", tmp_path / "run")
    assert code == 0, said
    code, said = _hanse(node, "log-record", tmp_path / "run", "admin/m@main", "--data", node.data)
    assert code == 0, said
    code, said = _hanse(node, "evaluations", "admin/m")
    assert code == 0, said
    assert f"  {ORIGIN}: " in said
    assert "weights claimed, checked at V0" in said
    found = json.loads(_hanse(node, "evaluations", "admin/m@main", "--json")[1])["suites"][0]
    assert (found["institutions"], found["suite"], found["medianLow"] < found["medianHigh"]) == (1, sums(60).digest, True)
    _on_pages(node)
    policy = tmp_path / "policy.toml"
    asked = f"policy = 1\nbase = 'open'\n[[evidence]]\nsuite = '{sums(60).digest}'\n"
    policy.write_text(asked)
    code, said = _hanse(node, "pull", "admin/m", "--policy", policy)
    assert (code, "hanse evaluate admin/m@" in said) == (1, True), said
    policy.write_text(asked + "weights = 'claimed'\nat_least = 0.2\n")
    code, said = _hanse(node, "pull", "admin/m", "--policy", policy)
    assert code == 0, said


@pytest.mark.soak
def test_a_queue(node: LiveNode) -> None:
    """A job is queued, listed, called off and run beside the node; an engine that cannot read the file fails it in words."""
    where: list[str | Path] = ["--data", node.data]
    code, said = _hanse(node, "job", "add", "admin/m", "--suite", "arithmetic", *where)
    assert code == 0, said
    number = json.loads(said)["id"]
    assert _hanse(node, "job", "cancel", str(number), *where)[0] == 0
    assert _hanse(node, "job", "cancel", str(number), *where)[0] == 1
    assert _hanse(node, "job", "add", "admin/m@none", "--suite", "arithmetic", *where)[0] == 1
    assert _hanse(node, "job", "add", "admin/m", "--suite", "nothing", *where)[0] == 1
    assert _hanse(node, "job", "add", "admin/m", "--suite", "arithmetic", "--max-seconds", "60", *where)[0] == 0
    assert _hanse(node, "job", "work", "--once", "--threads", "0", *where)[0] == 1
    code, said = _hanse(node, "job", "work", "--once", *where)
    assert (code, "failed" in said) == (0, True), said
    rows = json.loads(_hanse(node, "job", "list", "--json", *where)[1])
    assert [one["state"] for one in rows] == ["failed", "cancelled"]
    assert rows[0]["says"]
    assert "arithmetic, not begun" in _hanse(node, "job", "list", *where)[1]


def _few(name: str, count: int) -> Suite:
    """Return the first items of a suite that ships, with answers of some tokens."""
    whole = shipped(name)
    return replace(whole, name="few", items=whole.items[:count], decoding=replace(whole.decoding, tokens=4))


def _with_a_real_model(node: LiveNode, tmp_path: Path, engine: str = "xllamacpp", environment: str = "evals") -> list[str | Path]:
    """Give a node a model that runs; return what names the engine and its environment."""
    model = tmp_path / "real"
    model.mkdir()
    (model / "m.gguf").symlink_to(SMOLLM2_GGUF)
    Client("hub2", node, tmp_path / "home").hf("upload", "admin/real", model, ".", "--quiet")
    return ["--engine", engine, "--python", client_python(environment)]


@pytest.mark.soak
def test_a_real_model_is_pulled(node: LiveNode, tmp_path: Path) -> None:
    """SmolLM2-135M is pulled from a node and runs in llama.cpp; its record names the revision's tree, and is listed there."""
    engine = _with_a_real_model(node, tmp_path)
    keep_suite(tmp_path / "suite", _few("canary", 2))
    until_signed(node, "admin/real")
    wanted: list[str | Path] = ["evaluate", "admin/real@main", "--suite", tmp_path / "suite", "--as", ORIGIN]
    code, said = _hanse(node, *wanted, *engine, "--to", tmp_path / "run")
    assert code == 0, said
    assert "weights local" in said
    code, said = _hanse(node, "log-record", tmp_path / "run", "admin/real@main", "--data", node.data)
    assert code == 0, said
    found = json.loads(_hanse(node, "evaluations", "admin/real", "--json")[1])["suites"][0]
    assert [(one["member"], one["weights"], one["n"]) for one in found["records"]] == [(ORIGIN, "local", 2)]


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("name", "environment"), [("xllamacpp", "evals"), ("transformers", "torch")])
def test_a_real_model_in_the_queue(node: LiveNode, tmp_path: Path, name: str, environment: str) -> None:
    """A worker runs SmolLM2-135M in llama.cpp or PyTorch beside the node, and the node lists its record."""
    engine = _with_a_real_model(node, tmp_path, name, environment)
    code, said = _hanse(node, "job", "add", "admin/real", "--suite", "canary", "--data", node.data)
    assert code == 0, said
    code, said = _hanse(node, "job", "work", "--once", *engine, "--data", node.data)
    assert (code, "job 1: done" in said) == (0, True), said
    found = json.loads(_hanse(node, "evaluations", "admin/real", "--json")[1])["suites"][0]
    assert (found["name"], found["records"][0]["weights"]) == ("canary", "local")
    assert found["records"][0]["index"] is not None
