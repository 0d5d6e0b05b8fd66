"""What a check finds, kept within bounds."""

from __future__ import annotations

import pytest

from hanse.errors import BlobNotFound, DigestMismatch
from hanse.flows.fsck_checker import MAX_PROBLEMS, Checker
from hanse.flows.node import Node


def test_bounds(lite: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound problems are counted only."""
    checker = Checker(lite)
    monkeypatch.setattr("hanse.flows.fsck_checker.MAX_PROBLEMS", 2)
    for number in range(5):
        checker.report("file", str(number), "damaged")
    assert (len(checker.problems), checker.more) == (2, 3)
    assert MAX_PROBLEMS > 2


@pytest.mark.parametrize("error", [BlobNotFound("gone"), DigestMismatch("other bytes")])
def test_what_a_step_raises_is_a_problem(lite: Node, error: Exception) -> None:
    """A step that fails is reported under its kind and name, and the check goes on."""
    checker = Checker(lite)

    def fail() -> None:
        raise error

    assert not checker.guard("file", "a", fail)
    assert checker.guard("file", "b", lambda: None)
    assert [(one.kind, one.name, one.quarantined) for one in checker.problems] == [("file", "a", False)]
