"""Policies and decisions in words."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.support.facts import good

from hanse.model.decision import EvidenceFacts, NameKind, Want
from hanse.policy.decide import decide
from hanse.policy.explain import explain, to_json, to_toml
from hanse.policy.form import KEYS
from hanse.policy.parse import parse_policy, unusable
from hanse.policy.presets import CAREFUL, PRESETS, STRICT
from hanse.policy.rules import Group, Policy, Quorum, Threshold

FULL = replace(
    CAREFUL,
    name='Ours "so called" \\ é',
    signers=Quorum(1, "labs", (Threshold(1, "south"), Threshold(2, "labs"))),
    witness=Quorum(
        1, logs={"a.example": 'log x\n"quoted"\n', "b é": "one line", "c": "\\n\n", "d": '"""\n'}, files={"e": "e.txt"}
    ),
    mirror=Quorum(1, files={"a.example": 'na"me'}),
    groups={
        "labs": Group(frozenset({"a.example", "b.example"}), frozenset({"ab" * 32}), frozenset({"south"})),
        "south": Group(frozenset({"c.example"})),
    },
)


@pytest.mark.parametrize("policy", [*PRESETS.values(), FULL], ids=lambda one: one.name)
def test_what_is_printed_is_what_is_read(policy: Policy) -> None:
    """A policy printed in full makes the same policy again, and every key of it is explained."""
    text = to_toml(policy)
    assert parse_policy(text) == policy
    assert all(key.text in text for key in KEYS)
    json.dumps(to_json(policy))


def test_json_says_the_same() -> None:
    """The JSON form has the tables and keys of the TOML form."""
    found = to_json(FULL)
    assert found["signers"] == {"need": 1, "of": "labs", "also": [{"need": 1, "of": "south"}, {"need": 2, "of": "labs"}]}
    assert found["witness"]["logs"]["e"] == {"file": "e.txt"}
    assert found["freshness"]["max_age"] == "1d"
    assert found["groups"]["south"]["members"] == ["c.example"]


def test_a_broken_policy_is_no_policy() -> None:
    """What refuses everything is printed as a comment that says why."""
    text = to_toml(unusable("it is\nempty"))
    assert text.startswith("#")
    assert text.count("\n") == 1


def test_a_decision_on_one_screen() -> None:
    """Failures come first, each with what would make it pass; a decision that is good fits on few lines."""
    lines = explain(decide(STRICT, EvidenceFacts(0, Want.LATEST, NameKind.OWNED)))
    assert lines[0].startswith("REFUSED under policy 'strict'; reached: local")
    assert "FAILED" in lines[1]
    assert "to pass: " in lines[2]
    fine = explain(decide(STRICT, good("b.example", "c.example")))
    assert fine[0].startswith("accepted under")
    assert len(fine) < 15
    assert not any("to pass" in line for line in fine)
