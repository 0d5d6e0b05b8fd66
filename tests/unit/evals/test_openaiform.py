"""Answers in the OpenAI form, sound and hostile."""

from __future__ import annotations

from typing import Any

import pytest

from hanse.errors import PeerMisbehaved
from hanse.evals.itemtable import Status
from hanse.evals.openaiform import parse_answer


def chat(**choice: Any) -> dict[str, Any]:
    """Return an answer with one choice."""
    return {"choices": [{"message": {"role": "assistant", "content": "7"}, "finish_reason": "stop"} | choice]}


def test_text_and_tokens() -> None:
    """Text, status, token ids and log-probabilities are taken as told."""
    told = {"content": [{"id": 39, "token": "7", "logprob": -0.5}, {"id": 2, "token": "", "logprob": -1}]}
    found = parse_answer(chat(logprobs=told) | {"usage": {"completion_tokens": 2}}, "p", chat=True)
    assert (found.text, found.status, found.tokens, found.logprobs, found.count) == ("7", Status.OK, (39, 2), (-0.5, -1.0), 2)
    assert parse_answer({"choices": [{"text": "x", "finish_reason": "length"}]}, "p", chat=False).status is Status.TRUNCATED


def test_a_filter_is_no_error() -> None:
    """What a service filters has an empty answer, and is scored as that."""
    found = parse_answer(chat(message={"content": None}, finish_reason="content_filter"), "p", chat=True)
    assert (found.text, found.status) == ("", Status.FILTERED)


@pytest.mark.parametrize(
    "said",
    [{}, {"choices": []}, {"choices": [7]}, {"choices": {}}, chat(message=None), chat(message={"content": 7}), chat(message=[])],
)
def test_no_answer(said: dict[str, Any]) -> None:
    """An object without a text is none."""
    with pytest.raises(PeerMisbehaved):
        parse_answer(said, "p", chat=True)


@pytest.mark.parametrize(
    "told",
    [
        7,
        {"content": 7},
        {"content": [7]},
        {"content": [{"id": -1, "logprob": float("nan")}]},
        {"content": [{"id": True, "logprob": 1}]},
        {"content": [{"id": "x", "logprob": "y"}]},
    ],
)
def test_nonsense_about_tokens_is_not_taken(told: Any) -> None:
    """Token ids and log-probabilities that cannot be are not told at all; the text stands."""
    found = parse_answer(chat(logprobs=told) | {"usage": {"completion_tokens": -5}}, "p", chat=True)
    assert (found.text, found.tokens, found.logprobs) == ("7", (), ())
    assert found.count >= 0


def test_text_without_a_canonical_form() -> None:
    """Half a surrogate pair is replaced, so that the answer can be written down."""
    assert parse_answer(chat(message={"content": "a\ud800"}), "p", chat=True).text == "a?"
