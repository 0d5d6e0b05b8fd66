"""The program that runs llama.cpp: what it says where its package or the model is missing (real runs: tests/interop)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.services.clients import SMOLLM2_GGUF, client_python

from hanse.errors import EngineFailed
from hanse.evals.audit import GAPS_1
from hanse.evals.engine import Ask
from hanse.evals.suite import Decoding, Item, Request
from hanse.jobs.engine import EngineLimits, LocalEngine
from hanse.jobs.engine_llama import _complete


def test_without_its_package(tmp_path: Path) -> None:
    """An engine that is not installed is named, with what to do."""
    with pytest.raises(EngineFailed, match="does not load") as caught:
        LocalEngine("xllamacpp", tmp_path / "m.gguf", EngineLimits(), sys.executable)
    assert "hanse[evals]" in caught.value.hint


def test_tokens_that_were_left_out() -> None:
    """Where the server leaves out parts of characters all tokens are listed, else what it told stays."""
    told = [{"id": 7, "logprob": -0.1}, {"id": 9, "logprob": -0.2}]
    for tokens, listed in (([7, 9, 3], told), ([5, 7, 4, 9], [{"id": 5}, {"id": 7}, {"id": 4}, {"id": 9}]), (None, told)):
        found = {"choices": [{"logprobs": {"content": list(told)}}]}
        _complete(found, tokens)
        assert found["choices"][0]["logprobs"]["content"] == listed
    odds: list[dict[str, Any]] = [{}, {"choices": []}, {"choices": [{"logprobs": None}]}]
    for odd in odds:
        _complete(odd, [1])


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_characters_of_several_tokens() -> None:
    """An honest answer in Hindi is told whole, and forcing it finds its own tokens: nobody is a cheat for his letters."""
    ask = Ask(Item("hi", "hi", (("user", "नमस्ते मेरा नाम"),)), 0, Request.COMPLETION, Decoding(0.0, 1.0, 8))
    engine = LocalEngine("xllamacpp", SMOLLM2_GGUF, EngineLimits(context=256), str(client_python("evals")))
    try:
        answer = engine.answer(ask)
        forced = engine.force(ask, answer.tokens)
    finally:
        engine.close()
    assert (len(answer.tokens), answer.count) == (8, 8)
    assert forced.text.rstrip("\ufffd") == answer.text.rstrip("\ufffd")
    assert max(forced.gaps) < GAPS_1.token
    assert sum(gap == 0 for gap in forced.gaps) >= 6
