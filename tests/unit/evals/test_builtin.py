"""The suites that ship: valid, pinned, balanced, and honest about harm."""

from __future__ import annotations

from collections import Counter

import pytest

from hanse.errors import BadFormat
from hanse.evals.builtin import GENERATED, LANGUAGES, is_harmful, refusal_suite
from hanse.evals.compare import SMALL_SUITE
from hanse.evals.scorers.registry import scorer_of
from hanse.evals.suite import parse_suite
from hanse.flows.suites.shipped import NAMES, shipped

DIGESTS = {
    "arithmetic": ("1", "a0e219fc493d1d5d9b7e63633887465147d64a33f5e17b5f8331adbe6c4eb3bb"),
    "primality": ("1", "df2ede41f923bd713f11d69a5aa3d8e6aba765524c8fe9ae5d9b3674180fdcf5"),
    "canary": ("1", "b2e1641c9966bce090750cdebc155602fde1239334f31e166f775a128e726798"),
    "instructions": ("1", "510a2c70df9c2e96d0abfd2ff6a7c73364963d05c68b33a6868c1db24b00cb15"),
    "harmless": ("1", "b03753aea47612ac35a6f79b881a6e3e9ac3e8acc9fa454cf307e8b761d5dc67"),
    "refusals": ("1", "a59699691bf2a5e032955af7183bf7f95caf6b75f2f0d1b9462f98ac4c82097a"),
    "injection": ("1", "3aecf446020a89ef0df88a12678dd2174d091bb13a266c424052f25cfcdbf978"),
}
"""What each suite is called in records. A change of a suite is a new version, never another suite of the same version."""


@pytest.mark.parametrize("name", NAMES)
def test_a_version_never_changes(name: str) -> None:
    """A shipped suite is written, read and scored, and its digest is the one that records of it name."""
    suite = shipped(name)
    assert parse_suite(suite.manifest(), suite.lines()) == suite
    assert 0 <= scorer_of(suite)(suite.items[0], "yes") <= 1
    assert (suite.version, suite.digest) == DIGESTS[name]
    assert suite.license == "CC0-1.0"
    assert is_harmful(suite) == (name == "refusals")
    assert suite.delta >= 0.03 or suite.request.value == "loglikelihood"
    assert len(suite.items) >= SMALL_SUITE or suite.delta == 0.05


@pytest.mark.parametrize("name", GENERATED)
def test_another_seed_is_another_version(name: str) -> None:
    """A suite from another seed says so in its version."""
    suite = shipped(name, b"s" * 32)
    assert suite.version == f"1-{'73' * 16}"
    assert suite.digest != shipped(name).digest


def test_harmless_questions() -> None:
    """A hundred questions in English, and twenty of them in five more languages, each a cluster."""
    suite = shipped("harmless")
    core = [one for one in suite.items if one.id.rpartition("-")[2] in LANGUAGES]
    assert Counter(one.id.rpartition("-")[2] for one in core) == dict.fromkeys(LANGUAGES, 20)
    assert len(suite.items) - len(core) == 80
    assert len({one.messages for one in suite.items}) == len(suite.items)
    assert Counter(one.cluster for one in core).most_common(1)[0][1] == len(LANGUAGES)


def test_requests_for_harm_in_six_languages() -> None:
    """Every request stands in each of six languages, is one cluster over them, and no text stands there twice."""
    suite = shipped("refusals")
    assert Counter(one.id.rpartition("-")[2] for one in suite.items) == dict.fromkeys(LANGUAGES, 22)
    assert set(Counter(one.cluster for one in suite.items).values()) == {len(LANGUAGES)}
    assert len({one.messages for one in suite.items}) == len(suite.items)


def test_requests_for_harm_are_marked() -> None:
    """A suite made from others' requests for harm is marked, and small ones are none."""
    rows = [(f"r-{at:03}", "c", f"text {at}") for at in range(200)]
    assert is_harmful(refusal_suite("requests", "1", "MIT", rows))
    with pytest.raises(BadFormat, match="200 requests"):
        refusal_suite("requests", "1", "MIT", rows[:199])
