"""A run card: how fast, in how much memory and at what cost an engine on a device ran these bytes.

It is measured while a suite runs, and signed like a result. What was not measured is said to be so; nothing is estimated. Only
the price is entered by whoever runs it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hanse.errors import BadFormat
from hanse.evals.engine import Usage
from hanse.evals.fixed import fixed, parse_fixed
from hanse.evals.recordform import MAX_FIELDS, MAX_TEXT
from hanse.model.digest import Sha256, parse_sha256
from hanse.model.repo import parse_origin

RUN_CARD = "https://hanse/run-card/v1"
NOT_MEASURED = "not measured"
MAX_ANCHOR = 100
_ITEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}")
_FIELDS = {
    *("model", "name", "suite", "numerics", "hardware", "answers", "prefill", "decode", "firstToken", "memory", "energy"),
    *("price", "anchor", "evaluator"),
}


@dataclass(frozen=True, slots=True)
class RunCard:
    """A card. model: tree of the files; suite: digest of what was asked; answers: how many the figures are over.

    prefill, decode, first_token, memory, energy, price: texts by name, numbers in fixed-point form (tokens, seconds, tokens a
    second; median and 95 % point in seconds; bytes; joules and joules per token; of an hour and of a million tokens), or
    `NOT_MEASURED`; anchor: digest of the answer to each item of the anchor sample, empty if it was not run.
    """

    model: Sha256
    name: str
    suite: str
    numerics: Mapping[str, str]
    hardware: Mapping[str, str]
    answers: int
    prefill: Mapping[str, str]
    decode: Mapping[str, str]
    first_token: Mapping[str, str]
    memory: Mapping[str, str]
    energy: Mapping[str, str]
    price: Mapping[str, str]
    evaluator: str
    anchor: Mapping[str, str] = field(default_factory=dict)

    def predicate(self) -> dict[str, Any]:
        """Return the predicate of the statement about it."""
        said: dict[str, Any] = {"model": self.model, "name": self.name, "suite": self.suite, "answers": self.answers}
        said |= {"numerics": dict(self.numerics), "hardware": dict(self.hardware), "prefill": dict(self.prefill)}
        said |= {"decode": dict(self.decode), "firstToken": dict(self.first_token), "memory": dict(self.memory)}
        said |= {"energy": dict(self.energy), "price": dict(self.price), "anchor": dict(self.anchor)}
        return said | {"evaluator": self.evaluator}


def measured(usage: Usage, joules: Mapping[str, float], price_per_hour: float | None) -> dict[str, Any]:
    """Return the figures of a card, by its names. joules: by what was read, such as `rapl`; price: of an hour of this machine."""
    tokens, seconds = usage.prefill[0] + usage.decode[0], usage.prefill[1] + usage.decode[1]
    first = sorted(usage.first)
    said: dict[str, Any] = {"answers": len(first), "prefill": _speed(*usage.prefill), "decode": _speed(*usage.decode)}
    said["first_token"] = {"median": _at(first, 0.5), "p95": _at(first, 0.95)}
    said["memory"] = {"host": fixed(usage.host) if usage.host else NOT_MEASURED}
    said["memory"]["device"] = fixed(usage.device) if usage.device else NOT_MEASURED
    total = sum(joules.values())
    energy = {name: fixed(value) for name, value in sorted(joules.items())}
    energy["perToken"] = fixed(total / tokens) if joules and tokens else NOT_MEASURED
    said["energy"] = energy
    per_million = price_per_hour * seconds / 3600 / tokens * 1e6 if price_per_hour is not None and tokens else None
    said["price"] = {
        "perHour": NOT_MEASURED if price_per_hour is None else fixed(price_per_hour),
        "perMillionTokens": NOT_MEASURED if per_million is None else fixed(per_million),
    }
    return said


def _speed(tokens: int, seconds: float) -> dict[str, str]:
    rate = fixed(tokens / seconds) if tokens and seconds > 0 else NOT_MEASURED
    return {"tokens": fixed(tokens), "seconds": fixed(seconds), "perSecond": rate}


def _at(ordered: list[float], share: float) -> str:
    return fixed(ordered[min(len(ordered) - 1, int(share * len(ordered)))]) if ordered else NOT_MEASURED


def parse_card(said: Mapping[str, Any]) -> RunCard:
    """Return the card in a statement's predicate; raises BadFormat (digests: BadDigest) for any other form."""
    if said.keys() != _FIELDS:
        raise BadFormat(f"a run card has the fields {', '.join(sorted(_FIELDS))}")
    answers = said["answers"]
    if type(answers) is not int or not 0 <= answers <= 10**9:
        raise BadFormat("the answers of a run card are a number")
    anchor = _texts(said["anchor"], "anchor", MAX_ANCHOR)
    if any(_ITEM.fullmatch(name) is None for name in anchor):
        raise BadFormat("an anchor has answers by item")
    figures = {name: _figures(said[name], name) for name in ("prefill", "decode", "firstToken", "memory", "energy", "price")}
    figures["first_token"] = figures.pop("firstToken")
    return RunCard(
        model=parse_sha256(_text(said["model"], "the tree of a model")),
        name=_text(said["name"], "the name of a model"),
        suite=parse_sha256(_text(said["suite"], "the digest of a suite")),
        numerics=_texts(said["numerics"], "numerics", MAX_FIELDS),
        hardware=_texts(said["hardware"], "hardware", MAX_FIELDS),
        answers=answers,
        evaluator=parse_origin(_text(said["evaluator"], "an evaluator")),
        anchor={name: parse_sha256(value) for name, value in anchor.items()},
        **figures,
    )


def _figures(value: object, what: str) -> dict[str, str]:
    found = _texts(value, what, MAX_FIELDS)
    for name, text in found.items():
        if text != NOT_MEASURED:
            parse_fixed(text, f"{what}.{name} of a run card", 0)
    return found


def _texts(value: object, what: str, most: int) -> dict[str, str]:
    if type(value) is not dict or len(value) > most:
        raise BadFormat(f"{what} of a run card is an object of at most {most} texts")
    return {_text(name, what): _text(one, f"{what}.{name}") for name, one in value.items()}


def _text(value: object, what: str) -> str:
    if type(value) is not str or len(value) > MAX_TEXT or not value.isprintable():
        raise BadFormat(f"{what} is a text of at most {MAX_TEXT} printable characters, got {str(value)[:60]!r}")
    return value
