"""`hanse log`: a log looked at, proved and checked from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.memorylog import MemoryLog
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes
from tests.support.served import log_server

from hanse.cli.main import run
from hanse.model.leaf import leaf_hash
from hanse.tlog.note import parse_vkey
from hanse.tlog.tlogproof import parse_tlog_proof, verify_tlog_proof


@pytest.fixture(name="node", scope="module")
def _node(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """Return a node with one commit."""
    with forked_node(mother, tmp_path_factory.mktemp("node")) as node:
        with RawClient(node.port, ADMIN_TOKEN) as client:
            client.json("POST", "/api/repos/create", {"name": "m", "organization": "admin", "type": "model"})
            body = commit_body(put_bytes("a.txt", b"a"))
            assert client("POST", "/api/models/admin/m/commit/main", body, {"content-type": "application/x-ndjson"}).status == 200
        yield node


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "home"))


def test_show(node: LiveNode, capsys: pytest.CaptureFixture[str]) -> None:
    """Origin, size, root, key and the newest leaves; the second time the log is known."""
    assert run(["log", "show", node.url]) == 0
    text = capsys.readouterr().out
    assert "(first contact, unauthenticated)" in text
    assert " snapshot" in text
    assert run(["log", "show", f"{node.url}/log", "--leaves", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["known"], len(told["leaves"])) == ("pinned", 2)
    assert parse_vkey(told["keys"][0]).name == told["origin"]
    assert told["leaves"][-1]["index"] == told["size"] - 1


def test_prove(node: LiveNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The leaf is printed, and its proof is a C2SP tlog-proof that needs only leaf and key."""
    out = tmp_path / "one.tlog-proof"
    assert run(["log", "prove", node.url, "1", "--output", str(out)]) == 0
    leaf = capsys.readouterr().out.rstrip("\n").encode()
    assert run(["log", "show", node.url, "--json"]) == 0
    key = parse_vkey(json.loads(capsys.readouterr().out)["keys"][0])
    verify_tlog_proof(parse_tlog_proof(out.read_bytes()), leaf_hash(leaf), key)
    assert run(["log", "prove", node.url, "99999", "--output", str(out)]) == 1
    assert run(["log", "prove", node.url, "0", "--output", str(tmp_path / "none" / "x")]) == 1
    assert run(["log", "prove", node.url, "0", "--output", str(out), "--json"]) == 0
    assert "cannot write" in capsys.readouterr().err


def test_check(node: LiveNode, capsys: pytest.CaptureFixture[str]) -> None:
    """Every leaf, map and tile of the log; what a reader should know is on the screen and in the object."""
    assert run(["log", "check", node.url]) == 0
    text = capsys.readouterr().out
    assert "every leaf keeps the rules" in text
    assert "1 refs, 0 advisories in force" in text
    assert run(["log", "check", node.url, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["refs"]["count"], told["snapshotIsCurrent"], told["understood"], told["alarms"]) == (1, True, True, [])


def test_a_false_log_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    """Leaves that are none of ours, a checkpoint that went back, and an address where nothing is."""
    log = MemoryLog("log.example.com")
    log.grow(20)
    with log_server(log) as server:
        assert run(["log", "check", server.url, "--key", log.vkey]) == 1
        assert "cannot be read" in capsys.readouterr().err
        assert run(["log", "show", server.url, "--leaves", "1"]) == 0
        assert "bytes that are no leaf of ours" in capsys.readouterr().out
        server.shown = log.note(10)
        assert run(["log", "show", server.url]) == 1
        assert "RolledBack" in capsys.readouterr().err
    assert run(["log", "show", "http://127.0.0.1:9"]) == 1
    assert run(["log", "show", "nowhere"]) == 1


def test_judge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two roots of one size are proved by the log's key alone; what proves nothing exits with 1."""
    one, other = MemoryLog("log.example.com"), MemoryLog("log.example.com")
    one.append([b"a"])
    other.append([b"b"])
    file = tmp_path / "evidence.json"
    file.write_text(json.dumps({"checkpoints": [one.note().decode(), other.note().decode()]}))
    assert run(["log", "judge", str(file), "--key", one.vkey]) == 0
    assert "signed two different roots for its size 1" in capsys.readouterr().out
    assert run(["log", "judge", str(file), "--key", one.vkey, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["proved"] is True
    assert run(["log", "judge", str(file)]) == 1
    assert "is not known here" in capsys.readouterr().err
    file.write_text(json.dumps({"checkpoints": [one.note().decode()] * 2}))
    assert run(["log", "judge", str(file), "--key", one.vkey]) == 1
