"""Claims: bounded, in one form, and never a record."""

from __future__ import annotations

import pytest

from hanse.errors import BadFormat
from hanse.evals.exchange.claim import Claim, Claimed
from hanse.evals.record import parse_record


def test_a_claim_is_no_record() -> None:
    """What is passed on as a claim can never be read as an evaluation record."""
    said = Claimed("eval-results", "m", "", (Claim.of("a/b", "t", "", 20.9),)).predicate("0" * 64)
    assert said["claims"][0]["value"] == "20.900000"
    with pytest.raises(BadFormat):
        parse_record(said)


def test_numbers_and_texts_are_bounded() -> None:
    """A number without a value is refused; texts are cut and lose what does not print."""
    with pytest.raises(BadFormat):
        Claim.of("a", "b", "", float("nan"))
    assert len(Claim.of("a" * 1000, "b\n\x1b", "", 1).dataset) == 300
