"""Answers in the OpenAI form, as servers of models and llama.cpp write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hanse.errors import PeerMisbehaved
from hanse.evals.engine import Answer
from hanse.evals.itemtable import Status

_ENDED = {"stop": Status.OK, "length": Status.TRUNCATED, "content_filter": Status.FILTERED}


def parse_answer(said: Mapping[str, Any], rendered: str, *, chat: bool) -> Answer:
    """Return the answer in an object of the OpenAI form, with token ids and log-probabilities if told; raises PeerMisbehaved."""
    choices = said.get("choices")
    choice = choices[0] if type(choices) is list and choices and type(choices[0]) is dict else None
    if choice is None:
        raise PeerMisbehaved("the answer has no choices", hint="is this address one that speaks the OpenAI form?")
    message = choice.get("message")
    text = message.get("content") if chat and type(message) is dict else choice.get("text")
    if text is None and choice.get("finish_reason") == "content_filter":
        text = ""
    if type(text) is not str:
        raise PeerMisbehaved("the answer has no text")
    usage = said.get("usage")
    count = usage.get("completion_tokens", 0) if type(usage) is dict else 0
    ids, logprobs = _tokens(choice.get("logprobs"))
    status = _ENDED.get(str(choice.get("finish_reason")), Status.OK)
    count = count if type(count) is int and 0 <= count < 2**31 else len(ids)
    sound = text.encode("utf-8", "replace").decode()
    return Answer(status, sound, rendered, tokens=ids, count=count, logprobs=logprobs)


def _tokens(said: object) -> tuple[tuple[int, ...], tuple[float, ...]]:
    listed = said.get("content") if type(said) is dict else None
    if type(listed) is not list or any(type(one) is not dict for one in listed):
        return (), ()
    ids = [one.get("id") for one in listed]
    logprobs = [one.get("logprob") for one in listed]
    known = all(type(one) is int and 0 <= one < 2**32 for one in ids)
    sound = all(type(one) in {int, float} and one <= 0 for one in logprobs)  # NaN is not <= 0
    return (tuple(ids) if known else ()), (tuple(map(float, logprobs)) if sound else ())
