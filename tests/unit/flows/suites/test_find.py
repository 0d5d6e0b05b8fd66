"""Suites by what a person calls them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hanse.errors import InputError, NotFoundError
from hanse.evals.generate import seed_of
from hanse.evals.scorers.correction import REFUSAL_AGAINST_HARM, REFUSAL_TO_THE_POINT
from hanse.flows.suites.find import calibration_by, calibration_in, digest_of, find_suite, is_harmful_name, name_of
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


def test_a_digest_is_known_without_the_package() -> None:
    """Suites that ship or that known packages hold are named by their digests, also where the package is not; others are not."""
    for name in ("refusals", "strongreject", "toxicity"):
        assert name_of(digest_of(name)) == name
        assert is_harmful_name(name)
    assert not name_of("0" * 64)


def test_what_corrects_a_suite(tmp_path: Path) -> None:
    """Suites of refusals have a calibration, by their digest or from the folder of a run; no other suite has."""
    assert calibration_by(digest_of("strongreject")) == calibration_by(digest_of("refusals")) == REFUSAL_AGAINST_HARM
    assert calibration_by(digest_of("harmless")) == REFUSAL_TO_THE_POINT
    assert calibration_by(digest_of("toxicity")) is calibration_by(digest_of("canary")) is calibration_by("0" * 64) is None
    own = replace(shipped("harmless"), version="2")
    write_suite(own, tmp_path / "s")
    assert calibration_in(own.digest, tmp_path / "s") == REFUSAL_TO_THE_POINT
    assert calibration_in("0" * 64, tmp_path / "s") is calibration_in(own.digest, tmp_path) is None
