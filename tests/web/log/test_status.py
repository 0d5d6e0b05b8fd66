"""The status of a node over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.live import LiveNode
from tests.support.rawhttp import RawClient


def _get(live: LiveNode, path: str, status: int = 200) -> Any:
    with RawClient(live.port) as client:
        reply = client("GET", path)
    assert reply.status == status, reply
    return json.loads(reply.body)


def test_anybody_may_ask(live: LiveNode) -> None:
    """Members, copies, and the derailment numbers of a node alone, without a token."""
    found = _get(live, "/v1/status")
    assert (found["origin"], found["members"], found["policy"]["name"]) == ("log.example.org", [], "careful")
    assert [(one["repo"], one["missing"], one["lost"]["members"]) for one in found["repos"]] == [("admin/logged", 2, 1)]
    assert found["whole"]["deceived"]["members"] == 1
    assert _get(live, "/v1/status?policy=strict")["policy"]["name"] == "strict"
    assert _get(live, "/v1/status?n=1&after=1000")["repos"] == []


def test_one_revision(live: LiveNode) -> None:
    """Counted by chunks, with every way to deceive a reader; a revision that is not there is 404."""
    found = _get(live, "/api/models/admin/logged/status/main")
    assert (found["holders"], found["lost"]["counted"]) == (["log.example.org"], "chunks")
    assert {one["way"] for one in found["ways"]} == {"statement", "two-logs", "old-state"}
    assert _get(live, "/api/models/admin/logged/status/main?policy=open")["deceived"]["members"] == 1
    _get(live, "/api/models/admin/logged/status/none", 404)
    _get(live, "/api/models/admin/other/status/main", 401)


def test_what_cannot_be_asked(live: LiveNode, tmp_path: Path) -> None:
    """A policy that is no preset, a file's name above all, and a number that is none are refused in words."""
    (tmp_path / "own.toml").write_text("policy = 1\nbase = 'open'\n")
    for name in (f"{tmp_path}/own.toml", "own.toml", "../etc/passwd", "lenient"):
        assert "no preset" in _get(live, f"/v1/status?policy={name}", 404)["error"]
    _get(live, "/v1/status?after=-1", 400)
