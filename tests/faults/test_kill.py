"""`kill -9` at random moments of uploads and commits: nothing acknowledged is lost, nothing is doubled, clients go on."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import subprocess
import threading
import time
from pathlib import Path

import pytest
from tests.faults.whole import check_world
from tests.services.clients import client_python
from tests.support.clients import Client
from tests.support.forked import ForkedNode, Mother
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.rawhttp import RawClient
from tests.support.rawxet import commit_body, put_bytes
from tests.support.seeds import run_seed
from tests.support.served import until

UPLOADER = Path(__file__).with_name("uploader.py")
REPO = "admin/under-fire"
_QUIET = {"HANSE_RATE_API": "0", "HANSE_RATE_TOKENS": "0"}


def _uploader(node: LiveNode, folder: Path, seed: int, *, xet: bool) -> tuple[subprocess.Popen[bytes], Path]:
    client = Client("hub2", node, folder / f"home-{seed}", xet=xet)
    client.home.mkdir(parents=True)
    env = client.env() | {"HF_XET_CLIENT_RETRY_BASE_DELAY": "100ms", "HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "2"}
    acknowledged = folder / f"acknowledged-{seed}"
    command = [str(client_python("hub2")), str(UPLOADER), REPO, str(seed), str(acknowledged), str(folder / "stop")]
    with (folder / f"uploader-{seed}.log").open("ab") as log:
        return subprocess.Popen(command, env=env, stderr=log), acknowledged


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _wait_for_more(paths: list[Path], seconds: float) -> None:
    """Wait until every client had another commit acknowledged."""
    before, deadline = [len(_lines(path)) for path in paths], time.monotonic() + seconds
    while any(len(_lines(path)) <= had for path, had in zip(paths, before, strict=True)):
        assert time.monotonic() < deadline, "a client did not get through again"
        time.sleep(0.05)


class _Hammer(threading.Thread):
    """Commits small files as fast as the node takes them, by the bare protocol, and notes what was acknowledged."""

    def __init__(self, node: LiveNode, stop: Path, seed: int) -> None:
        super().__init__(daemon=True)
        self._node = node
        self._stopped_by = stop
        self._rng = random.Random(seed)
        self.lines: list[tuple[int, str, str, str]] = []

    def run(self) -> None:
        """Commit until told to stop."""
        number = 0
        with RawClient(self._node.port, ADMIN_TOKEN, timeout=120) as client:
            while not self._stopped_by.exists():
                number += 1
                self._commit(client, number)

    def _commit(self, client: RawClient, number: int) -> None:
        path, data = f"hammer/{number % 40}.txt", self._rng.randbytes(self._rng.choice((10, 2_000, 60_000)))
        try:
            reply = client("POST", f"/api/models/{REPO}/commit/main", commit_body(put_bytes(path, data)))
        except (OSError, http.client.HTTPException):
            client.close()
            time.sleep(0.01)
            return
        if reply.status == 200:
            self.lines.append((number, path, hashlib.sha256(data).hexdigest(), reply.json()["commitOid"]))


def _hammered(hammer: _Hammer, more: int) -> None:
    """Wait until the hammer had so many more commits acknowledged."""
    had = len(hammer.lines)
    until(lambda: len(hammer.lines) >= had + more)


def _under_fire(mother: Mother, folder: Path, seed: int, kills: int) -> int:
    """Kill and restart the node `kills` times under two uploading clients; check everything; return the acknowledgements."""
    rng = random.Random(seed)
    node = ForkedNode(mother, folder, environ=_QUIET)
    node.start()
    with RawClient(node.port, ADMIN_TOKEN) as client:
        made = client.json(
            "POST", "/api/repos/create", {"name": REPO.partition("/")[2], "organization": "admin", "type": "model"}
        )
        assert made.status == 200, made
    hammer = _Hammer(node, folder / "stop", seed)
    hammer.start()
    running = [_uploader(node, folder, seed * 10 + number, xet=bool(number)) for number in range(2)]
    notes = [path for _, path in running]
    try:
        _wait_for_more(notes, 150)
        for number in range(kills):
            if number % 2:  # the others are killed wherever they are, at their start, too
                _hammered(hammer, 3)
            time.sleep(rng.uniform(0.02, 0.6) if rng.random() < 0.7 else rng.uniform(0.6, 2.0))
            node.kill()
            node.start()
        _wait_for_more(notes, 150)
    finally:
        (folder / "stop").touch()
        for process, _ in running:
            assert process.wait(timeout=120) == 0
        hammer.join(timeout=60)
    # After each start the first file waits for a scan worker, and many a kill comes before that.
    assert len(hammer.lines) > kills // 4, "the hammer did not get through"
    print(f"{len(hammer.lines)} commits of the hammer, {[len(_lines(path)) for path in notes]} of clients")
    lines = [*hammer.lines, *(json.loads(line) for path in notes for line in _lines(path))]
    with RawClient(node.port, ADMIN_TOKEN) as client:
        for _, path, digest, commit in lines:
            reply = client("GET", f"/{REPO}/resolve/{commit}/{path}")
            assert hashlib.sha256(reply.body).hexdigest() == digest, (seed, path, commit, reply.status)
    assert node.stop() == 0
    check_world(node.data)
    return len(lines)


@pytest.mark.soak
def test_kill_during_uploads_and_commits(mother: Mother, tmp_path: Path) -> None:
    """Twenty kills: every acknowledged commit is served with its bytes, the journal is whole, fsck is clean."""
    seed = run_seed()
    print(f"HANSE_TEST_SEED={seed}")
    assert _under_fire(mother, tmp_path, seed, 20) > 20


def _fifty(mother: Mother, folder: Path, part: int) -> None:
    seed = run_seed() + part
    print(f"HANSE_TEST_SEED={seed - part}")
    assert _under_fire(mother, folder, seed, 50) > 50


@pytest.mark.soak
class TestFirstHundredKills:
    """A class, so that two workers share the work."""

    @pytest.mark.parametrize("part", [1, 2])
    def test_fifty_kills(self, mother: Mother, tmp_path: Path, part: int) -> None:
        """Fifty kills: as above."""
        _fifty(mother, tmp_path, part)


@pytest.mark.soak
class TestSecondHundredKills:
    """The other half."""

    @pytest.mark.parametrize("part", [3, 4])
    def test_fifty_kills(self, mother: Mother, tmp_path: Path, part: int) -> None:
        """Fifty kills: as above."""
        _fifty(mother, tmp_path, part)
