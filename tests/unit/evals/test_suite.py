"""Suites: written and read, what they bind, and what they may not claim."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanse.errors import BadFormat, TooLarge
from hanse.evals.suite import MAX_ITEMS, WITHIN_ONE_ITEM, Decoding, Item, Request, Suite, claim_key, parse_suite

ITEMS = tuple(Item(f"q-{at:03}", f"kind-{at % 4}", (("user", f"What is {at} + 1?"),), str(at + 1)) for at in range(200))
GREEDY = Decoding(0.0, 1.0, 8, ("\n",))
SUITE = Suite("sums", "1", "CC0-1.0", Request.CHAT, GREEDY, ("exact", "1"), 1, 0.03, 0.9, False, ITEMS, ("arithmetic",))


def test_written_and_read() -> None:
    """A suite is read from its two files as it was written."""
    assert parse_suite(SUITE.manifest(), SUITE.lines()) == SUITE


def test_the_rule_for_scores_that_say_nothing() -> None:
    """A manifest may name the one rule that there is, which binds it; those that leave it out are what they were."""
    named = replace(SUITE, degenerate=WITHIN_ONE_ITEM)
    assert parse_suite(named.manifest(), named.lines()) == named
    assert named.digest != SUITE.digest
    assert b"degenerate" not in SUITE.manifest()
    for odd in (("within-two-items", "1"), ("within-one-item", "2")):
        other = replace(SUITE, degenerate=odd)
        with pytest.raises(BadFormat, match="within-one-item 1"):
            parse_suite(other.manifest(), other.lines())


@pytest.mark.parametrize(
    "change",
    [
        {"items": (*ITEMS[:-1], replace(ITEMS[-1], target="x"))},
        {"decoding": Decoding(0.0, 1.0, 9, ("\n",))},
        {"scorer": ("exact", "2")},
        {"delta": 0.04},
        {"agreement_min": 0.91},
        {"lower_is_better": True},
        {"version": "2"},
    ],
)
def test_everything_is_bound(change: dict[str, object]) -> None:
    """A suite with another item, decoding, scorer or margin is another suite, and its claims are other claims."""
    other = replace(SUITE, **change)  # type: ignore[arg-type]
    assert other.digest != SUITE.digest
    assert claim_key("ab" * 32, other) != claim_key("ab" * 32, SUITE) != claim_key("cd" * 32, SUITE)


@pytest.mark.parametrize(
    "change",
    [
        {"items": ITEMS[:199]},
        {"items": ()},
        {"items": (*ITEMS, ITEMS[0])},
        {"decoding": Decoding(0.7, 1.0, 8)},
        {"request": Request.LOGLIKELIHOOD},
        {"items": tuple(replace(one, choices=("a", "b")) for one in ITEMS)},
        {"delta": 0.0},
    ],
)
def test_what_no_comparison_could_rest_on(change: dict[str, object]) -> None:
    """Too few items for the margin, doubled ids, sampling once, and choices where none belong are refused."""
    with pytest.raises(BadFormat):
        replace(SUITE, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"format":"hanse-suite/1"', b'"format":"hanse-suite/2"'),
        (b'"delta":"0.030000"', b'"delta":"0.03"'),
        (b'"delta":"0.030000"', b'"delta":0.03'),
        (b'"epochs":1', b'"epochs":0'),
        (b'"items":200', b'"items":201'),
        (b'"request":"chat"', b'"request":"shout"'),
        (b'"name":"sums"', b'"name":"../sums"'),
        (b'"lowerIsBetter":false', b'"lowerIsBetter":0'),
        (b'"scorer":["exact","1"]', b'"scorer":["exact"]'),
        (b'"seed":0', b'"seed":-1'),
        (b'"stop":["\\n"]', b'"stop":[1]'),
        (b'"temperature":"0.000000"', b'"temperature":"11.000000"'),
    ],
)
def test_hostile_manifests(old: bytes, new: bytes) -> None:
    """Another format, numbers in another form or out of bounds, and what does not fit the items are refused."""
    data = SUITE.manifest()
    assert old in data
    with pytest.raises(BadFormat):
        parse_suite(data.replace(old, new), SUITE.lines())


def test_hostile_items() -> None:
    """Items that are others, not ended, too many, or of no form are refused."""
    for lines in (SUITE.lines()[:-1], b"", SUITE.lines().replace(b"user", b"boss", 1), SUITE.lines().replace(b"+ 1", b"- 1", 1)):
        with pytest.raises(BadFormat):
            parse_suite(SUITE.manifest(), lines)
    with pytest.raises(TooLarge):
        parse_suite(SUITE.manifest(), b"\n" * (MAX_ITEMS + 1))
