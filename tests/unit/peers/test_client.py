"""What may be an address of another server; the conversation is proved in tests/contract/test_peers.py."""

from __future__ import annotations

import pytest

from hanse.errors import InputError
from hanse.peers.client import parse_base


def test_addresses() -> None:
    """Http and https addresses are taken, without a slash at their end."""
    assert parse_base("https://models.example.org/log/") == "https://models.example.org/log"
    assert parse_base("http://[::1]:8080") == "http://[::1]:8080"


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "models.example.org",
        "ftp://models.example.org",
        "file:///etc/passwd",
        "https://",
        "https:///log",
        "https://user:secret@models.example.org",
        "https://models.example.org/?a=b",
        "https://models.example.org/#a",
        "https://models.example.org/a b",
        "https://models.example.org/\n",
        "https://mödels.example.org",
        "https://models.example.org/" + "a" * 3000,
    ],
)
def test_everything_else_is_refused(bad: str) -> None:
    """No other scheme, no credentials, query, fragment, space or control character."""
    with pytest.raises(InputError):
        parse_base(bad)
