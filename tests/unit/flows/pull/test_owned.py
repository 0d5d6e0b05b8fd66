"""Namespaces of members are found in what was seen, also what was seen a moment ago."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.errors import StorageError
from hanse.flows.pins import NameSeen, remember
from hanse.flows.pull.owned import Owned
from hanse.model.digest import Sha256
from hanse.model.repo import Origin, RepoId, RepoType


def test_owners_come_from_pins(tmp_path: Path) -> None:
    """Whoever's key was seen to answer for a namespace owns its names, in any case."""
    owned = Owned(tmp_path)
    repo = RepoId(Origin("any"), RepoType.MODEL, "Org", "new")
    assert owned.owner(repo) is None
    (tmp_path / "pins").mkdir()
    (tmp_path / "pins" / "NOT an origin.json").write_text("{}")
    assert owned.owner(repo) is None
    seen = NameSeen(Origin("a.example"), RepoType.MODEL, "org/m", "a" * 40, Sha256("b" * 64), owner="key")
    remember(tmp_path, (), seen, 1)
    assert owned.owner(repo) == "a.example"
    assert owned.owner(RepoId(Origin("any"), RepoType.MODEL, "other", "m")) is None


def test_damaged_pins_are_an_error(tmp_path: Path) -> None:
    """A name could fall through to somebody else otherwise."""
    (tmp_path / "pins").mkdir()
    (tmp_path / "pins" / "a.example.json").write_text("{")
    with pytest.raises(StorageError):
        Owned(tmp_path).owner(RepoId(Origin("any"), RepoType.MODEL, "org", "m"))
