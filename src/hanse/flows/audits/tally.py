"""How the outcomes of audits add up: who fails often enough does not count as a holder, until he answers well again."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from hanse.db.audits import Audited

FAILURES = 5
"""So many failures in a row, and a member does not count as a holder any more; false bytes do that at once."""
GOOD = 3
"""So many good answers in a row, and it counts again."""
MAX_SAYS = 300


class Outcome(str, Enum):
    """How a member answered.

    served: with the right bytes; absent: it does not have them, or does not give them; silent: no answer, or none that makes
    sense; false: other bytes.
    """

    SERVED = "served"
    ABSENT = "absent"
    SILENT = "silent"
    FALSE = "false"

    @property
    def rank(self) -> int:
        """How bad it is; of several samples the worst counts."""
        return list(Outcome).index(self)


def after(before: Audited, outcome: Outcome, says: str, now: int) -> Audited:
    """Return how audits of a member stand after one more with this outcome at `now`."""
    good = outcome is Outcome.SERVED
    failed_row = 0 if good else before.failed_row + 1
    served_row = before.served_row + 1 if good else 0
    failing = served_row < GOOD if good and before.failing else before.failing
    failing = failing or outcome is Outcome.FALSE or failed_row >= FAILURES
    return replace(
        before,
        asked=before.asked + 1,
        served=before.served + good,
        failed_row=failed_row,
        served_row=served_row,
        failing=failing,
        outcome=outcome.value,
        says="" if good else says[:MAX_SAYS],
        asked_at=now,
        served_at=now if good else before.served_at,
    )
