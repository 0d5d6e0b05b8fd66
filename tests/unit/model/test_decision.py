"""Decisions and their parts: what is refused, what is stale, and whose a key name is."""

from __future__ import annotations

import pytest

from hanse.errors import PolicyError
from hanse.model.decision import Decision, Result, RuleResult, Rung, State, runs

FINE = RuleResult("signers", Result.PASSED, "2 members signed")
ODD = RuleResult("silent", Result.WARNED, "silent since 2026")
BAD = RuleResult("scan", Result.FAILED, "malicious", "use another format")


def test_the_ladder_is_ordered() -> None:
    """Local < attested < agreed < witnessed."""
    assert [one.rank for one in (Rung.LOCAL, Rung.ATTESTED, Rung.AGREED, Rung.WITNESSED)] == [0, 1, 2, 3]


def test_a_decision_on_nothing_is_a_refusal() -> None:
    """A policy whose rules were not applied permits nothing."""
    nothing = Decision("empty", Rung.WITNESSED, ())
    assert nothing.state is State.REFUSED
    with pytest.raises(PolicyError, match="no rule was applied"):
        nothing.require()


def test_states() -> None:
    """Warnings accept, failures refuse, and stale is accepted under its own name."""
    assert Decision("p", Rung.LOCAL, (FINE, ODD)).state is State.ACCEPTED
    assert Decision("p", Rung.LOCAL, (FINE, BAD)).state is State.REFUSED
    stale = Decision("p", Rung.LOCAL, (FINE,), stale_since=9)
    assert (stale.state, stale.to_json()["staleSince"]) == (State.STALE, 9)
    stale.require()
    assert Decision("p", Rung.LOCAL, (BAD,), stale_since=9).state is State.REFUSED


def test_refusals_list_rules_and_remedies() -> None:
    """The error carries each failed rule and what would make it pass."""
    with pytest.raises(PolicyError, match="scan: malicious") as caught:
        Decision("p", Rung.LOCAL, (FINE, BAD, ODD)).require()
    assert (caught.value.failed, caught.value.hint) == (("scan: malicious",), "use another format")


def test_json() -> None:
    """Every rule is in the JSON form, with a remedy where there is one."""
    found = Decision("p", Rung.AGREED, (FINE, BAD)).to_json()
    assert (found["state"], found["rung"], "staleSince" in found) == ("refused", "agreed", False)
    assert [one.get("remedy") for one in found["results"]] == [None, "use another format"]


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("a.example", True),
        ("A.example/w", True),
        ("w.a.example/1", True),
        ("b.example/a.example", False),
        ("ba.example", False),
        ("", False),
        ("example", False),
    ],
)
def test_runs(name: str, own: bool) -> None:
    """A key name belongs to a log's operator if its host is the origin's or below it."""
    assert runs("a.example", name) is own
