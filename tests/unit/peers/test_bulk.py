"""What a status means for whoever asked for bytes; the conversation is proved in tests/contract/test_bulk.py."""

from __future__ import annotations

import pytest

from hanse.errors import HanseError, NotFoundError, PeerBusy, PeerDown, PeerMisbehaved, PeerRefused, PeerTooSlow
from hanse.peers.bulk import SLOWEST, BulkClient, _Floor, refusal


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, NotFoundError),
        (401, PeerRefused),
        (403, PeerRefused),
        (451, PeerRefused),
        (429, PeerRefused),
        (500, PeerRefused),
        (502, PeerDown),
        (503, PeerDown),
        (416, PeerMisbehaved),
        (204, PeerMisbehaved),
        (304, PeerMisbehaved),
        (999, PeerMisbehaved),
    ],
)
def test_statuses(status: int, kind: type[HanseError]) -> None:
    """Missing, refused, away and nonsense are told apart."""
    assert type(refusal(status, {}, "http://a")) is kind


def test_a_refusal_says_when() -> None:
    """What a server says about when to come back, and why, is passed on."""
    error = refusal(429, {"retry-after": "7"}, "http://a", "too many")
    assert isinstance(error, PeerRefused)
    assert (error.status, error.retry_after) == (429, 7)
    assert "too many" in error.message


def test_a_refusal_says_what_to_do() -> None:
    """Who has no token is told how to keep one."""
    assert "hanse login" in refusal(401, {}, "http://a").hint


def test_a_server_that_fetches_it_first() -> None:
    """503 with how far it is, is no outage; with nonsense, or another status, it is what it is without that."""
    error = refusal(503, {"x-hanse-progress": "3/10", "retry-after": "1"}, "http://a")
    assert isinstance(error, PeerBusy)
    assert (error.done, error.total, error.retry_after) == (3, 10, 1)
    assert type(refusal(503, {"x-hanse-progress": "11/10"}, "http://a")) is PeerDown
    assert type(refusal(502, {"x-hanse-progress": "3/10"}, "http://a")) is PeerDown


@pytest.mark.parametrize(("size", "slow"), [(SLOWEST * 10 - 1, True), (SLOWEST * 10, False)])
def test_a_floor(size: int, *, slow: bool) -> None:
    """Bytes that come now and then count as a stall; the time that their reader takes is his own."""
    floor = _Floor("http://a", 10.0)
    floor.came(0, 9.5)
    if slow:
        with pytest.raises(PeerTooSlow, match=f"sent {size} bytes in 10 seconds"):
            floor.came(size, 0.5)
    else:
        for _ in range(2):
            floor.came(size, 0.5)
            floor.came(0, 9.5)


def test_ranges_that_are_none() -> None:
    """Asking for what lies outside a file is a mistake of the caller, and nothing is asked for no bytes."""
    client = BulkClient()
    assert list(client.read("http://127.0.0.1:1/", 5, 5, 10)) == []
    for start, end, size in ((5, 4, 10), (-1, 4, 10), (5, 11, 10)):
        with pytest.raises(ValueError, match="bytes"):
            list(client.read("http://127.0.0.1:1/", start, end, size))
    client.close()
