"""What a status means for whoever asked for bytes; the conversation is proved in tests/contract/test_bulk.py."""

from __future__ import annotations

import pytest

from hanse.errors import HanseError, NotFoundError, PeerDown, PeerMisbehaved, PeerRefused
from hanse.peers.bulk import BulkClient, refusal


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


def test_ranges_that_are_none() -> None:
    """Asking for what lies outside a file is a mistake of the caller, and nothing is asked for no bytes."""
    client = BulkClient()
    assert list(client.read("http://127.0.0.1:1/", 5, 5, 10)) == []
    for start, end, size in ((5, 4, 10), (-1, 4, 10), (5, 11, 10)):
        with pytest.raises(ValueError, match="bytes"):
            list(client.read("http://127.0.0.1:1/", start, end, size))
    client.close()
