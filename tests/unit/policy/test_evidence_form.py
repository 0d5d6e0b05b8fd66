"""The TOML form of what a policy asks of evaluations."""

from __future__ import annotations

import pytest

from hanse.errors import PolicyError
from hanse.policy.evidence_form import EVIDENCE_KEYS, MAX_EVIDENCE, plain_evidence, read_evidence
from hanse.policy.explain import to_json, to_toml
from hanse.policy.parse import parse_policy
from hanse.policy.rules import Consequence, Evidence

HEAD = "policy = 1\nbase = 'open'\n"
FULL = """[[evidence]]
suite = "arithmetic"
of = "labs"
at_least = 0.5
at_most = 1
institutions = 2
independent = true
level = "V3"
numerics_classes = 2
weights = "claimed"
max_age = "90d"
degenerate = true
rate = "corrected"
missing = "warn"
disagree = "warn"
[groups.labs]
members = ["a.example", "b.example"]
"""


def test_every_key() -> None:
    """Each key is read, printed with its meaning, and read again the same."""
    policy = parse_policy(HEAD + FULL)
    found = policy.evidence[0]
    assert found == Evidence(
        "arithmetic",
        "labs",
        0.5,
        1.0,
        2,
        True,
        "V3",
        2,
        "claimed",
        90 * 86400,
        True,
        "corrected",
        Consequence.WARN,
        Consequence.WARN,
    )
    assert parse_policy(to_toml(policy)) == policy
    assert all(key.text in to_toml(policy) for key in EVIDENCE_KEYS)
    assert to_json(policy)["evidence"] == [plain_evidence(found)]
    assert plain_evidence(Evidence("x")).keys().isdisjoint({"at_least", "at_most", "max_age"})


def test_a_digest_needs_no_look_up() -> None:
    """A suite that is named by its digest has it at once."""
    assert parse_policy(f"{HEAD}[[evidence]]\nsuite = '{'a' * 64}'").evidence[0].digest == "a" * 64


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("", "must name a suite"),
        ("suite = 3", "must be the name of a suite"),
        ("suite = '../x'", "must be the name of a suite"),
        ("suite = 'x'\nat_least = nan", "must be a number"),
        ("suite = 'x'\nat_least = inf", "must be a number"),
        ("suite = 'x'\nat_least = true", "must be a number"),
        ("suite = 'x'\nat_least = 1e300", "must be a number"),
        ("suite = 'x'\nat_least = 0.9\nat_most = 0.1", "must not be above at_most"),
        ("suite = 'x'\ninstitutions = 0", "an integer from 1"),
        ("suite = 'x'\nlevel = 'V9'", "one of V0, V1"),
        ("suite = 'x'\nlevel = 3", "one of V0, V1"),
        ("suite = 'x'\nweights = 'open'", "one of claimed"),
        ("suite = 'x'\nmax_age = '1y'", "a duration"),
        ("suite = 'x'\ndegenerate = true", "says nothing"),
        ("suite = 'x'\nmissing = 'no'", "allow, warn or refuse"),
        ("suite = 'x'\nof = 'nobody'", "there is no group"),
        ("suite = 'x'\natleast = 1", "did you mean at_least?"),
    ],
)
def test_what_is_wrong_is_said(entry: str, says: str) -> None:
    """Every mistake makes the whole policy unusable, and is named."""
    with pytest.raises(PolicyError) as error:
        parse_policy(f"{HEAD}[[evidence]]\n{entry}\n")
    assert any(says in one for one in error.value.failed)


def test_only_tables_and_not_many() -> None:
    """An entry that is no table, or too many of them, are an error."""
    for raw in (3, ["x"], [{"suite": "x"}] * (MAX_EVIDENCE + 1)):
        said: list[str] = []
        assert read_evidence(raw, said.append) == ()
        assert said
