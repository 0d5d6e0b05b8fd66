"""What a resolved revision says of itself: its age, what is to be known, and that its files are scanned here."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.pulling import EVIL, content, machine, main_of

from hanse.conform.origin import HubOrigin
from hanse.errors import PolicyError
from hanse.flows.pull.made import named
from hanse.model.repo import Origin, RepoId, RepoType


def test_a_revision_says_what_it_is_worth(tmp_path: Path) -> None:
    """Its scan is said to be made file by file; its age once nobody confirms it; a known bad file refuses all of it."""
    with machine(tmp_path) as home, HubOrigin({"org/m": {"a.json": b"{}"}}) as origin:
        puller = home.puller(upstream=origin.url)
        found = main_of(puller)
        (scan,) = [one for one in found.decision.results if one.rule == "scan"]
        assert scan.says == "every file is scanned here before its first byte leaves"
        assert (found.complete, found.tree, found.notices) == (False, None, ())
        held = main_of(home.puller(upstream=origin.url, offline=True))
        assert held.notices == ("as of 2027-01-15T08:00:00Z: no source said so since",)
        rev = origin.commit("org/m", {"a.json": b"{}", "b.pkl": EVIL})
        later = home.puller(upstream=origin.url)
        new = main_of(later, revision=rev)
        with pytest.raises(PolicyError):
            content(later, new, "b.pkl")
        with pytest.raises(PolicyError, match=r"b\.pkl"):
            main_of(home.puller(upstream=origin.url))


def test_how_a_revision_is_called() -> None:
    """By origin, name and commit id."""
    assert named(RepoId(Origin("hub.example"), RepoType.DATASET, "org", "d"), "abc") == "hub.example/datasets/org/d@abc"
