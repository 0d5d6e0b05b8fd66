"""A model that a member serves: verified files in an engine here, answers in the OpenAI form, each of them signed.

1. The files were hashed, and are what the engine loaded; the engine was observed after that.
2. To a challenge follows an attestation about exactly this, signed with the member's key, for some hours.
3. Requests are answered one after the other. Whatever would shape an answer and is not known here is refused, not passed over.
4. Each answer is signed with a key that lives in this process only and is named in the attestation.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hanse.clock import Clock
from hanse.errors import BadFormat, Busy, HanseError, InputError, NotFoundError
from hanse.evals.endpoint import ENDPOINT, MAX_SECONDS, SHOWN, Attestation, answer_bytes, parse_challenge
from hanse.evals.engine import Answer, Ask, Engine
from hanse.evals.itemtable import Status
from hanse.evals.suite import MAX_TOKENS, Decoding, Item, Request
from hanse.flows.evaluate.subject import Subject
from hanse.keys.files import generate
from hanse.model.canonical import canonical
from hanse.model.publickey import Scheme, Signer
from hanse.model.repo import Origin
from hanse.model.strictjson import parse_strict
from hanse.sign import statement as statements
from hanse.sign.bundle import make_bundle
from hanse.sign.statement import Statement

CHAT, COMPLETION = "chat/completions", "completions"
MAX_REQUEST_BYTES = 4 * 1024 * 1024
MAX_WAITING = 32
"""Requests that wait for the engine at once."""
MAX_MESSAGES = 1000
_MAX_MARKS = 50_000
_DEFAULT_TOKENS = 256
_ROLES = ("system", "user", "assistant")
_KNOWN = {
    *("model", "messages", "prompt", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop", "logprobs"),
    *("stream", "n", "user"),
}
_ENDED = {Status.OK: "stop", Status.TRUNCATED: "length", Status.FILTERED: "content_filter"}


@dataclass(frozen=True, slots=True)
class Member:
    """Who serves. signer: the key by which the member signs its statements; seconds: for which an attestation holds."""

    origin: Origin
    signer: Signer
    seconds: int

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= MAX_SECONDS:
            raise InputError(f"an attestation holds for 1 to {MAX_SECONDS:,} seconds, got {self.seconds:,}")


class ServedModel:
    """A model that is served. names: what callers may call it; digests: further ones of its files, as of the commit."""

    def __init__(
        self, subject: Subject, engine: Engine, member: Member, clock: Clock, *, names: Sequence[str], digests: Mapping[str, str]
    ) -> None:
        self.names = tuple(names)
        self._about = statements.Subject(subject.name, {"sha256": subject.tree, **digests})
        self._engine = engine
        self._observed = engine.observed()
        self._member = member
        self._clock = clock
        self._answers = generate(Scheme.ECDSA_P256)
        self._turn = threading.Lock()
        self._room = threading.Semaphore(MAX_WAITING)

    def attest(self, challenge: str) -> tuple[bytes, str]:
        """Return the attestation that answers a challenge, as a bundle, and its key; raises BadFormat, PeerError."""
        now, seen = self._clock.now(), self._observed
        origin, until = self._member.origin, now + self._member.seconds
        said = Attestation(origin, parse_challenge(challenge), self._answers.public, seen.numerics, seen.hardware, now, until)
        bundle = make_bundle(Statement((self._about,), ENDPOINT, said.predicate()), self._member.signer)
        return bundle.encode(), bundle.key.text

    def answer(self, path: str, data: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer to a request: 400 for what is not answered here, or by this model.

        Raises Busy if too many wait, EngineFailed if the engine cannot go on, NotFoundError for another model, TooLarge.
        """
        chat = path == CHAT
        try:
            said = parse_strict(data, "a request", MAX_REQUEST_BYTES, marks=_MAX_MARKS)
            ask = _ask(said, chat=chat)
        except BadFormat as error:
            return 400, refusal(error)
        if said["model"] not in self.names:
            raise NotFoundError(f"there is no model {str(said['model'])[:100]!r} here", hint=f"there is {', '.join(self.names)}")
        found = self._asked(ask)
        if found.status is Status.MODEL_ERROR:
            return 400, refusal(BadFormat(found.says or "the model does not answer this"))
        return 200, answer_body(found, str(said["model"]), chat=chat, tokens=bool(said.get("logprobs")))

    def sign(self, challenge: str, path: str, request: bytes, answered: tuple[int, bytes]) -> str:
        """Return the signature under an answer, in base64; raises BadFormat for what is no challenge."""
        signed = answer_bytes(parse_challenge(challenge), path, request, *answered)
        return base64.b64encode(self._answers.sign(signed)).decode()

    def _asked(self, ask: Ask) -> Answer:
        if not self._room.acquire(blocking=False):
            raise Busy(f"{MAX_WAITING} requests wait already", hint="ask again later")
        try:
            with self._turn:
                return self._engine.answer(ask)
        finally:
            self._room.release()


def refusal(error: HanseError) -> bytes:
    """Return an error in the OpenAI form."""
    message = f"{error.message} ({error.hint})" if error.hint else error.message
    return canonical({"error": {"message": message, "type": "invalid_request_error", "code": error.code}})


def answer_body(found: Answer, model: str, *, chat: bool, tokens: bool) -> bytes:
    """Return an answer in the OpenAI form. tokens: with ids and log-probabilities of its tokens."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": _ENDED.get(found.status, "stop")}
    choice |= {"message": {"role": "assistant", "content": found.text}} if chat else {"text": found.text}
    if tokens and found.tokens:
        known = found.logprobs if len(found.logprobs) == len(found.tokens) else ()
        listed = [{"id": one} | ({"logprob": known[at]} if known else {}) for at, one in enumerate(found.tokens)]
        choice["logprobs"] = {"content": listed}
    read = len(found.prompt_ids)
    usage = {"prompt_tokens": read, "completion_tokens": found.count, "total_tokens": read + found.count}
    said: dict[str, Any] = {"object": "chat.completion" if chat else "text_completion", "model": model, "choices": [choice]}
    shown = {"rendered": found.rendered, "promptIds": list(found.prompt_ids)}
    return json.dumps(said | {"usage": usage, SHOWN: shown}, ensure_ascii=False).encode("utf-8", "replace")


def _ask(said: Mapping[str, Any], *, chat: bool) -> Ask:
    """Return what is asked; raises BadFormat for what an answer here would not heed."""
    odd = sorted(name for name in said.keys() - _KNOWN if said[name] is not None)
    if odd:
        raise BadFormat(f"{odd[0][:60]!r} is not heeded here: it would be no answer to what was asked")
    if type(said.get("model")) is not str:
        raise BadFormat("model is the name of a model")
    if said.get("stream") or said.get("n") not in {None, 1}:
        raise BadFormat("one answer is given to a request, whole: no stream, n = 1")
    texts = _messages(said) if chat else (("user", _text(said.get("prompt"), "prompt")),)
    stop = said.get("stop") or []
    stop = [stop] if type(stop) is str else stop
    if type(stop) is not list or len(stop) > 16 or any(type(one) is not str or not 0 < len(one) <= 200 for one in stop):
        raise BadFormat("stop is a text, or a list of at most 16 texts of at most 200 characters")
    wanted = said.get("max_completion_tokens") or said.get("max_tokens") or _DEFAULT_TOKENS
    decoding = Decoding(
        _number(said.get("temperature"), "temperature", 1.0, 10.0),
        _number(said.get("top_p"), "top_p", 1.0, 1.0),
        _whole(wanted, "max_tokens", 1, MAX_TOKENS),
        tuple(stop),
        _whole(said.get("seed") or 0, "seed", 0, 2**31 - 1),
    )
    return Ask(Item("asked", "asked", texts), 0, Request.CHAT if chat else Request.COMPLETION, decoding)


def _messages(said: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    listed = said.get("messages")
    if type(listed) is not list or not 0 < len(listed) <= MAX_MESSAGES or "prompt" in said:
        raise BadFormat(f"messages is a list of 1 to {MAX_MESSAGES:,} messages")
    if any(type(one) is not dict or one.keys() != {"role", "content"} or one["role"] not in _ROLES for one in listed):
        raise BadFormat(f"a message has a role ({', '.join(_ROLES)}) and a content, nothing else")
    return tuple((one["role"], _text(one["content"], "the content of a message")) for one in listed)


def _text(value: object, what: str) -> str:
    if type(value) is not str:
        raise BadFormat(f"{what} is a text")
    return value


def _number(value: object, what: str, default: float, most: float) -> float:
    if value is None:
        return default
    if type(value) not in {int, float} or not 0 <= value <= most:  # type: ignore[operator]
        raise BadFormat(f"{what} is a number from 0 to {most:g}")
    return float(value)  # type: ignore[arg-type]


def _whole(value: object, what: str, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise BadFormat(f"{what} is a whole number from {least} to {most:,}")
    return value
