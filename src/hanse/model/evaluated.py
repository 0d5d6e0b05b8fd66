"""What evaluation records and countersignatures say about a revision, as verified facts that a policy judges.

Whoever makes them has verified signature, leaf and log, and that each record is about the wanted files and by the member whose
log lists it. That a record's numbers follow from its items is not among them: a countersignature says that.
"""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = ("V0", "V1", "V2", "V3", "V4")
"""How a record was checked by another institution, cheapest first: `hanse.evals.countersignature` says what each shows."""
RERUN = "V3"
"""From this level on a countersignature rests on a record of one's own."""
WEIGHTS = ("claimed", "bound", "local")
"""What is known of the weights that were run, the least first: `hanse.evals.record`."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A record. member, key, log: who signed it and where it is listed; index, time: of the leaf, in its operator's word.

    record: its digest; suite: digest of the suite; value, low, high: score and its 95 % interval; n: items that were scored, in
    so many clusters (0: not told); se: clustered standard error;
    weights: one of `WEIGHTS`; numerics: digest of the numerics class; degenerate: within one item of 0 or 1; owner: whoever
    signed it answers for the name, too; corrected: interval of the rate that people would have found, where the suite's scorer
    was held against their labels, with the uncertainty of that; None where it was not.
    """

    member: str
    key: str
    log: str
    index: int
    time: int
    record: str
    suite: str
    value: float
    low: float
    high: float
    n: int
    weights: str
    numerics: str
    degenerate: bool = False
    owner: bool = False
    se: float = 0.0
    clusters: int = 0
    corrected: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Countersigned:
    """A member's word on a record. record: digest of what was checked; own: of one's own record, "" if none.

    verdict: AGREES, DISAGREES, INCONCLUSIVE, NOT_COMPARABLE or INVALID.
    """

    member: str
    key: str
    log: str
    index: int
    time: int
    record: str
    level: str
    verdict: str
    own: str = ""
