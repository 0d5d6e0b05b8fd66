"""A model that is served: what it answers, what it refuses, and what it signs."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from tests.support.endpoints import KEY, NAME, served_model
from tests.support.openaiserver import Model

from hanse.errors import BadFormat, Busy, InputError, NotFoundError
from hanse.evals.endpoint import MAX_SECONDS, answer_bytes, parse_attestation
from hanse.flows.evaluate.serving import CHAT, COMPLETION, MAX_WAITING, Member
from hanse.model.repo import Origin
from hanse.sign.bundle import parse_bundle_json, verify_bundle

NOW = 1_800_000_000
QUESTION = "What is 2 + 3?"
SIGNED = ("e" * 64, CHAT, b"{}", (200, b"{}"))


def _asked(**more: Any) -> bytes:
    return json.dumps({"model": NAME, "messages": [{"role": "user", "content": QUESTION}], **more}).encode()


def test_it_answers_in_the_openai_form() -> None:
    """Chat and completion are answered by the engine, with the prompt as the model saw it."""
    model = served_model(NOW, model=Model(wrong=0.0))
    status, body = model.answer(CHAT, _asked(max_tokens=4, temperature=0, stop="\n", seed=7))
    said = json.loads(body)
    assert (status, said["choices"][0]["message"]["content"][:1], said["hanse"]["rendered"]) == (200, "5", QUESTION)
    asked = json.dumps({"model": NAME, "prompt": QUESTION}).encode()
    assert json.loads(model.answer(COMPLETION, asked)[1])["choices"][0]["text"][:1] == "5"


@pytest.mark.parametrize(
    "more",
    [
        {"tools": []},
        {"stream": True},
        {"n": 2},
        {"max_tokens": -1},
        {"max_tokens": 10**9},
        {"temperature": "hot"},
        {"temperature": 11},
        {"top_p": True},
        {"seed": -1},
        {"stop": [""]},
        {"stop": ["a"] * 17},
        {"prompt": "x"},
        {"messages": []},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
        {"model": None},
    ],
)
def test_what_an_answer_would_not_heed_is_refused(more: dict[str, Any]) -> None:
    """Such a request gets 400 with the reason in the OpenAI form, and no answer."""
    status, body = served_model(NOW).answer(CHAT, _asked(**more))
    assert (status, json.loads(body)["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("data", [b"", b"[]", b"{" * 50, b'{"model":NaN}', b'{"model":"a","model":"b"}', b"\xff"])
def test_what_is_no_request(data: bytes) -> None:
    """Bytes that are no JSON object get 400."""
    assert served_model(NOW).answer(CHAT, data)[0] == 400


def test_another_model_and_too_many_callers() -> None:
    """Another model than the one that is served is not there; beyond so many waiting requests the next one is put off."""
    model = served_model(NOW)
    with pytest.raises(NotFoundError):
        model.answer(CHAT, _asked(model="uni/other"))
    taken = [model._room.acquire(blocking=False) for _ in range(MAX_WAITING)]
    assert all(taken)
    with pytest.raises(Busy):
        model.answer(CHAT, _asked())


def test_answers_are_signed_by_the_key_that_is_attested() -> None:
    """The attestation answers the challenge, holds for the hours that were chosen, and names the key under the answers."""
    model = served_model(NOW, seconds=60)
    data, key = model.attest("f" * 64)
    found = parse_attestation(verify_bundle(parse_bundle_json(data), KEY.public).statement.predicate)
    assert (key, found.challenge, found.start, found.until) == (KEY.public.text, "f" * 64, NOW, NOW + 60)
    challenge, path, request, answer = SIGNED
    found.answers.verify(base64.b64decode(model.sign(*SIGNED)), answer_bytes(challenge, path, request, *answer))
    for odd in ("", "f" * 63, "F" * 64, "../../etc"):
        with pytest.raises(BadFormat):
            model.attest(odd)
    with pytest.raises(InputError):
        Member(Origin("uni.example"), KEY, MAX_SECONDS + 1)
