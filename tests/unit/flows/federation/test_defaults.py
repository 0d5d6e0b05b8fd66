"""What a federation's readers judge by, as far as they have no policy of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.founders import NAME, NOW, Founder, changed, founded, founders

from hanse.errors import NotFoundError, PolicyError
from hanse.flows.federation.change import YEAR, Change, Request, begin
from hanse.flows.federation.defaults import check_policy, default_policy, joined, policy_of
from hanse.flows.federation.kept import Federation, FederationFiles
from hanse.flows.federation.seen import FOLDER, seen_in
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.policies import known_policies, load_policy
from hanse.model.repo import Origin
from hanse.policy.presets import OPEN

CAREFUL = "policy = 1\nbase = 'careful'\n"


@pytest.fixture(name="people", scope="module")
def _people() -> list[Founder]:
    """Return five institutions."""
    return founders(5)


@pytest.fixture(name="five", scope="module")
def _five(people: list[Founder]) -> Federation:
    """Return their federation, which three of them change."""
    return founded(people, 3)


def listing(federation: Federation, text: str, people: list[Founder]) -> Federation:
    """Return the federation once it lists a policy."""
    return changed(federation, Change(policy=text), *people[:3])


def asked(loaded: LoadedPolicy) -> dict[str, int]:
    """Return of how many witnesses each log's tlog-policy knows."""
    return {origin: len(one.witnesses) for origin, one in loaded.witness.items()}


def test_its_policy_and_tlog_policies(people: list[Founder], five: Federation) -> None:
    """Where witnesses of anyone are asked for, each member's log needs those that its tlog-policy names."""
    loaded = policy_of(listing(five, CAREFUL, people))
    assert loaded.source == f"federation {NAME}, version 3"
    assert (loaded.policy.base, loaded.policy.name) == ("careful", NAME)
    assert asked(loaded) == {str(one.origin): 4 for one in people}
    one = loaded.witness["member0.example"]
    keys = [witness.key for witness in one.witnesses.values()]
    for count, met in ((2, False), (3, True)):
        found = loaded.quorum("member0.example", dict.fromkeys(keys[:count], NOW), mirror=False)
        assert found is not None
        assert (found.time is not None) is met


@pytest.mark.parametrize(
    ("more", "with_logs"),
    [
        ("[witness]\nneed = 0\n", 0),  # none is asked for
        ("[witness]\nneed = 3\n", 5),
        ("[witness]\nneed = 4\n", 0),  # the tlog-policies ask for three
        ("[witness]\nneed = 1\nof = 'few'\n[groups.few]\nmembers = ['member1.example']\n", 0),  # it says of whom
    ],
)
def test_a_tlog_policy_never_asks_for_less(people: list[Founder], five: Federation, more: str, with_logs: int) -> None:
    """What `policy.toml` says itself is not made weaker."""
    assert len(asked(policy_of(listing(five, CAREFUL + more, people)))) == with_logs


def test_who_only_publishes_files_is_no_witness(people: list[Founder], five: Federation) -> None:
    """A tlog-policy names nobody who answers no questions."""
    quiet = Request(NAME, replace(people[4].member, static=True), people[4].own.public)
    loaded = policy_of(changed(five, Change(add=(quiet,), policy=CAREFUL), *people[:3]))
    assert asked(loaded) == {str(one.origin): 4 if one is people[4] else 3 for one in people}


def test_the_readers_own_policy_wins(people: list[Founder], five: Federation, tmp_path: Path) -> None:
    """A preset by name, and a `policy.toml` in the home folder, go before what a federation lists; `open` comes last."""
    files = FederationFiles(tmp_path / FOLDER)
    files.keep(five)
    assert load_policy(None, tmp_path).source == "preset open"
    files.keep(listing(five, CAREFUL, people))
    assert load_policy(None, tmp_path).source == f"federation {NAME}, version 3"
    assert load_policy("open", tmp_path).policy == OPEN
    assert load_policy(f"federation:{NAME}", tmp_path).policy.base == "careful"
    assert (f"federation:{NAME}", "federation") in known_policies(tmp_path)
    (tmp_path / "policy.toml").write_text("policy = 1\nbase = 'strict'\n", encoding="utf-8")
    assert load_policy(None, tmp_path).policy.base == "strict"
    for name in ("federation:other.example", "federation:"):
        with pytest.raises(NotFoundError):
            load_policy(name, tmp_path)


def test_an_expired_one_still_asks_for_as_much(people: list[Founder], tmp_path: Path) -> None:
    """Who waits until it has expired does not get a reader down to `open`."""
    files = FederationFiles(tmp_path)
    made = listing(founded(people, 3), CAREFUL, people)
    files.keep(made)
    made.trusted.check_current(NOW + YEAR - 86400)
    found = default_policy(tmp_path, seen_in(tmp_path))
    assert found is not None
    assert found.policy.base == "careful"


def test_one_that_cannot_be_used_refuses(people: list[Founder], five: Federation, tmp_path: Path) -> None:
    """Nothing milder stands in for it."""
    FederationFiles(tmp_path / FOLDER).keep(listing(five, "policy = 1\nbase = 'mild'\n", people))
    with pytest.raises(PolicyError, match="base must be"):
        load_policy(None, tmp_path)
    with pytest.raises(PolicyError, match="not UTF-8"):
        check_policy(b"\xff", "x")
    with pytest.raises(PolicyError, match="witness"):
        check_policy(f"{CAREFUL}[witness.logs]\n'a.example' = {{ file = 'a.policy' }}\n".encode(), "x")


def test_two_federations(people: list[Founder], five: Federation) -> None:
    """The same policy counts with the tlog-policies of both; of two that differ none is chosen for the reader."""
    loner = Founder(Origin("loner.example"))
    second = begin(Origin("second.example"), loner.member, loner.own, NOW)
    alone = changed_alone(second, CAREFUL, loner)
    found = joined([second, listing(five, CAREFUL, people), alone])
    assert found is not None
    assert found.source == f"federation {NAME}, version 3; federation second.example, version 2"
    assert set(found.policy.witness.logs) == set(found.witness) == {str(one.origin) for one in people}
    assert joined([second]) is None
    with pytest.raises(PolicyError, match="list different policies"):
        joined([alone, listing(five, "policy = 1\nbase = 'open'\n", people)])


def changed_alone(federation: Federation, text: str, who: Founder) -> Federation:
    """Return the federation of one once it lists a policy."""
    return changed(federation, Change(policy=text), who)
