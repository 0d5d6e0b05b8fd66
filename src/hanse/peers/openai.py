"""A model behind an address that speaks the OpenAI form (chat completions and completions): what most servers of models offer.

Whatever it says of itself is a claim: nothing here shows which weights answer. The key is sent to this address only, and no
message has it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from hanse.errors import InputError, PeerDown, PeerMisbehaved, PeerRefused
from hanse.evals.engine import NOT_SAID, Answer, Ask, Observed
from hanse.evals.itemtable import Status
from hanse.evals.openaiform import parse_answer
from hanse.evals.record import CLASS_FIELDS
from hanse.evals.suite import Request
from hanse.model.canonical import canonical
from hanse.peers.client import Answer as Reply
from hanse.peers.client import PeerClient, parse_base

MAX_ANSWER_BYTES = 8 * 1024 * 1024
ANSWER_SECONDS = 300.0
MAX_TRIES = 5
MAX_WAIT = 60.0
_LATER = frozenset({408, 409, 429, 500})
_MAX_MODEL = 200


class Endpoint:
    """An engine behind an address. key: sent as a bearer token if not empty; pause: how to wait (tests do not)."""

    def __init__(self, base: str, model: str, *, key: str = "", pause: Callable[[float], None] = time.sleep) -> None:
        if not 0 < len(model) <= _MAX_MODEL or not model.isprintable():
            raise InputError(f"a model's name has 1 to {_MAX_MODEL} printable characters")
        if not key.isascii() or not (key == "" or key.isprintable()):
            raise InputError("a key consists of printable ASCII characters", hint="look for a line end or a blank in its file")
        self._base = parse_base(base)
        self._base = self._base if self._base.endswith("/v1") else f"{self._base}/v1"
        self._model = model
        self._headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
        self._client = PeerClient(seconds=ANSWER_SECONDS)
        self._pause = pause

    def observed(self) -> Observed:
        """Return that it is a remote interface; everything else is not said."""
        numerics = dict.fromkeys(CLASS_FIELDS, NOT_SAID) | {"engine": "openai-api"}
        return Observed(numerics, {}, tuple(f"numerics.{name}" for name in CLASS_FIELDS[1:]))

    def answer(self, ask: Ask) -> Answer:
        """Ask for one item. Raises InputError for what such an interface cannot do, PeerRefused, or PeerError."""
        if ask.request is Request.LOGLIKELIHOOD:
            raise InputError("this interface gives no log-likelihoods of given texts", hint="run the weights: --engine xllamacpp")
        chat = ask.request is Request.CHAT
        messages = [{"role": role, "content": text} for role, text in ask.item.messages]
        prompt = {"messages": messages} if chat else {"prompt": "".join(text for _, text in ask.item.messages)}
        decoding = ask.decoding
        body: dict[str, Any] = {"model": self._model, "max_tokens": decoding.tokens, "temperature": decoding.temperature}
        body |= prompt | {"top_p": decoding.top_p, "seed": ask.seed} | ({"stop": list(decoding.stop)} if decoding.stop else {})
        rendered = canonical(prompt).decode() if chat else str(prompt["prompt"])
        said = self._ask("chat/completions" if chat else "completions", self._body(body, chat=chat))
        if isinstance(said, str):
            return Answer(Status.MODEL_ERROR, "", rendered, says=said)
        return self._parse(said, rendered, chat=chat)

    def _body(self, body: dict[str, Any], *, chat: bool) -> dict[str, Any]:  # noqa: ARG002 for servers that tell more
        """Return what is sent."""
        return body

    def _parse(self, said: Mapping[str, Any], rendered: str, *, chat: bool) -> Answer:
        """Return an answer in the OpenAI form."""
        return parse_answer(said, rendered, chat=chat)

    def _send(self, path: str, data: bytes) -> Reply:
        """Return what the server answers to a body, once."""
        return self._client.request("POST", f"{self._base}/{path}", data, limit=MAX_ANSWER_BYTES, headers=self._headers)

    def _ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any] | str:
        """Return the JSON of an answer, or why the server does not answer this item."""
        data = json.dumps(body).encode()
        for tried in range(MAX_TRIES):
            try:
                answer = self._send(path, data)
            except PeerDown:
                if tried + 1 == MAX_TRIES:
                    raise
                self._pause(min(2.0**tried, MAX_WAIT))
                continue
            if answer.status in _LATER and tried + 1 < MAX_TRIES:
                self._pause(_wait(answer.headers.get("retry-after", ""), tried))
                continue
            if answer.status == 400:
                return f"the server answers 400: {answer.body[:200].decode(errors='replace')}"
            if answer.status != 200:
                hint = "check the key and its rights" if answer.status in {401, 403} else "check address and model"
                raise PeerRefused(f"{self._base} answers {answer.status}", hint=hint)
            return _object(answer.body, self._base)
        raise PeerDown(f"{self._base} does not answer after {MAX_TRIES} tries")

    def close(self) -> None:
        """Close connections."""
        self._client.close()


def _wait(said: str, tried: int) -> float:
    seconds = float(said) if said.isascii() and said.isdigit() and len(said) < 6 else 2.0**tried
    return min(seconds, MAX_WAIT)


def _object(data: bytes, place: str) -> dict[str, Any]:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PeerMisbehaved(f"{place} answers with something else than JSON") from error
    if type(said) is not dict:
        raise PeerMisbehaved(f"{place} answers with something else than a JSON object")
    return said
