"""Unmodified clients at a node that pulls through: cold, with the upstream gone, and in chains with other servers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.services.clients import MINILM, client_hf
from tests.support.clients import Client, tree_bytes
from tests.support.forked import ForkedNode, Mother, forked_node
from tests.support.ports import own_port
from tests.support.proxies import olah
from tests.support.relay import Recorder
from tests.support.running import Runner
from tests.support.served import until

from hanse.conform.origin import HubOrigin
from hanse.flows.pull.transfer import PER_PLACE

pytestmark = pytest.mark.soak  # 15 seconds each: transformers, several servers
NAME = "ada/minilm"
_TOKENS = """
import sys, json
from transformers import AutoTokenizer
print(json.dumps(AutoTokenizer.from_pretrained(sys.argv[1])(["No single institution", "kann das aufhalten."])["input_ids"]))
"""


@pytest.fixture(name="origin", scope="module")
def _origin() -> Iterator[HubOrigin]:
    small = {path: data for path, data in tree_bytes(MINILM).items() if len(data) < 1 << 20}
    with HubOrigin({NAME: {**small, "blob.bin": bytes(range(256)) * 12_000}}, port=own_port()) as origin:
        yield origin


def _files(origin: HubOrigin) -> dict[str, bytes]:
    files = origin.repo(NAME).newest.files
    return {path: b"".join(file.content.read(0, file.content.size)) for path, file in files.items()}


def _through(mother: Mother, folder: Path, upstream: str) -> ForkedNode:
    """Return a node, not started, that asks an upstream; what it pulls lies in its folder."""
    (folder / "hanse").mkdir(parents=True)
    return ForkedNode(mother, folder, environ={"HANSE_UPSTREAM": upstream, "HANSE_HOME": str(folder / "hanse")})


def test_cold_and_with_the_upstream_gone(origin: HubOrigin, mother: Mother, tmp_path: Path) -> None:
    """`hf download` and AutoTokenizer get the upstream's files through the node, and again when it is killed."""
    node = _through(mother, tmp_path / "node", origin.url)
    node.start()
    try:
        Client("hub2", node, tmp_path / "a").hf("download", NAME, "--local-dir", tmp_path / "cold")
        assert tree_bytes(tmp_path / "cold") == _files(origin)
        tokens = Client("hub2", node, tmp_path / "b").python(_TOKENS, NAME)
        assert tokens == Client("hub2", node, tmp_path / "b").python(_TOKENS, MINILM)
        origin.stop()
        Client("hub2", node, tmp_path / "c").hf("download", NAME, "--local-dir", tmp_path / "gone")
        assert tree_bytes(tmp_path / "gone") == _files(origin)
        assert Client("hub2", node, tmp_path / "d").python(_TOKENS, NAME) == tokens
    finally:
        origin.start()
        node.stop()


def test_olah_between(origin: HubOrigin, mother: Mother, tmp_path: Path) -> None:
    """Origin, olah, node, gateway: the program gets the origin's bytes."""
    with olah(origin.url, tmp_path / "olah") as url:
        node = _through(mother, tmp_path / "node", url)
        node.start()
        try:
            _reads(node.url, origin, tmp_path)
        finally:
            node.stop()


def test_a_node_behind_a_node(origin: HubOrigin, mother: Mother, tmp_path: Path) -> None:
    """Origin, node, node, gateway: the program gets the origin's bytes, and again from what the second node holds."""
    with forked_node(mother, tmp_path / "first", environ=_environ(tmp_path / "first", origin.url)) as first:
        second = _through(mother, tmp_path / "second", first.url)
        second.start()
        try:
            _reads(second.url, origin, tmp_path)
            first.kill()
            _reads(second.url, origin, tmp_path / "again")
        finally:
            second.stop()


def test_a_file_that_takes_long_to_come(mother: Mother, tmp_path: Path) -> None:
    """Origin, node, node, gateway: while the first node fetches, as long as it takes, everybody behind it waits, and gets it."""
    data = random.Random(3).randbytes(1 << 20) * 8
    with ExitStack() as stack:
        origin = stack.enter_context(HubOrigin({NAME: {"blob.bin": data}}, rate=32 * 1024, port=own_port()))
        slow = {"HANSE_UPSTREAM_MIRROR_BYTES": "0"}
        folders = tmp_path / "first", tmp_path / "second"
        first = stack.enter_context(forked_node(mother, folders[0], environ=_environ(folders[0], origin.url) | slow))
        before = stack.enter_context(Recorder(first.port))
        second = stack.enter_context(forked_node(mother, folders[1], environ=_environ(folders[1], before.url) | slow))
        behind = stack.enter_context(Recorder(second.port))
        user = Runner(tmp_path / "user", ("--upstream", behind.url))
        program = user.start(client_hf("hub2"), "download", NAME, "blob.bin", "--local-dir", tmp_path / "out")
        stack.callback(program.kill)
        # Several requests at once; more of them than two rounds: everybody was told twice that it is not there yet.
        until(lambda: program.poll() is not None or all(_asked(one) > 2 * PER_PLACE for one in (before, behind)), 200)
        assert origin.bytes_sent < len(data)
        origin.pace.rate = None
        out, err = program.communicate(timeout=240)
    assert program.returncode == 0, f"{out}\n{err}"
    assert (tmp_path / "out" / "blob.bin").read_bytes() == data
    assert "fetches and checks it first" in err


def _asked(relay: Recorder) -> int:
    """Return how often the file was asked for."""
    return sum(head.startswith(b"GET ") and b"/blob.bin" in head.split(b"\r\n")[0] for head in relay.heads)


def _environ(folder: Path, upstream: str) -> dict[str, str]:
    (folder / "hanse").mkdir(parents=True)
    return {"HANSE_UPSTREAM": upstream, "HANSE_HOME": str(folder / "hanse")}


def _reads(url: str, origin: HubOrigin, folder: Path) -> None:
    user = Runner(folder / "user", ("--upstream", url))
    user.patiently(client_hf("hub2"), "download", NAME, "--local-dir", folder / "out").good()
    assert tree_bytes(folder / "out") == _files(origin)
