"""Shard uploads over HTTP."""

from __future__ import annotations

import json
import queue
import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from tests.support.rawhttp import Reply
from tests.support.rawxet import RawFile, raw_file
from tests.web.cas.conftest import Cas

from hanse.content.shard import Shard, encode_shard
from hanse.db.repos import Repo
from hanse.flows.node import Node
from hanse.flows.register import Progress
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.web.cas import shards


@pytest.fixture(name="file")
def _file(cas: Cas) -> RawFile:
    """Return a file whose xorb is there."""
    made = raw_file(random.randbytes(300_000))
    assert cas("POST", f"/v1/xorbs/default/{made.xorb}", made.xorb_bytes).status == 200
    return made


def _lines(reply: Reply) -> list[dict[str, Any]]:
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in reply.body.splitlines()]


_NAMED = f"/shard/default/{'0' * 64}"


@pytest.mark.parametrize(("method", "target"), [("POST", "/v1/shards"), ("POST", "/shards"), ("POST", _NAMED), ("PUT", _NAMED)])
def test_one_answer_at_the_end(cas: Cas, file: RawFile, method: str, target: str) -> None:
    """1 for a new shard, 0 for one that was taken before."""
    assert cas(method, target, file.shard).json() == {"result": 1}
    assert cas(method, target, file.shard).json() == {"result": 0}


def test_lines_of_progress(cas: Cas, file: RawFile) -> None:
    """The lines end in a result; those before are of the kinds that clients know."""
    *before, last = _lines(cas("POST", "/v2/shards", file.shard))
    assert last == {"type": "result", "result": 1}
    assert before
    assert {line["type"] for line in before} <= {"validating", "committing"}
    assert _lines(cas("POST", "/v2/shards", file.shard))[-1] == {"type": "result", "result": 0}


def test_a_slow_check_drives_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a check takes its time the lines say how far it has come, and the last bytes are followed by the commit."""
    steps: queue.Queue[int] = queue.Queue()

    def slow(_node: Node, _actor: Actor, _repo: Repo, _data: bytes, progress: Progress) -> bool:
        while (verified := steps.get(timeout=120)) <= 100:
            progress(verified, 100)
        return True

    monkeypatch.setattr(shards, "register_shard", slow)
    monkeypatch.setattr(shards, "HEARTBEAT_SECONDS", 0.02)
    sent: list[dict[str, Any]] = []
    wanted = iter((30, 60, 100, 101))

    async def send(message: Any) -> None:
        line = json.loads(message["body"]) if message.get("body") else {}
        if line and line not in sent:  # the state so far was told: let the check go on
            sent.append(line)
            steps.put(next(wanted, 101))

    async def receive() -> Any:
        await anyio.sleep_forever()

    opened: Any = SimpleNamespace(actor=None, repo=None)
    call: Any = SimpleNamespace(node=None)
    anyio.run(shards.ProgressResponse(call, opened, b""), {}, receive, send)
    assert [line.get("verified") for line in sent if line["type"] == "validating"] == [0, 30, 60]
    assert [line["type"] for line in sent[-2:]] == ["committing", "result"]


def test_lies_end_in_an_error_line_or_status(cas: Cas, file: RawFile) -> None:
    """A false digest, unknown xorbs and bytes that are no shard are refused for good."""
    false = encode_shard(Shard((replace(file.block, sha256=Sha256("0" * 64)),), ()))
    unknown = raw_file(random.randbytes(20_000)).shard
    for shard, status in ((false, 422), (unknown, 404), (b"no shard", 400), (file.shard[:-1], 400)):
        assert cas("POST", "/v1/shards", shard).status == status
        last = _lines(cas("POST", "/v2/shards", shard))[-1]
        assert (last["type"], last["retryable"]) == ("error", False)
        assert last["message"]
    assert cas("POST", "/v1/shards", file.shard).json() == {"result": 1}
