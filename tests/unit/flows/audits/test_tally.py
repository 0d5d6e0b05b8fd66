"""How audits add up."""

from __future__ import annotations

from hanse.db.audits import Audited
from hanse.flows.audits.tally import FAILURES, GOOD, Outcome, after
from hanse.model.repo import Origin

NEW = Audited(Origin("b.example"))


def _after(*outcomes: Outcome, start: Audited = NEW) -> Audited:
    for at, outcome in enumerate(outcomes, 1):
        start = after(start, outcome, f"{outcome.value} {at}", at)
    return start


def test_failures_in_a_row_end_a_holder() -> None:
    """One failure fewer than the limit changes nothing, and a good answer starts the count anew."""
    almost = _after(*[Outcome.SILENT] * (FAILURES - 1))
    assert not almost.failing
    assert not _after(Outcome.SERVED, *[Outcome.ABSENT] * (FAILURES - 1), start=almost).failing
    gone = _after(Outcome.ABSENT, start=almost)
    assert (gone.failing, gone.failed_row, gone.asked, gone.served, gone.says) == (True, FAILURES, FAILURES, 0, "absent 1")


def test_false_bytes_end_a_holder_at_once() -> None:
    """False bytes are no bad luck."""
    found = _after(Outcome.SERVED, Outcome.FALSE)
    assert (found.failing, found.outcome, found.served_at, found.asked_at) == (True, "false", 1, 2)


def test_good_answers_in_a_row_bring_a_holder_back() -> None:
    """It takes several; a failure in between starts the count anew."""
    bad = _after(Outcome.FALSE)
    almost = _after(*[Outcome.SERVED] * (GOOD - 1), start=bad)
    assert almost.failing
    assert _after(Outcome.SILENT, *[Outcome.SERVED] * (GOOD - 1), start=almost).failing
    back = _after(Outcome.SERVED, start=almost)
    assert (back.failing, back.says, back.served) == (False, "", GOOD)


def test_what_is_worst() -> None:
    """Of several answers a false one counts most, then silence, then absence."""
    assert max(Outcome, key=lambda one: one.rank) is Outcome.FALSE
    assert min(Outcome, key=lambda one: one.rank) is Outcome.SERVED
