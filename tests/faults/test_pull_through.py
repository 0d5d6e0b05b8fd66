"""A node that pulls through from a slow upstream: killed in the middle, and asked by many at once."""

from __future__ import annotations

import contextlib
import http.client
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.forked import ForkedNode, Mother
from tests.support.ports import own_port
from tests.support.rawhttp import RawClient
from tests.support.served import until

from hanse.conform.origin import HubOrigin
from hanse.flows.pull.proof import PROOF

pytestmark = pytest.mark.soak
NAME, RATE, READERS = "ada/big", 1_500_000, 12
DATA = random.Random(11).randbytes(9_000_000)


@pytest.fixture(name="origin")
def _origin() -> Iterator[HubOrigin]:
    with HubOrigin({NAME: {"blob.bin": DATA}}, xet=True, chunk_lists=True, rate=RATE, port=own_port()) as origin:
        yield origin


@pytest.fixture(name="node")
def _node(origin: HubOrigin, mother: Mother, tmp_path: Path) -> Iterator[ForkedNode]:
    node = ForkedNode(mother, tmp_path, environ={"HANSE_UPSTREAM": origin.url})
    node.start()
    yield node
    node.stop()


def _read(node: ForkedNode) -> bytes:
    """Return the file, asking again as long as the node says that it is not there yet."""
    end = time.monotonic() + 150
    with RawClient(node.port, timeout=100) as client:
        while (reply := client("GET", f"/{NAME}/resolve/main/blob.bin")).status == 503 and time.monotonic() < end:
            time.sleep(0.1)
    assert reply.status == 200, reply
    return reply.body


def _break_off(node: ForkedNode) -> None:
    """Ask for the file and lose the connection."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        _read(node)


def _noted(node: ForkedNode) -> int:
    """Return how many bytes of the file the node has noted as being on disk."""
    ranges = [int(one) for note in (node.folder / "held" / "partial").glob("*.done") for one in note.read_text().split()]
    return sum(ranges[1::2]) - sum(ranges[::2])


def test_killed_in_the_middle(origin: HubOrigin, node: ForkedNode) -> None:
    """After kill -9 half-way the node goes on: what was noted as here the upstream does not send again; the bytes are right."""
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(_break_off, node)
        until(lambda: _noted(node) > RATE)
        node.kill()
        reading.result(150)
    before, noted = origin.bytes_sent, _noted(node)
    assert noted <= before < len(DATA)
    origin.pace.rate = None
    node.start()
    assert _read(node) == DATA
    # Half of it: the origin goes on for a moment with what it was sending to the dead.
    assert origin.bytes_sent - before < len(DATA) - noted // 2


def test_many_at_once(origin: HubOrigin, node: ForkedNode) -> None:
    """However many ask for a file while it comes, the upstream sends it once, and the piece that it shows to who mirrors it."""
    with ThreadPoolExecutor(READERS) as pool:
        assert list(pool.map(_read, [node] * READERS)) == [DATA] * READERS
    assert len(DATA) <= origin.bytes_sent <= len(DATA) + PROOF
