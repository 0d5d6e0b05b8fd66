"""What an engine behind an address cannot do; the conversation is proved in tests/contract/test_openai.py."""

from __future__ import annotations

import pytest
from tests.support.openaiserver import sums

from hanse.errors import InputError
from hanse.evals.engine import Ask
from hanse.evals.suite import Request
from hanse.peers.openai import Endpoint

SUITE = sums(20)


def test_what_it_cannot_do() -> None:
    """Log-likelihoods of given texts, and keys or names that are no text of one line."""
    with pytest.raises(InputError):
        Endpoint("http://127.0.0.1:1", "adder").answer(Ask(SUITE.items[0], 0, Request.LOGLIKELIHOOD, SUITE.decoding))
    with pytest.raises(InputError):
        Endpoint("http://127.0.0.1:1", "adder", key="a\nb")
    with pytest.raises(InputError):
        Endpoint("http://127.0.0.1:1", "")
