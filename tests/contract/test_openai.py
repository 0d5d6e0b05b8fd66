"""The engine behind an address, against a real server."""

from __future__ import annotations

import pytest
from tests.support.openaiserver import Model, asking, sums

from hanse.errors import PeerDown, PeerMisbehaved, PeerRefused
from hanse.evals.engine import NOT_SAID, Ask
from hanse.evals.itemtable import Status
from hanse.evals.suite import Request

SUITE = sums(20, delta=0.05)
ASK = Ask(SUITE.items[0], 0, Request.CHAT, SUITE.decoding)


def test_answers() -> None:
    """Chat and completion are asked with the key, and what is observed is that nothing is known."""
    model = Model(wrong=0.0)
    with asking(model, key="s3cret") as engine:
        assert engine.answer(ASK).text == "1"
        assert engine.answer(Ask(SUITE.items[1], 0, Request.COMPLETION, SUITE.decoding)).text == "5"
        assert engine.observed().numerics["kv"] == NOT_SAID
    assert model.seen == ["Bearer s3cret"] * 2


def test_a_busy_server_is_asked_again() -> None:
    """Too many requests and passing errors are waited out; a request that it does not take is the item's error."""
    waits: list[float] = []
    with asking(Model(failing=[429, 503, 500, 200]), pause=waits.append) as engine:
        assert engine.answer(ASK).status is Status.OK
    assert len(waits) == 3
    with asking(Model(failing=[400])) as engine:
        assert engine.answer(ASK).status is Status.MODEL_ERROR


def test_refused_down_and_nonsense_are_told_apart() -> None:
    """A refusal names no key; a server that stays away is down; what is no answer is misbehaviour."""
    with asking(Model(failing=[401]), key="s3cret") as engine:
        with pytest.raises(PeerRefused) as refused:
            engine.answer(ASK)
        assert "s3cret" not in f"{refused.value.message}{refused.value.hint}{engine!r}"
    with asking(Model(failing=[503] * 5), pause=lambda _seconds: None) as engine, pytest.raises(PeerDown):
        engine.answer(ASK)
    for raw in (b"[]", b"{", b'{"choices": 1}'):
        with asking(Model(raw=raw)) as engine, pytest.raises(PeerMisbehaved):
            engine.answer(ASK)
