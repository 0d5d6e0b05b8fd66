"""Which witnesses can be asked; asking them is proved in tests/contract/test_peers.py and tests/flows/test_cosign.py."""

from __future__ import annotations

import pytest

from hanse.errors import InputError
from hanse.peers.client import PeerClient
from hanse.peers.witnessclient import WitnessClient


def test_a_witness_needs_an_address() -> None:
    """What is no http address is refused when the client is made, not when it is asked."""
    client = PeerClient()
    with pytest.raises(InputError):
        WitnessClient(client, "witness.example.org")
    client.close()
