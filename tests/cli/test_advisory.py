"""`hanse advisory` beside a serving node: what is issued reaches its answers, its pages and whoever asks; and is taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.advising import record
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes
from tests.support.served import until

from hanse.cli.main import run

ORIGIN = "models.example.org"


@pytest.fixture(name="node", scope="module")
def _node(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with forked_node(mother, tmp_path_factory.mktemp("advising"), environ={"HANSE_ORIGIN": ORIGIN}) as node:
        with RawClient(node.port, ADMIN_TOKEN) as hub:
            assert hub.json("POST", "/api/repos/create", {"name": "m", "type": "model"}).status == 200
            assert hub("POST", "/api/models/admin/m/commit/main", commit_body(put_bytes("f.txt", b"1"))).status == 200
        yield node


@pytest.fixture(name="here", autouse=True)
def _here(node: LiveNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANSE_HOME", str(node.folder))
    monkeypatch.setenv("HANSE_ORIGIN", ORIGIN)


def listed(node: LiveNode, name: str) -> dict[str, object]:
    """Return an advisory as the node lists it."""
    with RawClient(node.port) as client:
        rows = json.loads(client("GET", f"/v1/advisories?id={name}").body)["advisories"]
    return dict(rows[0]) if rows else {}


def test_issued_told_and_taken_back(node: LiveNode, capsys: pytest.CaptureFixture[str]) -> None:
    """An advisory by options is logged by the running node, told to clients and on pages, and is no more once withdrawn."""
    assert run(["advisory", "issue", "--id", "T-1", "--kind", "malicious", "--summary", "it bites", "--affects", "admin/m"]) == 0
    until(lambda: listed(node, "T-1").get("index") is not None)
    said = f"admin/m; admin/m: {ORIGIN} says malicious: it bites [T-1]"
    with RawClient(node.port) as client:
        for path in ("/api/models/admin/m", "/admin/m/resolve/main/f.txt"):
            assert client("GET", path).headers["x-hf-warning"] == said
        for path in ("/admin/m", "/admin/m/commit/main"):
            assert b"it bites" in client("GET", path).body
        about = json.loads(client("GET", "/api/models/admin/m/advisories/main").body)
        assert [one["id"] for one in about] == ["T-1"]
        bundle = client("GET", f"/v1/advisories/{about[0]['payload']}")
        assert (bundle.status, b"dsseEnvelope" in bundle.body) == (200, True)
        assert client("GET", f"/v1/advisories/{'0' * 64}").status == 404
        assert client("GET", "/v1/advisories/x").status == 400
    capsys.readouterr()
    assert run(["advisory", "list", "--url", node.url]) == 0
    assert "T-1" in capsys.readouterr().out
    assert run(["advisory", "show", "T-1"]) == 0
    assert f"pkg:huggingface/admin/m?repository_url={ORIGIN}" in capsys.readouterr().out
    assert run(["advisory", "withdraw", "T-1"]) == 0
    until(lambda: listed(node, "T-1").get("state") == "withdrawn")
    with RawClient(node.port) as client:
        assert "x-hf-warning" not in client("GET", "/api/models/admin/m").headers
    capsys.readouterr()
    assert run(["advisory", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert run(["advisory", "list", "--all", "--json"]) == 0
    assert [one["state"] for one in json.loads(capsys.readouterr().out)] == ["withdrawn"]


def test_from_a_file(node: LiveNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record in a file is taken as it is; what is none, or no more in force, is an error with a hint."""
    assert node.port
    file = tmp_path / "record.json"
    file.write_text(json.dumps(record("T-2", details="two\nlines \u001b[31m")))
    assert run(["advisory", "issue", str(file)]) == 0
    capsys.readouterr()
    assert run(["advisory", "show", "T-2"]) == 0
    assert "\u001b" not in capsys.readouterr().out
    file.write_text("[]")
    assert run(["advisory", "issue", str(file)]) == 1
    assert run(["advisory", "issue", "--id", "T-3", "--kind", "odd", "--summary", "s", "--affects", "a/b"]) == 1
    assert run(["advisory", "withdraw", "T-9"]) == 1
    assert run(["advisory", "show", "T-9"]) == 1
    assert "hanse advisory list" in capsys.readouterr().err
