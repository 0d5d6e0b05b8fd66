"""Shard uploads over HTTP."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from tests.support.rawhttp import Reply
from tests.support.rawxet import RawFile, raw_file
from tests.web.cas.conftest import Cas

from hanse.content.shard import Shard, encode_shard
from hanse.model.digest import Sha256


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


@pytest.mark.parametrize("target", ["/v1/shards", "/shards"])
def test_one_answer_at_the_end(cas: Cas, file: RawFile, target: str) -> None:
    """1 for a new shard, 0 for one that was taken before."""
    assert cas("POST", target, file.shard).json() == {"result": 1}
    assert cas("POST", target, file.shard).json() == {"result": 0}


def test_lines_of_progress(cas: Cas, file: RawFile) -> None:
    """The lines end in a result; those before are of the kinds that clients know."""
    *before, last = _lines(cas("POST", "/v2/shards", file.shard))
    assert last == {"type": "result", "result": 1}
    assert before
    assert {line["type"] for line in before} <= {"validating", "committing"}
    assert _lines(cas("POST", "/v2/shards", file.shard))[-1] == {"type": "result", "result": 0}


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
