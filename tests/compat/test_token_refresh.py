"""Transfers that outlast their Xet token."""

from __future__ import annotations

import json
import random
from datetime import datetime
from pathlib import Path

import pytest
from tests.support.clients import Client
from tests.support.live import LiveNode, live_node
from tests.support.relay import Relay

TTL_SECONDS = 35
"""The shortest life that a node gives tokens: clients use them for its first 5 seconds."""
SIZE, RATE = 16_000_000, 2_400_000


def _token_times(node: LiveNode) -> list[float]:
    """Return when the node gave out write tokens, in seconds since the first."""
    lines = (node.folder / "node.log").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    given = [row for row in rows if "/xet-write-token/" in row.get("path", "") and row["status"] == 200]
    times = [datetime.fromisoformat(row["timestamp"]).timestamp() for row in given]
    return [one - times[0] for one in times]


@pytest.mark.soak
def test_an_upload_outlasts_its_token(repo: str, tmp_path: Path) -> None:
    """An upload that takes longer than its Xet token lives asks for another one on its way and goes on."""
    data, file = random.Random(7).randbytes(SIZE), tmp_path / "model.bin"
    file.write_bytes(data)
    environ = {"HANSE_TOKEN_TTL_SECONDS": str(TTL_SECONDS), "HANSE_LOG_FORMAT": "json"}
    with live_node(tmp_path, environ=environ) as node, Relay(node.port) as slow:
        slow.rate = RATE
        direct, node.url = node.url, slow.url
        Client("hub2", node, tmp_path / "up").hf("upload", repo, file)
        times = _token_times(node)
        node.url = direct
        Client("hub2", node, tmp_path / "down").hf("download", repo, "model.bin", "--local-dir", tmp_path / "out")
    assert slow.sent > SIZE
    assert len(times) > 1
    assert times[-1] > TTL_SECONDS - 30, f"write tokens were given out after {times} seconds"
    assert (tmp_path / "out" / "model.bin").read_bytes() == data
