"""Who is asked for bytes, in which order, and with which token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.nodes import TickingClock

from hanse.flows.policies import load_policy
from hanse.flows.pull.asked import PullSettings, parse_asked
from hanse.flows.pull.health import Health
from hanse.flows.pull.origins import Origins
from hanse.model.repo import Origin, RepoId, RepoType
from hanse.store.held import Held

NODES, HUB = ("http://a.example", "http://b.example:81"), "https://hub.example"
ASKED = parse_asked(RepoType.MODEL, "org/m", "main", "mine")
REPO = RepoId(Origin("hub.example"), RepoType.MODEL, "org", "m")
REV = "a" * 40


@pytest.fixture(name="origins")
def _origins(tmp_path: Path) -> Iterator[Origins]:
    settings = PullSettings(NODES, HUB, load_policy("open", tmp_path), tmp_path, lambda url: f"for {url}")
    with Held.open(tmp_path / "held") as held:
        made = Origins(settings, Health(held, TickingClock()))
        yield made
        made.close()


def names(origins: Origins, repo: RepoId = REPO, *, private: bool = False, first: tuple[str, ...] = ()) -> list[str]:
    """Return the names of the places of a revision."""
    return [one.name for one in origins.places(ASKED, repo, REV, private=private, first=first)]


def test_places_are_nodes_then_the_names_own_upstream(origins: Origins) -> None:
    """Those that showed it first; an upstream that does not answer for the name is no place of it."""
    assert names(origins) == ["a.example", "b.example:81", "hub.example"]
    assert names(origins, first=(NODES[1],)) == ["b.example:81", "a.example", "hub.example"]
    assert names(origins, replace(REPO, origin=Origin("member.example"))) == ["a.example", "b.example:81"]


def test_what_not_everybody_may_see_is_nobody_elses_business(origins: Origins) -> None:
    """Only who showed it, and the origin, are asked."""
    assert names(origins, private=True) == ["hub.example"]
    assert names(origins, private=True, first=NODES[:1]) == ["a.example", "hub.example"]


def test_without_network_there_is_no_place(origins: Origins) -> None:
    """Nobody is asked."""
    origins.settings = replace(origins.settings, offline=True)
    assert names(origins) == []


def test_each_server_gets_its_own_token(origins: Origins) -> None:
    """The caller's goes to the home node; for others there is what the user stored for them."""
    assert [origins.token(url, ASKED) for url in (*NODES, HUB)] == ["mine", f"for {NODES[1]}", f"for {HUB}"]
    assert origins.hub(NODES[0], ASKED).headers == {"authorization": "Bearer mine"}
    assert origins.hub(NODES[0], ASKED, anonymous=True).headers == {}
    assert origins.upstream_hub("mine").headers == {"authorization": f"Bearer for {HUB}"}


def test_a_server_is_one_place(origins: Origins) -> None:
    """One that is asked as a node and as the upstream is not asked for the same bytes twice."""
    origins.settings = replace(origins.settings, nodes=(HUB, NODES[0]))
    assert names(origins) == ["hub.example", "a.example"]
    assert names(origins, private=True) == ["hub.example"]
