"""`hanse run` before a node: a file whose chunks can be checked leaves while it comes, against the same file when it is held.

The node has scanned and signed the model, so that every chunk is checked against its signed hash and sent on at once; a hub that
only gives a file as a whole makes its user wait until all of it is there, hashed and scanned (`bench gateway`).
"""

from __future__ import annotations

import shutil
import time
from contextlib import closing, suppress
from pathlib import Path

from tests.services.clients import client_hf
from tests.support.live import LiveNode
from tests.support.running import Runner

from bench.common import Bench, Row, client, clock, interleave, ratio
from bench.memory import Reserve
from hanse.errors import HanseError
from hanse.flows.fetch_evidence import fetch_evidence
from hanse.model.evidence import parse_evidence
from hanse.model.repo import RepoType
from hanse.peers.client import PeerClient

REPO = "admin/big"
_INSTALLED = {"PYTHONDONTWRITEBYTECODE": ""}


def run(bench: Bench) -> list[Row]:
    """Measure wall times; interleaved."""
    model = bench.folder / "model"
    model.mkdir()
    Bench(model, bench.size, bench.rounds).safetensors_file()
    with bench.node(HANSE_SETTLE_SECONDS="1") as node:
        client(bench, node, "owner").hf("upload", REPO, model)
        _await_scan(node)
        return _rows(bench, node)


def _await_scan(node: LiveNode) -> None:
    """Wait until the node has signed what `main` points at, and what it found in it."""
    until = time.monotonic() + 300
    with closing(PeerClient()) as asked:
        while time.monotonic() < until:
            with suppress(HanseError):
                if len(parse_evidence(fetch_evidence(asked, node.url, RepoType.MODEL, REPO, revision="main")).bundles) > 1:
                    return
            time.sleep(0.2)
    raise RuntimeError("the node has not scanned the model")


def _rows(bench: Bench, node: LiveNode) -> list[Row]:
    user, out = Runner(bench.folder / "user", ("--node", node.url), _INSTALLED), bench.folder / "out"
    get = (client_hf("hub2"), "download", REPO, "--local-dir", out)

    def timed(*gone: Path) -> float:
        for folder in (user.home / "hanse" / "hub-cache", out, *gone):
            shutil.rmtree(folder, ignore_errors=True)
        with memory.spent(), clock() as took:
            user.run(*get).good()
        return took[0]

    with Reserve(4 * bench.size) as memory:
        found = interleave(bench.rounds, cold=lambda: timed(user.home), held=timed)
    return [
        Row("hf download under hanse run from a node, nothing held, seconds", str(found["cold"])),
        Row("the same, held, seconds", str(found["held"])),
        Row("cold against held", ratio(found["cold"], found["held"]), "<= 1.5 x"),
    ]
