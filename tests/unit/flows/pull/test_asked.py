"""Questions are well formed before anybody is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hanse.errors import BadRepoId, HanseError
from hanse.flows.policies import load_policy
from hanse.flows.pull.asked import PullSettings, parse_asked
from hanse.model.repo import RepoType

REV = "a" * 40


@pytest.mark.parametrize("revision", ["main", "v1.0", "feature/x", "refs/heads/main", "refs/pr/1", REV])
def test_revisions_that_can_be_asked_for(revision: str) -> None:
    """Names, full refs and commit ids; only the last is pinned."""
    asked = parse_asked(RepoType.DATASET, "Org/Name", revision)
    assert (asked.revision, asked.pinned, asked.name) == (revision, revision == REV, "datasets/org/name")


@pytest.mark.parametrize("revision", ["", "..", "a..b", "x y", "\\", "refs/", "-x", "a" * 400, "a\nb", REV.upper() + "\x00"])
def test_revisions_that_cannot(revision: str) -> None:
    """What git refuses as a ref is asked of nobody."""
    with pytest.raises(HanseError):
        parse_asked(RepoType.MODEL, "org/name", revision)


def test_names_are_names() -> None:
    """A name that is none is asked of nobody."""
    for name in ("org", "../x", "a/b/c", "org/..", "org/x?y"):
        with pytest.raises(BadRepoId):
            parse_asked(RepoType.MODEL, name, "main")


def test_the_callers_token_has_one_home(tmp_path: Path) -> None:
    """The first node, or without nodes the upstream."""
    settings = PullSettings(("http://a", "http://b"), "http://hub", load_policy("open", tmp_path), tmp_path)
    assert settings.home_node == "http://a"
    assert replace(settings, nodes=()).home_node == "http://hub"
    assert replace(settings, nodes=(), upstream=None).home_node == ""
