"""Chains of servers before a program under `hanse run`, and upstreams that go, come back, are rewritten, or are swapped."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.services.clients import client_hf, client_python
from tests.support.clients import Client, sample_folder, tree_bytes
from tests.support.live import LiveNode
from tests.support.ports import own_port
from tests.support.proxies import olah
from tests.support.running import Ran, Runner
from tests.support.upstreams import impostor

from hanse.conform.origin import HubOrigin
from hanse.errors import HanseError
from hanse.flows.fetch_evidence import fetch_evidence
from hanse.model.evidence import parse_evidence
from hanse.model.repo import RepoType
from hanse.peers.client import PeerClient

NAME = "ada/m"
OLD = {"config.json": b'{"v": 1}', "weights.txt": b"1" * 200_000}
NEW = {"config.json": b'{"v": 2}', "weights.txt": b"2" * 200_000}
_READ = """
import json, sys
from huggingface_hub import hf_hub_download
print(json.dumps(open(hf_hub_download(sys.argv[1], "config.json", revision=sys.argv[2])).read()))
"""


pytestmark = pytest.mark.soak


@pytest.fixture(name="origin")
def _origin() -> Iterator[HubOrigin]:
    with HubOrigin({NAME: OLD}, port=own_port()) as origin:
        yield origin


def _config(user: Runner, revision: str = "main", *, flags: tuple[str, ...] = ()) -> Ran:
    return user.run(client_python("hub2"), "-c", _READ, NAME, revision, flags=flags)


def _v(number: int) -> str:
    return f'{{"v": {number}}}'


def test_killed_and_restored(origin: HubOrigin, tmp_path: Path) -> None:
    """While the upstream is away what is held goes on to be used, with its age; soon after it is back it is asked again."""
    user = Runner(tmp_path / "user", ("--upstream", origin.url))
    assert _config(user).good().value == _v(1)
    origin.stop()
    away = _config(user).good()
    assert away.value == _v(1)
    assert "as of" in away.err
    origin.commit(NAME, NEW)
    origin.start()
    until = time.monotonic() + 120
    while _config(user).good().value != _v(2):  # who did not answer is left alone for a while
        assert time.monotonic() < until


def test_rewritten(origin: HubOrigin, tmp_path: Path) -> None:
    """After the upstream rewrote its history, what was seen before can still be had by its commit id."""
    user = Runner(tmp_path / "user", ("--upstream", origin.url))
    old = origin.repo(NAME).refs["refs/heads/main"]
    assert _config(user).good().value == _v(1)
    origin.rewrite(NAME, NEW)
    assert _config(user).good().value == _v(2)
    assert _config(user, old).good().value == _v(1)


def test_swapped(origin: HubOrigin, tmp_path: Path) -> None:
    """Another server at the same address that gives a known commit id other files is refused; what is held stays."""
    user = Runner(tmp_path / "user", ("--upstream", origin.url))
    assert _config(user).good().value == _v(1)
    with impostor(origin, NAME, NEW):
        fresh = user.run(client_hf("hub2"), "download", NAME, "--local-dir", tmp_path / "out")
        assert fresh.code != 0 or tree_bytes(tmp_path / "out").get("config.json") == OLD["config.json"]
        assert NEW["weights.txt"] not in tree_bytes(tmp_path / "out").values()


def test_olah_between(origin: HubOrigin, tmp_path: Path) -> None:
    """A caching mirror before the upstream is one more carrier: its bytes are checked like any other's."""
    with olah(origin.url, tmp_path / "olah") as url:
        user = Runner(tmp_path / "user", ("--upstream", url))
        user.patiently(client_hf("hub2"), "download", NAME, "--local-dir", tmp_path / "out").good()
    assert tree_bytes(tmp_path / "out") == OLD


def _await_evidence(node: LiveNode, repo: str) -> None:
    """Wait until the node has signed what `main` points at."""
    until = time.monotonic() + 120
    with closing(PeerClient()) as client:
        while time.monotonic() < until:
            with suppress(HanseError):
                if parse_evidence(fetch_evidence(client, node.url, RepoType.MODEL, repo, revision="main")).bundles:
                    return
            time.sleep(0.1)
    raise AssertionError(f"{repo} is not signed")


def test_a_caching_mirror_before_a_node(node: LiveNode, tmp_path: Path) -> None:
    """Node, olah, gateway: evidence comes from the node, bytes by whoever has them, and the reader gets what was published."""
    files = sample_folder(tmp_path / "model")
    owner = Client("hub2", node, tmp_path / "owner")
    owner.hf("upload", "admin/behind", tmp_path / "model")
    owner.hf("repos", "tag", "create", "admin/behind", "v1")
    _await_evidence(node, "admin/behind")
    with olah(node.url, tmp_path / "olah") as url:
        alone = Runner(tmp_path / "alone", ("--upstream", url))
        alone.patiently(client_hf("hub2"), "download", "admin/behind", "--local-dir", tmp_path / "out").good()
        both = Runner(tmp_path / "both", ("--node", node.url, "--upstream", url))
        ran = both.patiently(client_hf("hub2"), "download", "admin/behind", "--local-dir", tmp_path / "signed").good()
    for folder in ("out", "signed"):
        got = tree_bytes(tmp_path / folder)
        assert {name: got[name] for name in files} == files
    assert ran.summary["used"][0]["rung"] == "attested"


def test_a_node_and_its_reader(node: LiveNode, tmp_path: Path) -> None:
    """What a node published and signed is used with its rung; with the node gone, what is held is enough."""
    files = sample_folder(tmp_path / "model")
    owner = Client("hub2", node, tmp_path / "owner")
    owner.hf("upload", "admin/chained", tmp_path / "model")
    owner.hf("repos", "tag", "create", "admin/chained", "v1")
    _await_evidence(node, "admin/chained")
    user = Runner(tmp_path / "user", ("--node", node.url, "--upstream", "none"))
    ran = user.run(client_hf("hub2"), "download", "admin/chained", "--local-dir", tmp_path / "out").good()
    got = tree_bytes(tmp_path / "out")
    assert {name: got[name] for name in files} == files
    assert ran.summary["used"][0]["rung"] == "attested"
    gone = Runner(user.home, ("--node", "http://127.0.0.1:9", "--upstream", "none"))
    alone = gone.run(client_hf("hub2"), "download", "admin/chained", "--local-dir", tmp_path / "again").good()
    assert tree_bytes(tmp_path / "again") == got
    assert "as of" in json.dumps(alone.summary) + alone.err
