"""Suites by what a person calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.errors import InputError, NotFoundError
from hanse.evals.generate import seed_of
from hanse.flows.suites.find import find_suite
from hanse.flows.suites.folder import write_suite
from hanse.flows.suites.shipped import shipped


def test_a_name_or_a_folder(tmp_path: Path) -> None:
    """A shipped suite is found by its name, another by its folder."""
    write_suite(shipped("canary"), tmp_path / "s")
    assert find_suite(str(tmp_path / "s")) == find_suite("canary") == shipped("canary")


def test_a_seed_that_nobody_chose(tmp_path: Path) -> None:
    """With a checkpoint a generated suite has the seed that follows from it."""
    (tmp_path / "checkpoint").write_bytes(b"models.example.org\n7\nabc\n")
    seed = seed_of(b"models.example.org\n7\nabc\n", "arithmetic")
    assert find_suite("arithmetic", checkpoint=tmp_path / "checkpoint") == shipped("arithmetic", seed)
    for name in ("harmless", "strongreject"):
        with pytest.raises(InputError, match="not generated"):
            find_suite(name, checkpoint=tmp_path / "checkpoint")


def test_what_is_not_there(tmp_path: Path) -> None:
    """Neither folder nor name: the message lists the names; a package is named for suites from packages only."""
    with pytest.raises(NotFoundError, match="neither a folder") as caught:
        find_suite(str(tmp_path))
    assert "strongreject" in caught.value.hint
    with pytest.raises(InputError, match="not made from a package"):
        find_suite("harmless", source=tmp_path)
