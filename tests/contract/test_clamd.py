"""The INSTREAM conversation, with a daemon that speaks the real protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clamd import LIMIT, FakeClamd

from hanse.jobs.clamd import ClamStream


@pytest.fixture(name="clamd")
def _clamd(tmp_path: Path) -> Iterator[FakeClamd]:
    daemon = FakeClamd(tmp_path / "clamd.ctl")
    daemon.start()
    yield daemon
    daemon.stop()
    daemon.join(120)


def _ask(address: str, *pieces: bytes) -> str:
    stream = ClamStream(address)
    for piece in pieces:
        stream.feed(memoryview(piece))
    return str(stream.result()["status"])


def test_the_stream_arrives_whole(clamd: FakeClamd) -> None:
    """All bytes come in order, and the answer is that of the daemon."""
    assert _ask(clamd.address, b"a" * 10, b"", b"b" * 2_000_000) == "safe"
    assert _ask(clamd.address, b"xx EI", b"CAR xx") == "unsafe"
    assert clamd.streams == [b"a" * 10 + b"b" * 2_000_000, b"xx EICAR xx"]


def test_what_fails_is_not_known(clamd: FakeClamd, tmp_path: Path) -> None:
    """A daemon that is away, or refuses the size, costs nothing but its opinion."""
    assert _ask(clamd.address, bytes(LIMIT), bytes(LIMIT)) == "error"
    for address in (f"unix:{tmp_path}/none", "127.0.0.1:1", "nonsense"):
        assert _ask(address, b"x") == "error"
    ClamStream(clamd.address).close()
