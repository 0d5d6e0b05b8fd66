"""`hanse status` against a node that serves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes

from hanse.cli.main import run


def test_status_of_a_node(
    mother: Mother, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers first, then who and what; one repository in full; the exit code says whether all is well."""
    with forked_node(mother, tmp_path) as node, RawClient(node.port, ADMIN_TOKEN) as client:
        monkeypatch.setenv("HANSE_NODE", node.url)

        def said(*words: str, status: int = 1) -> str:
            capsys.readouterr()
            assert run(["status", *words]) == status
            return "".join(capsys.readouterr())

        assert "nothing public" in said(status=0)
        assert client.json("POST", "/api/repos/create", {"name": "m", "type": "model"}).status == 200
        assert client("POST", "/api/models/admin/m/commit/main", commit_body(put_bytes("a", b"1"))).status == 200
        told = said()
        assert "to lose bytes:        1 must disappear" in told
        assert "to deceive a reader:  1 must collude about admin/m" in told
        assert "copies missing:       2" in told
        assert json.loads(said("--json"))["repos"][0]["repo"] == "admin/m"
        one = said("admin/m", "--policy", "strict")
        assert "held by 1 of 3 wanted" in one
        assert "counted by chunks" in one
        assert "(statement): not possible" in one
        assert "2 of nobody" in one
        assert "to raise it: ask for signatures of more" in said("admin/m")
        assert "admin/none not found" in said("admin/none")
