"""`kill -9` at random moments of uploads and commits: nothing acknowledged is lost, nothing is doubled, clients go on."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from tests.services.clients import client_python
from tests.support.clients import Client
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.world import check_world

UPLOADER = Path(__file__).with_name("uploader.py")
REPO = "admin/under-fire"


def _uploader(node: LiveNode, folder: Path, seed: int, *, xet: bool) -> tuple[subprocess.Popen[bytes], Path]:
    client = Client("hub2", node, folder / f"home-{seed}", xet=xet)
    client.home.mkdir(parents=True)
    env = client.env() | {"HF_XET_CLIENT_RETRY_BASE_DELAY": "100ms", "HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "2"}
    acknowledged = folder / f"acknowledged-{seed}"
    command = [str(client_python("hub2")), str(UPLOADER), REPO, str(seed), str(acknowledged), str(folder / "stop")]
    return subprocess.Popen(command, env=env, stderr=(folder / f"uploader-{seed}.log").open("ab")), acknowledged


def _digest(url: str) -> str:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return hashlib.sha256(response.read()).hexdigest()


def _under_fire(folder: Path, seed: int, kills: int) -> int:
    """Kill and restart the node `kills` times under two uploading clients; check everything; return the acknowledgements."""
    rng = random.Random(seed)
    node = LiveNode(folder)
    node.start()
    Client("hub2", node, folder / "maker").python(
        "import sys; from huggingface_hub import HfApi; HfApi().create_repo(sys.argv[1]); print(1)", REPO
    )
    running = [_uploader(node, folder, seed * 10 + number, xet=bool(number)) for number in range(2)]
    for _ in range(kills):
        time.sleep(rng.uniform(0.05, 1.2))
        node.kill()
        node.start()
    time.sleep(3)
    (folder / "stop").touch()
    for process, _ in running:
        assert process.wait(timeout=120) == 0
    lines = [json.loads(line) for _, path in running for line in path.read_text().splitlines()]
    for _, path, digest, commit in lines:
        assert _digest(f"{node.url}/{REPO}/resolve/{commit}/{path}") == digest, (seed, path, commit)
    assert node.stop() == 0
    check_world(node.data)
    return len(lines)


def _seed() -> int:
    """Return the run's seed: rotating, printed on failure by being part of the assertion's folder name."""
    return int(os.environ.get("HANSE_TEST_SEED") or int(time.time()) % 1_000_000)


def test_kill_during_uploads_and_commits(tmp_path: Path) -> None:
    """Twenty kills: every acknowledged commit is served with its bytes, the journal is whole, fsck is clean."""
    seed = _seed()
    print(f"seed {seed}")
    assert _under_fire(tmp_path, seed, 20) > 20


@pytest.mark.soak
@pytest.mark.parametrize("part", range(4))
def test_two_hundred_kills(tmp_path: Path, part: int) -> None:
    """Two hundred kills in four runs: as above."""
    seed = _seed() + part + 1
    print(f"seed {seed}")
    assert _under_fire(tmp_path, seed, 50) > 50
