"""Transfers that outlast their Xet token."""

from __future__ import annotations

import json
import random
from datetime import datetime
from pathlib import Path

import pytest
from tests.support.clients import Client
from tests.support.forked import Mother, forked_node
from tests.support.live import LiveNode
from tests.support.relay import Dam

TTL_SECONDS = 35
"""The shortest life that a node gives tokens: clients use them for its first 5 seconds."""
USED_SECONDS = 5
SIZE = 16_000_000
HELD = (b"/data/", b"/put/", b"/xorbs")
"""Requests for stored bytes, and those that bring some: held back until the token that the client has is not used any more."""
ENVIRON = {"HANSE_TOKEN_TTL_SECONDS": str(TTL_SECONDS), "HANSE_LOG_FORMAT": "json"}
SMALL_STEPS = {
    "HF_XET_DISABLE_MEMORY_DERIVED_DOWNLOAD_BUFFERS": "1",
    "HF_XET_RECONSTRUCTION_MIN_RECONSTRUCTION_FETCH_SIZE": "1mb",
    "HF_XET_RECONSTRUCTION_MAX_RECONSTRUCTION_FETCH_SIZE": "1mb",
    "HF_XET_RECONSTRUCTION_MIN_PREFETCH_BUFFER": "1mb",
    "HF_XET_RECONSTRUCTION_DOWNLOAD_BUFFER_SIZE": "2mb",
    "HF_XET_RECONSTRUCTION_DOWNLOAD_BUFFER_PERFILE_SIZE": "0mb",
    "HF_XET_RECONSTRUCTION_DOWNLOAD_BUFFER_LIMIT": "2mb",
}
"""Has a client ask for the way to the next megabyte only when earlier ones are written, as it does for files of many gigabytes.

Buffers derived from the machine's memory, or for each file, would let it ask for all at once.
"""


def _token_times(node: LiveNode, kind: str) -> list[float]:
    """Return when the node gave out tokens to `read` or `write`, in seconds since the first."""
    lines = (node.folder / "node.log").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    given = [row for row in rows if f"/xet-{kind}-token/" in row.get("path", "") and row["status"] == 200]
    times = [datetime.fromisoformat(row["timestamp"]).timestamp() for row in given]
    return [one - times[0] for one in times]


@pytest.mark.soak
def test_an_upload_outlasts_its_token(mother: Mother, repo: str, tmp_path: Path) -> None:
    """An upload that takes longer than its Xet token lives asks for another one on its way and goes on."""
    data, file = random.Random(7).randbytes(SIZE), tmp_path / "model.bin"
    file.write_bytes(data)
    with forked_node(mother, tmp_path, environ=ENVIRON) as node, Dam(node.port, HELD, USED_SECONDS + 1) as slow:
        direct, node.url, slow.holding = node.url, slow.url, True
        Client("hub2", node, tmp_path / "up").hf("upload", repo, file)
        times = _token_times(node, "write")
        node.url = direct
        Client("hub2", node, tmp_path / "down").hf("download", repo, "model.bin", "--local-dir", tmp_path / "out")
    assert slow.sent > SIZE
    assert times[-1] > USED_SECONDS - 1, f"write tokens were given out after {times} seconds"
    assert (tmp_path / "out" / "model.bin").read_bytes() == data


@pytest.mark.soak
def test_a_download_outlasts_its_token(mother: Mother, repo: str, tmp_path: Path) -> None:
    """A download of one file that takes longer than its Xet token is used asks for another one on its way and goes on."""
    data, file = random.Random(8).randbytes(SIZE), tmp_path / "model.bin"
    file.write_bytes(data)
    with forked_node(mother, tmp_path, environ=ENVIRON) as node, Dam(node.port, HELD, USED_SECONDS + 1) as slow:
        Client("hub2", node, tmp_path / "up").hf("upload", repo, file)
        node.url, slow.holding = slow.url, True
        reader = Client("hub2", node, tmp_path / "down", extra=SMALL_STEPS)
        reader.hf("download", repo, "model.bin", "--local-dir", tmp_path / "out")
        times = _token_times(node, "read")
    assert slow.received > SIZE
    assert times[-1] > USED_SECONDS - 1, f"read tokens were given out after {times} seconds"
    assert (tmp_path / "out" / "model.bin").read_bytes() == data
