"""Servers that send something now and then, for ever: each part of an answer has an end, through both clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.support.served import dripping

from hanse.errors import PeerMisbehaved, PeerTooSlow
from hanse.peers import timed
from hanse.peers.bulk import BulkClient
from hanse.peers.client import PeerClient

Ask = Callable[[str], object]
PEER, BULK = PeerClient(seconds=600), BulkClient(seconds=600, stall_seconds=600)
ASKS: list[Ask] = [
    lambda url: PEER.get(url, limit=100),
    lambda url: BULK.get(url, limit=100),
    lambda url: list(BULK.read(url, 0, 5, 5)),
]
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"


@pytest.fixture(name="hurry", autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the rest of a head take little, so that it and nothing else is what ends an answer."""
    monkeypatch.setattr(timed, "REST_OF_HEAD_SECONDS", 0.1)
    yield
    PEER.close()
    BULK.close()


@pytest.mark.parametrize("ask", ASKS, ids=["peer", "bulk", "read"])
@pytest.mark.parametrize("start", [b"H", b"HTTP/1.1 200 OK\r\nX-Drip: "], ids=["status", "header"])
def test_a_head_that_drips(ask: Ask, start: bytes) -> None:
    """A head has a time for the whole of it: a byte now and then does not prolong it, and who sends it so is named."""
    with dripping(start, b"1") as (url, requests):
        with pytest.raises(PeerTooSlow, match=f"{url} sends the head of its answer too slowly"):
            ask(url)
        assert len(requests) == 1


@pytest.mark.parametrize("ask", ASKS, ids=["peer", "bulk", "read"])
def test_heads_before_the_head(ask: Ask) -> None:
    """Interim answers count as part of the head that they put off."""
    with dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n") as (url, _), pytest.raises(PeerTooSlow, match="head of its answer"):
        ask(url)


@pytest.mark.parametrize("ask", ASKS, ids=["peer", "bulk", "read"])
def test_headers_behind_the_body(ask: Ask) -> None:
    """Headers behind a body are as few as those of a head, and as quick."""
    with dripping(CHUNKED, b"X-T: 1\r\n", pause=0) as (url, _), pytest.raises(PeerMisbehaved, match="100 headers"):
        ask(url)
    with dripping(CHUNKED + b"X-T: ", b"1") as (url, _), pytest.raises(PeerTooSlow, match="did not finish"):
        ask(url)


def test_the_body_of_a_redirect() -> None:
    """What a redirect says to people is not waited for longer than its head."""
    moved = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 300\r\n\r\n"
    with dripping(moved, b"x") as (url, _), pytest.raises(PeerTooSlow, match="did not finish"):
        list(BULK.read(url, 0, 5, 5))


def test_a_handshake_that_drips() -> None:
    """TLS counts towards the time of the head: a handshake that never comes to its end does not keep a client."""
    client = BulkClient(stall_seconds=0.2)
    with dripping(b"\x16\x03\x03\x40\x00", b"\x02") as (url, _), pytest.raises(PeerTooSlow, match="did not answer in time"):
        list(client.read(url.replace("http:", "https:"), 0, 5, 5))
