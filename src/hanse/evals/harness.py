"""What a driven harness asks, and what it says of itself: a harness plans and scores in its own process, the answers are ours.

    describe    Description: which harness, of which code, what it needs
    plan, run   Question: one request of the harness's, answered by an engine of ours and kept in the run's journal
    score       the harness's own scorer, whose outcomes are in its log
    import_log  `hanse.evals.exchange`, and `bind`, which holds every answer in the log against what the engine said

Harness and task are programs that the user chose. What they say is bounded all the same.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hanse.errors import BadFormat
from hanse.evals.engine import Answer, Ask
from hanse.evals.exchange.log import Log, LogItem, slug
from hanse.evals.suite import MAX_ITEM_BYTES, MAX_TOKENS, Decoding, Item, Request
from hanse.model.canonical import canonical

HARNESSES = ("lm-eval", "inspect")
MAX_CHOICES = 256
MAX_STOPS = 16
DRIVEN = "driven"
"""The first gap of a record that a harness's process planned and scored: the suite follows from its log, after the run."""
_GAPS = (DRIVEN, "tokenizer", "suite-before-run")
_CLOSED = {"status", "tokens", "rendered", "engine-version", "decoding"}
"""Gaps of a log that our own journal closes."""
_ROLES = {"system", "user", "assistant"}
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Description:
    """A harness as it describes itself. code: SHA-256 over the digests of its installed files, in hex, "" where unknown."""

    name: str
    version: str
    code: str

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Description:
        """Return what a harness says of itself; raises BadFormat."""
        name, version, code = (str(said.get(field, "")) for field in ("name", "version", "code"))
        if name not in HARNESSES or not 0 < len(version) <= 64 or not version.isprintable():
            raise BadFormat(f"a harness says which of {', '.join(HARNESSES)} it is, and its version; got {name[:40]!r}")
        return cls(name, version, code if _DIGEST.fullmatch(code) else "")


@dataclass(frozen=True, slots=True)
class Question:
    """One request of a harness's. key: of what is asked and how, in the form of an item's id; equal questions have equal keys."""

    key: str
    item: Item
    request: Request
    decoding: Decoding

    def ask(self, epoch: int) -> Ask:
        """Return it as an engine is asked. epoch: how often the same was asked before."""
        return Ask(self.item, epoch, self.request, self.decoding)


def parse_question(said: Mapping[str, Any]) -> Question:
    """Return a question in the form {messages|prompt, choices?, max_tokens, temperature, top_p, stop, seed}; raises BadFormat."""
    choices, chat = said.get("choices"), "messages" in said
    messages = _messages(said["messages"]) if chat else (("user", _text(said.get("prompt"), "prompt")),)
    if choices is None:
        request, decoding = Request.CHAT if chat else Request.COMPLETION, _decoding(said)
        texts: tuple[str, ...] = ()
    else:
        request, decoding, texts = Request.LOGLIKELIHOOD, Decoding(0.0, 1.0, 0), _texts(choices, MAX_CHOICES, "choices")
        if chat or len(set(texts)) != len(texts) or not texts:
            raise BadFormat("choices of a harness differ, and go with a prompt")
    whole = canonical([request.value, [list(one) for one in messages], list(texts), decoding.to_json()])
    if len(whole) > MAX_ITEM_BYTES:
        raise BadFormat(f"a question of a harness has at most {MAX_ITEM_BYTES:,} bytes, got {len(whole):,}")
    key = f"ask-{hashlib.sha256(whole).hexdigest()[:40]}"
    return Question(key, Item(key, key, messages, "", texts), request, decoding)


def _decoding(said: Mapping[str, Any]) -> Decoding:
    tokens = _number(said, "max_tokens", 1, MAX_TOKENS)
    seed, stop = _number(said, "seed", 0, 2**31 - 1), _texts(said.get("stop") or [], MAX_STOPS, "stop")
    return Decoding(_number(said, "temperature", 0, 10), _number(said, "top_p", 0, 1), int(tokens), stop, int(seed))


def _number(said: Mapping[str, Any], name: str, low: float, high: float) -> float:
    value: Any = said.get(name)
    if type(value) not in {int, float} or not low <= value <= high:
        raise BadFormat(f"{name} of a harness's question must be {low:g} to {high:g}, got {str(value)[:40]!r}")
    return float(value)


def _text(value: object, name: str) -> str:
    if type(value) is not str:
        raise BadFormat(f"{name} of a harness's question must be a text, got {str(value)[:40]!r}")
    return value.encode("utf-8", "replace").decode()


def _texts(value: object, most: int, name: str) -> tuple[str, ...]:
    if type(value) is not list or len(value) > most:
        raise BadFormat(f"{name} of a harness's question are at most {most} texts, got {str(value)[:40]!r}")
    return tuple(_text(one, name) for one in value)


def _messages(value: object) -> tuple[tuple[str, str], ...]:
    if type(value) is not list or not 0 < len(value) <= 100:
        raise BadFormat("messages of a harness's question are 1 to 100")
    found = []
    for one in value:
        pair = one if type(one) is list and len(one) == 2 else [None, None]
        role = _text(pair[0], "role")
        if role not in _ROLES:
            raise BadFormat(f"messages of {', '.join(sorted(_ROLES))} are asked, not of {role[:40]!r}")
        found.append((role, _text(pair[1], "message")))
    return tuple(found)


def bind(log: Log, asked: Iterable[tuple[Question, Answer]]) -> Log:
    """Return a log whose answers are the engine's own: tokens, rendered prompts and decoding as they were, not as they are told.

    asked: in the order of asking. Raises BadFormat if the log has an answer that the engine did not give, or if its items were
    decoded in several ways.
    """
    given: dict[tuple[object, ...], list[tuple[Question, Answer]]] = {}
    for question, answer in asked:
        given.setdefault((question.request, question.item.messages, question.item.choices), []).append((question, answer))
    items, ways, used = [], Counter[Decoding](), Counter[tuple[object, ...]]()
    for one in sorted(log.items, key=lambda one: (one.epoch, one.item.id)):
        if one.outcome is None:
            items.append(one)
            continue
        messages = one.asked or one.item.messages
        key = (log.request, messages, one.item.choices)
        question, answer = _said(given.get(key, []), one, used[key])
        used[key] += 1
        ways[question.decoding] += 1
        items.append(replace(one, item=replace(one.item, messages=messages), answer=answer))
    if len(ways) != 1:
        raise BadFormat(f"the items of {log.task[:60]} were decoded in {len(ways)} ways, a suite has one")
    gaps = (*_GAPS, *(gap for gap in log.gaps if gap not in _CLOSED))
    version = slug(f"{log.task_version}-driven")
    decoding = next(iter(ways))
    return replace(log, items=tuple(items), decoding=decoding, complete=True, gaps=gaps, task_version=version)


def _said(given: list[tuple[Question, Answer]], one: LogItem, before: int) -> tuple[Question, Answer]:
    """Return what the engine said to an item: of several that fit the one in its turn."""
    fit = [(question, answer) for question, answer in given if answer.text.strip() == one.answer.text.strip()]
    if not fit:
        raise BadFormat(
            f"the log has an answer to {one.item.id} which the engine did not give to it",
            hint="tasks with one answer to each sample can be driven; import the logs of others (hanse import-log)",
        )
    return fit[min(before, len(fit) - 1)]
