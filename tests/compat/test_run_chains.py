"""Chains of servers before a program under `hanse run`, and upstreams that go, come back, are rewritten, or are swapped."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.responses import Response
from tests.services.clients import client_hf, client_python
from tests.support.clients import Client, sample_folder, tree_bytes
from tests.support.forked import Mother, forked_node
from tests.support.live import LiveNode
from tests.support.ports import own_port
from tests.support.proxies import olah
from tests.support.relay import Sluice
from tests.support.running import TIMEOUT, Ran, Runner
from tests.support.upstreams import impostor
from tests.support.wholegateway import whole_gateway

from hanse.conform.origin import HubOrigin
from hanse.errors import HanseError
from hanse.flows.fetch_evidence import fetch_evidence
from hanse.model.evidence import parse_evidence
from hanse.model.repo import RepoType
from hanse.peers import bulk
from hanse.peers.client import PeerClient
from hanse.web.gateway import resolve
from hanse.web.gateway.source import Asked, Fetching

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


def _await_evidence(node: LiveNode, repo: str, bundles: int = 1) -> None:
    """Wait until the node has signed what `main` points at: its content, and with two bundles its scan, too."""
    until = time.monotonic() + 120
    with closing(PeerClient()) as client:
        while time.monotonic() < until:
            with suppress(HanseError):
                if parse_evidence(fetch_evidence(client, node.url, RepoType.MODEL, repo, revision="main")).bundles[bundles - 1 :]:
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


def test_a_slow_first_chunk(mother: Mother, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Node, gateway that streams, gateway: while the far one's first chunk moves the near one waits, and then has it all."""
    files = {"config.json": b"{}", "weights.txt": bytes(1 << 17) + b"".join(b"%d\n" % n for n in range(200_000))}
    for name, data in files.items():
        (model / name).write_bytes(data)
    steps, said, busy = set[int](), list[str](), resolve._busy
    monkeypatch.setattr(bulk, "TOLD_SECONDS", 1)
    monkeypatch.setattr(resolve, "_POLL_SECONDS", 0.1)
    with ExitStack() as stack:
        node = stack.enter_context(forked_node(mother, tmp_path, environ={"HANSE_SETTLE_SECONDS": "1"}))
        Client("hub2", node, tmp_path / "owner").hf("upload", "admin/slowly", model)
        _await_evidence(node, "admin/slowly", bundles=2)
        sluice = stack.enter_context(Sluice(urlsplit(node.url).port or 0))
        far = stack.enter_context(whole_gateway(tmp_path / "far", nodes=(sluice.url,)))
        near = stack.enter_context(whole_gateway(tmp_path / "near", upstream=far.url, said=said))

        def told(asked: Asked, found: Fetching) -> Response:
            assert found.streamable
            steps.add(found.progress[0])
            if len(steps) > 1:
                sluice.opened.set()
            return busy(asked, found)

        monkeypatch.setattr(resolve, "_busy", told)
        download = [client_hf("hub2"), "download", "admin/slowly", "--local-dir", tmp_path / "out"]
        subprocess.run(list(map(str, download)), env=near.env, check=True, timeout=TIMEOUT, capture_output=True)
    got = tree_bytes(tmp_path / "out")
    assert {name: got[name] for name in files} == files
    assert len(steps) > 1, "the near one was told twice, and that something moves"
    assert any("fetches and checks it first" in one for one in said)
