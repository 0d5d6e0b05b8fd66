"""What a member's endpoint is not asked; the conversation is proved in tests/contract/test_attested.py."""

from __future__ import annotations

import pytest

from hanse.errors import InputError
from hanse.peers.attested import Attested, AttestedEndpoint


def _check(data: bytes, key: str, challenge: str) -> Attested:
    raise AssertionError((data, key, challenge))


def test_names_and_keys_that_are_none() -> None:
    """A name or a key that is no text of one line is refused before anything is sent."""
    with pytest.raises(InputError):
        AttestedEndpoint("http://127.0.0.1:1", "", _check)
    with pytest.raises(InputError):
        AttestedEndpoint("http://127.0.0.1:1", "uni/adder", _check, key="a\nb")
