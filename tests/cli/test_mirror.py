"""`hanse mirror` beside a serving node: killed and run again, watched, from a cache."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.error import HTTPError

import pytest
from tests.support.caches import download
from tests.support.forked import Mother, forked_node
from tests.support.live import ADMIN_TOKEN, LiveNode
from tests.support.served import until
from tests.support.upstreams import FILES, NAME, WEIGHTS, upstream

from hanse.cli.main import run
from hanse.cli.mirror import options
from hanse.cli.taking import parse_subject
from hanse.conform.faults import Fault
from hanse.model.repo import RepoType

PART = "org/part"
PLAIN = {name: data for name, data in FILES.items() if name != "model.safetensors"} | {"blob.dat": WEIGHTS}
"""Nothing to be held: noise is no safetensors file."""


@pytest.fixture(name="node")
def _node(mother: Mother, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveNode]:
    monkeypatch.setenv("HANSE_HOME", str(tmp_path))
    with forked_node(mother, tmp_path) as node:
        yield node


def _call(node: LiveNode, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = run(["mirror", *arguments, "--data", str(node.data)])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_mirrored_beside_a_serving_node(node: LiveNode, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What the command takes in, the node serves at once under the plain name; the same again, in full, and from a cache."""
    with upstream() as (origin, _):
        rev = origin.repo(NAME).refs["refs/heads/main"]
        code, text = _call(node, capsys, NAME, "--from", origin.url, "--json")
        assert code == 0, text
        facts = json.loads(text)
        assert (facts["rev"], facts["files"], facts["ref"]) == (rev, len(FILES), "refs/heads/main")
        assert node.get(f"/{NAME}/resolve/main/config.json")[1] == FILES["config.json"]
        code, text = _call(node, capsys, f"{NAME}@{rev}", "--from", origin.url, "--all-revisions")
        assert (code, "here already" in text) == (0, True)
        (tmp_path / "empty").mkdir()
        code, text = _call(node, capsys, "--from-cache", str(tmp_path / "empty"), "--from", origin.url)
        assert (code, "skipped" in text) == (1, True)
        code, text = _call(node, capsys, "org/none", "--from", origin.url)
        assert (code, text.startswith("RepoNotFound")) == (1, True)
    code, text = _call(node, capsys)
    assert (code, "hint: name it" in text) == (2, True)


@pytest.mark.soak
def test_bytes_from_a_second_hub(node: LiveNode, capsys: pytest.CaptureFixture[str]) -> None:
    """What the hub that a repository is of refuses to give comes from the one named beside it."""
    files = {"blob.dat": WEIGHTS, "config.json": b"{}"}
    with upstream(files) as (origin, _), upstream(files) as (other, _):
        origin.faults.set(Fault.MISSING, path="blob.dat")
        code, text = _call(node, capsys, NAME, "--from", origin.url)
        assert (code, "blob.dat" in text) == (1, True)
        code, text = _call(node, capsys, NAME, "--from", origin.url, "--also", other.url, "--json")
        assert code == 0, text
    assert node.get(f"/{NAME}/resolve/main/blob.dat")[1] == WEIGHTS


def test_readers_of_a_mirror(
    node: LiveNode, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the upstream gone, whoever names the mirror gets what it observed and signed, its log met for the first time."""
    with upstream(PLAIN) as (origin, _):
        rev = origin.repo(NAME).refs["refs/heads/main"]
        assert _call(node, capsys, NAME, "--from", origin.url)[0] == 0
    until(partial(_is_signed, node, rev))
    monkeypatch.setenv("HANSE_HOME", str(tmp_path / "reader"))
    assert run(["pull", NAME, "--node", node.url, "--upstream", "none", "--to", str(tmp_path / "copy"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["receipt"]
    assert (told["rev"], told["rung"]) == (rev, "attested")
    assert (tmp_path / "copy" / "blob.dat").read_bytes() == WEIGHTS
    assert run(["verify", str(tmp_path / "copy"), "--repo", NAME, "--node", node.url]) == 0
    assert "observers answer" in capsys.readouterr().out


def _is_signed(node: LiveNode, rev: str) -> bool:
    return b"dsseEnvelope" in node.get(f"/api/models/{NAME}/evidence/{rev}")[1]


@pytest.mark.soak
def test_killed_and_run_again(node: LiveNode, tmp_path: Path) -> None:
    """After kill -9 in the middle of a file the same command fetches only the rest, and SIGTERM ends watching."""
    big = {"blob.dat": WEIGHTS * 4, "config.json": b"{}"}
    environ = {**os.environ, "HANSE_HOME": str(tmp_path)}
    with upstream(big, rate=1_000_000) as (origin, _):
        command = [sys.executable, "-m", "hanse", "mirror", NAME, "--from", origin.url, "--data", str(node.data)]
        with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as first:
            folder = node.data / "staging" / "mirror"
            _until(lambda: sum(one.stat().st_size for one in folder.glob("*.part")) > 1_000_000)
            first.send_signal(signal.SIGKILL)
        origin.pace.rate = None
        with subprocess.Popen([*command, "--watch", "--every", "1"], env=environ, stdout=subprocess.PIPE, text=True) as second:
            assert second.stdout is not None
            assert "refs/heads/main observed" in second.stdout.readline()
            assert "here already" in second.stdout.readline()
            second.send_signal(signal.SIGTERM)
            assert second.wait(120) == 0
        assert origin.bytes_sent < 1.5 * len(WEIGHTS) * 4
    assert list(folder.glob("*.part")) == []
    assert node.get(f"/{NAME}/resolve/main/blob.dat")[1] == big["blob.dat"]


@pytest.mark.soak
@pytest.mark.parametrize("answers", [True, False], ids=["upstream", "none"])
def test_a_cache_that_a_client_wrote(
    node: LiveNode, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, answers: bool
) -> None:
    """What `hf download` left, whole or a part, is taken in without fetching; with the upstream off the whole one is a claim."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    operator = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    with upstream(PLAIN) as (origin, _):
        origin.commit(PART, PLAIN)
        download("hub2", origin.url, tmp_path / "cache", NAME)
        download("hub2", origin.url, tmp_path / "cache", PART, "config.json", "nested/vocab.txt")
        rev, sent = origin.repo(NAME).newest.rev, origin.bytes_sent
        if not answers:
            origin.stop()
        code, text = _call(node, capsys, "--from-cache", "--from", origin.url, "--json")
        told = [json.loads(line) for line in text.splitlines()]
        states = {one["title"].partition("@")[0].removeprefix("models/"): one["state"] for one in told}
        assert (code, states) == (0, {NAME: "mirrored", PART: "partial"} if answers else {NAME: "claimed", PART: "skipped"}), text
        assert origin.bytes_sent == sent
        if not answers:
            with pytest.raises(HTTPError, match="401"):
                node.get(f"/{NAME}/resolve/{rev}/config.json")
        for path, data in PLAIN.items():
            assert node.get(f"/{NAME}/resolve/{rev}/{path}", **({} if answers else operator)) == (200, data)
        if not answers:
            origin.start()
        for name in (NAME, PART):
            assert _call(node, capsys, name, "--from", origin.url)[0] == 0
            for path, data in PLAIN.items():
                assert node.get(f"/{name}/resolve/main/{path}") == (200, data)
        assert origin.bytes_sent - sent <= sum(map(len, PLAIN.values())) - len(WEIGHTS), "small files that the node lacked"


def _until(holds: object) -> None:
    end = time.monotonic() + 150
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


def test_subjects() -> None:
    """Models need no prefix, datasets have one, and a revision follows an @."""
    assert parse_subject("org/m") == (RepoType.MODEL, "org/m", "main")
    assert parse_subject("org/m@v1") == (RepoType.MODEL, "org/m", "v1")
    assert parse_subject("datasets/org/d@refs/tags/x") == (RepoType.DATASET, "org/d", "refs/tags/x")


def test_a_long_file_is_told_without_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard error is a file, a line now and then says how far a mirror is."""
    report = options(threading.Event(), lambda _: None).report
    report("big.bin", 1000, 5000)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("hanse.cli.mirror._LINE_SECONDS", -1.0)
    report("big.bin", 2000, 5000)
    assert capsys.readouterr().err == "2,000 of 5,000 bytes: big.bin\n"
