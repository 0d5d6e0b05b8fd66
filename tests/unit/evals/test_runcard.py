"""Run cards: figures that follow from what was measured, and nothing where nothing was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hanse.errors import BadDigest, BadFormat
from hanse.evals.engine import Usage
from hanse.evals.runcard import NOT_MEASURED, RunCard, measured, parse_card
from hanse.model.digest import Sha256

USAGE = Usage((1000, 2.0), (500, 8.0), (0.1, 0.2, 0.3), 2**30, 0)


def card(**other: Any) -> RunCard:
    """Return a card."""
    figures = measured(USAGE, {"rapl": 150.0}, 3.6)
    said: dict[str, Any] = {"model": Sha256("a" * 64), "name": "org/model", "suite": "b" * 64, "numerics": {"engine": "x"}}
    said |= {"hardware": {}, "evaluator": "uni.example", "anchor": {"q-1": Sha256("c" * 64)}}
    return RunCard(**(said | figures | other))


def test_figures() -> None:
    """Rates, the time to the first token, energy per token and the price of a million tokens follow from the measured sums."""
    one = card()
    assert (one.prefill["perSecond"], one.decode["perSecond"]) == ("500.000000", "62.500000")
    assert (one.first_token["median"], one.memory["host"], one.memory["device"]) == (
        "0.200000",
        "1073741824.000000",
        NOT_MEASURED,
    )
    assert (one.energy["rapl"], one.energy["perToken"]) == ("150.000000", "0.100000")
    assert one.price["perMillionTokens"] == "6.666667"  # 3.60 an hour, 10 s for 1,500 tokens
    assert one.answers == 3


def test_what_was_not_measured() -> None:
    """Without meters, a price or answers nothing is made up."""
    said = measured(Usage(), {}, None)
    assert said["energy"] == {"perToken": NOT_MEASURED}
    assert said["price"]["perMillionTokens"] == said["decode"]["perSecond"] == said["first_token"]["median"] == NOT_MEASURED


def test_written_and_read() -> None:
    """A card is read as it was written, by way of JSON."""
    assert parse_card(json.loads(json.dumps(card().predicate()))) == card()


@pytest.mark.parametrize(
    "changes",
    [
        {"extra": 1},
        {"answers": -1},
        {"answers": True},
        {"decode": {"perSecond": "fast"}},
        {"decode": {"perSecond": "-1.000000"}},
        {"energy": {"rapl": 1.0}},
        {"anchor": {"../x": "c" * 64}},
        {"anchor": {"q-1": "c"}},
        {"anchor": {f"q-{at}": "c" * 64 for at in range(101)}},
        {"hardware": {"host": "x" * 301}},
        {"model": "x"},
    ],
)
def test_what_is_none(changes: dict[str, Any]) -> None:
    """Numbers out of form, unknown fields and texts without bound are refused."""
    with pytest.raises((BadFormat, BadDigest)):
        parse_card(card().predicate() | changes)
