"""Reading policies: everything wrong is found at once, nothing is guessed, nothing is ignored."""

from __future__ import annotations

import pytest

from hanse.errors import PolicyError
from hanse.model.decision import Rung
from hanse.policy.form import RESERVED, RESERVED_GROUPS
from hanse.policy.parse import MAX_PROBLEMS, parse_policy, unusable
from hanse.policy.presets import CAREFUL, PRESETS
from hanse.policy.rules import Consequence, Group, Threshold

HEAD = "policy = 1\nbase = 'careful'\n"
KEY = "ab" * 32


def problems(text: str) -> tuple[str, ...]:
    """Return what is wrong with a text."""
    with pytest.raises(PolicyError) as caught:
        parse_policy(text)
    assert caught.value.hint
    return caught.value.failed


@pytest.mark.parametrize("name", PRESETS)
def test_a_base_alone_is_the_preset(name: str) -> None:
    """A policy that says nothing else is its base."""
    assert parse_policy(f"policy = 1\nbase = '{name}'", name) == PRESETS[name]


def test_values_replace_those_of_the_base() -> None:
    """What a file gives counts, what it leaves out is the base's."""
    text = f"""{HEAD}name = "Our lab"
rung = "agreed"
[signers]
need = 2
of = "labs"
also = [{{ need = 1, of = "south" }}]
[witness.logs]
"a.example" = "quorum none"
"b.example" = {{ file = "b.tlog-policy" }}
[freshness]
max_age = "90m"
warn_age = "45s"
[scan]
caution = "refuse"
[groups.labs]
members = ["a.example"]
keys = ["{KEY}"]
groups = ["south"]
[groups.south]
members = ["c.example"]
"""
    found = parse_policy(text)
    assert (found.name, found.rung, found.base) == ("Our lab", Rung.AGREED, "careful")
    assert found.signers.also == (Threshold(1, "south"),)
    assert (found.witness.logs, found.witness.files) == ({"a.example": "quorum none"}, {"b.example": "b.tlog-policy"})
    assert (found.freshness.max_age, found.freshness.warn_age, found.freshness.latest) == (5400, 45, Consequence.REFUSE)
    assert (found.scan.caution, found.scan.malicious) == (Consequence.REFUSE, CAREFUL.scan.malicious)
    assert found.groups["labs"] == Group(frozenset({"a.example"}), frozenset({KEY}), frozenset({"south"}))


@pytest.mark.parametrize(
    "text", ["", "  \n", "# words only\n", "policy = ", "\x00", "a = 1\na = 2", "[" * 100_000, "x" * (1 << 21)]
)
def test_what_is_no_toml_or_empty(text: str) -> None:
    """An empty or unreadable text is no policy."""
    assert len(problems(text)) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("base = 'open'", "policy must be 1"),
        ("policy = 2\nbase = 'open'", "policy must be 1"),
        ("policy = true\nbase = 'open'", "policy must be 1"),
        ("policy = 1", "base must be the preset"),
        ("policy = 1\nbase = 'lax'", "base must be the preset"),
        ("policy = 1\nbase = ['open']", "base must be the preset"),
        (HEAD + "name = ''", "name must be"),
        (HEAD + 'name = "a\\nb"', "name must be"),
        (HEAD + "rung = 'high'", "rung must be one of local"),
        (HEAD + "rung = 3", "rung must be one of local"),
        (HEAD + "[signers]\nneed = -1", "signers.need must be an integer from 0 to 100"),
        (HEAD + "[signers]\nneed = true", "signers.need must be an integer"),
        (HEAD + "[signers]\nneed = 1.0", "signers.need must be an integer"),
        (HEAD + "[signers]\nof = 'Two Words'", "signers.of must be the name of a group"),
        (HEAD + "[signers]\nalso = [{ need = 0, of = 'anyone' }]", "signers.also must be an integer"),
        (HEAD + "[signers]\nalso = [{ need = 1 }]", "signers.also must be a list"),
        (HEAD + "[signers]\nalso = 'x'", "signers.also must be a list"),
        (HEAD + "signers = 2", "signers must be a table"),
        (HEAD + "[freshness]\nmax_age = 86400", "freshness.max_age must be a duration"),
        (HEAD + "[freshness]\nmax_age = '0h'", "freshness.max_age must be a duration"),
        (HEAD + "[freshness]\nmax_age = '9999d'", "freshness.max_age must be a duration"),
        (HEAD + "[freshness]\nmax_age = '1h'", "warn_age must be at most"),
        (HEAD + "[freshness]\nlatest = 'deny'", "freshness.latest must be allow, warn or refuse"),
        (HEAD + "[scan]\nmalicious = 'allow'", "scan.malicious must be warn or refuse"),
        (HEAD + "[pins]\nchanged = 'allow'", "pins.changed must be warn or refuse"),
        (HEAD + "[owner]\nheld = 'yes'", "owner.held must be true or false"),
        (HEAD + "[advisories]\nmaps = 0", "advisories.maps must be an integer from 1"),
        (HEAD + "[singers]\nneed = 1", "did you mean signers?"),
        (HEAD + "[signers]\nned = 1", "did you mean signers.need?"),
        (HEAD + "[completely-different]", "there is no 'completely-different'"),
        (HEAD + "'freshness.max_age' = '1h'", "write [TABLE] and the key below it"),
        (HEAD + "[signers]\nof = 'labs'", "there is no group 'labs'"),
        (HEAD + "[signers]\nof = 'members'", "kept for later"),
        (HEAD + "[scan]\nof = 'lab'\n[groups.labs]\nmembers = ['a.example']", "did you mean labs?"),
        (HEAD + "[signers]\nneed = 3\nof = 'labs'\n[groups.labs]\nmembers = ['a.example']", "needs 3 of the group 'labs'"),
        (HEAD + "rung = 'agreed'\n[signers]\nof = 'labs'\n[groups.labs]\nmembers = ['a.example']", "rung needs 2"),
        (HEAD + "[witness]\nneed = 0\nof = 'labs'\n[groups.labs]\nmembers = ['a.example']", "witness.need is 0"),
        (HEAD + "groups = 1", "groups must be"),
        (HEAD + "[groups]\nlabs = 1", "groups.labs must be a table"),
        (HEAD + "[groups.Labs]\nmembers = []", "a group is named by"),
        (HEAD + "[groups.anyone]\nmembers = []", "and not 'anyone'"),
        (HEAD + "[groups.labs]\nmember = ['a.example']", "did you mean members?"),
        (HEAD + "[groups.labs]\nmembers = 'a.example'", "must be a list"),
        (HEAD + "[groups.labs]\nmembers = ['https://a.example']", "an origin is"),
        (HEAD + "[groups.labs]\nkeys = ['abc']", "64 lower-case hex digits"),
        (HEAD + "[groups.labs]\ngroups = ['south']", "names a group 'south' that there is not"),
        (HEAD + "[groups.a]\ngroups = ['b']\n[groups.b]\ngroups = ['a']", "is a part of itself"),
        (HEAD + "[witness.logs]\n'a.example' = ''", "must be the text of a tlog-policy"),
        (HEAD + "[witness.logs]\n'a.example' = { path = 'x' }", "must be the text of a tlog-policy"),
        (HEAD + "[mirror.logs]\n'' = 'quorum none'", "is no origin"),
        (HEAD + "[witness]\nlogs = 3", "witness.logs must be a table"),
        (HEAD + "[signers.logs]\n'a.example' = 'quorum none'", "there is no 'signers.logs'"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    """Every mistake is an error that names the key, what it takes, and what was probably meant."""
    assert any(says in one for one in problems(text))


@pytest.mark.parametrize("path", RESERVED)
def test_names_kept_for_later(path: str) -> None:
    """What a later version will enforce is refused now, not ignored."""
    table, _, key = path.partition(".")
    text = f"{HEAD}[{table}]\n{key} = 1" if key else f"{HEAD}[{table}]\nx = 1"
    assert any("kept for later" in one for one in problems(text))


@pytest.mark.parametrize("name", RESERVED_GROUPS)
def test_groups_kept_for_later(name: str) -> None:
    """Groups that a federation will fill cannot be made by hand, or their meaning would change."""
    assert any("kept for later" in one for one in problems(f"{HEAD}[groups.{name}]\nmembers = ['a.example']"))


def test_all_problems_at_once() -> None:
    """Everything wrong is listed, up to a bound."""
    assert len(problems(f"{HEAD}[signers]\nneed = -1\nneeds = 1\n[scan]\ncaution = 1\n[x]\n")) == 4
    assert len(problems(HEAD + "".join(f"x{number} = 1\n" for number in range(100)))) == MAX_PROBLEMS


def test_unusable() -> None:
    """The stand-in for a policy that cannot be used carries the reason."""
    assert unusable("gone").broken == "gone"
