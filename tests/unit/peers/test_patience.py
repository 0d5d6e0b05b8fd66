"""When servers want to be asked again."""

from __future__ import annotations

import pytest

from hanse.errors import PeerRefused
from hanse.peers.patience import MAX_WAIT, Patience, retry_after

API, FILE = "http://a/api/models/o/n", "http://a/o/n/resolve/main/f"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"retry-after": "55"}, 55),
        ({"retry-after": "999999999"}, MAX_WAIT),
        ({"retry-after": "-1"}, 0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0),
        ({"retry-after": "٣"}, 0),
        ({"ratelimit": '"api";r=0;t=42'}, 42),
        ({"ratelimit": '"api";r=0;t=42', "retry-after": "7"}, 7),
        ({"ratelimit": '"t=9"'}, 0),
    ],
)
def test_what_servers_say(headers: dict[str, str], seconds: int) -> None:
    """Retry-After in whole seconds, else the ratelimit header; anything else says nothing, and nobody is believed for ever."""
    assert retry_after(headers) == seconds


def test_long_waits_are_told() -> None:
    """A server that wants to be left alone for long is not asked; files and everything else are counted apart."""
    patience = Patience()
    assert not patience.again(API, 429, {"retry-after": "100"}, 0)
    with pytest.raises(PeerRefused) as caught:
        patience.before(API)
    assert caught.value.status == 429
    assert 90 < caught.value.retry_after <= 100
    patience.before(FILE)
    patience.before("http://b/api/models/o/n")


def test_nothing_left_is_a_word_too() -> None:
    """An answer that says that it was the last one for now is believed."""
    patience = Patience()
    assert not patience.again(API, 200, {"ratelimit": '"api";r=12;t=100'}, 0)
    patience.before(API)
    assert not patience.again(API, 200, {"ratelimit": '"api";r=0;t=100'}, 0)
    with pytest.raises(PeerRefused):
        patience.before(API)


def test_asking_again() -> None:
    """Short waits are sat out a few times, and never where no time is named."""
    patience = Patience()
    assert patience.again(API, 429, {"retry-after": "1"}, 0)
    assert not patience.again(API, 429, {"retry-after": "1"}, 3)
    assert not patience.again(FILE, 429, {}, 0)
    assert not patience.again(FILE, 503, {"retry-after": "1"}, 0)
