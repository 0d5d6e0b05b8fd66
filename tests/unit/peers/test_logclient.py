"""Which logs can be read; reading them is proved in tests/contract/test_peers.py."""

from __future__ import annotations

import pytest

from hanse.errors import InputError
from hanse.peers.client import PeerClient
from hanse.peers.logclient import LogClient


def test_a_log_needs_an_address() -> None:
    """What is no http address is refused when the client is made, not when it is asked."""
    client = PeerClient()
    assert LogClient(client, "https://models.example.org/log/").url == "https://models.example.org/log"
    with pytest.raises(InputError):
        LogClient(client, "models.example.org/log")
    client.close()
