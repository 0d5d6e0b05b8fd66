"""Outcomes and verdicts: nothing false is ever called right."""

from __future__ import annotations

import pytest

from hanse.conform.outcome import Comparison, Outcome, Verdict, judge_file
from hanse.conform.repos import Content

GOOD = Outcome(200, 10, complete=True)
BAD = Outcome(200, 10, complete=True, false_at=3)
CUT = Outcome(200, 5, false_at=3)
NONE = Outcome(403)
HUNG = Outcome(0, hung=True)


@pytest.mark.parametrize(
    ("first", "later", "verdict"),
    [
        (GOOD, GOOD, Verdict.RIGHT),
        (NONE, GOOD, Verdict.REFUSED),
        (BAD, GOOD, Verdict.FALSE),
        (CUT, GOOD, Verdict.LEAKED),
        (NONE, BAD, Verdict.KEPT),
        (NONE, NONE, Verdict.LOST),
        (HUNG, GOOD, Verdict.HUNG),
        (Outcome(200, 10, complete=True, peak=2 << 30), GOOD, Verdict.EXHAUSTED),
    ],
)
def test_verdicts(first: Outcome, later: Outcome, verdict: Verdict) -> None:
    """What came while the origin was hostile and afterwards decides."""
    assert judge_file(first, later) is verdict


def test_unsafe_and_unavailable_are_apart() -> None:
    """A verdict is good, unsafe, or says that something was not served: one of the three."""
    assert {one for one in Verdict if one.ok} == {Verdict.RIGHT, Verdict.REFUSED}
    assert {one for one in Verdict if not one.ok and not one.unsafe} == {Verdict.HUNG, Verdict.LOST, Verdict.NOT_HELD}


@pytest.mark.parametrize(
    ("came", "false_at"), [(b"abcdef", None), (b"abXdef", 2), (b"abcdefg", 6), (b"abc", None), (b"", None), (b"X", 0)]
)
def test_comparison(came: bytes, false_at: int | None) -> None:
    """The first byte that is not the truth is found, however the bytes are cut into pieces."""
    for step in (1, 2, 100):
        found = Comparison(Content(b"abcdef"))
        for at in range(0, len(came), step):
            found.feed(came[at : at + step])
        assert (found.false_at, found.size, found.whole) == (false_at, len(came), len(came) == 6)
