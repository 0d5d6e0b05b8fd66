"""Limits that were hit: each is a finding beside the gap that it leaves, with a rule, a place and a sentence.

Bounds of the budget are reached at the same place on every machine, so these findings are part of the evidence. Time, memory and
the end of a worker say something about one machine: they come with coverage error, which is never signed and never compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hanse.model.finding import Gap
from hanse.scan.ruleset import Hit
from hanse.scan.walk import JOINER

MACHINE = ("time", "memory", "crash")
"""Reasons of a worker that was ended: nothing is known of the file then."""
_FAILED = "error:"
_OUT_OF_MEMORY = "error:MemoryError"
MACHINE_REASONS = (_FAILED, *MACHINE)
"""What reasons begin with that depend on the machine or on a defect of the scanner, not on the bytes."""
BOUNDS = {
    "operations": "units of work",
    "programs": "units of work that programs may use",
    "inflated": "unpacked bytes",
    "members": "members of archives",
    "depth": "levels of nesting",
    "observations": "things to be noted",
    "text": "text parsed as a grammar",
    "attached": "places in attached messages",
    "streams": "pickles in a row",
    "search": "places searched for pickles",
    "stack": "entries on a pickle's stack",
    "memo": "entries in a pickle's memo",
    "templates": "chat templates",
}
"""Bounds in operations and bytes, and what each counts. A reason that is none of these says that a part is of a kind that cannot
be read, such as an encrypted one."""


def unread(path: str, reason: str) -> Hit:
    """Return the finding about a file whose bytes could not be read."""
    return Hit("LIMIT-UNREAD", path, words={"path": path, "reason": reason})


def too_much(counts: str, bound: int) -> Hit:
    """Return the finding about a revision with more of something than is judged together."""
    return Hit("LIMIT-REPOSITORY", "", words={"counts": counts, "bound": f"{bound:,}"})


def judge_limits(gaps: Sequence[Gap]) -> Iterator[Hit]:
    """Yield one finding for each limit that was hit, at its innermost place: what surrounds that stops with it."""
    places: dict[tuple[str, str], Gap] = {}
    for gap in gaps:
        rule = _rule(gap.reason)
        key = (rule, gap.reason if rule == "LIMIT-BUDGET" else "")
        if rule and (key not in places or _depth(gap) > _depth(places[key])):
            places[key] = gap
    for (rule, reason), gap in places.items():
        words = {"format": gap.format, "counts": BOUNDS.get(reason, ""), "reason": gap.reason.removeprefix(_FAILED)}
        yield Hit(rule, gap.member, words=words)


def _rule(reason: str) -> str:
    """Return the rule about a limit; nothing for a part that cannot be read, about which the format has its own."""
    if reason == _OUT_OF_MEMORY:
        return "LIMIT-MEMORY"
    if reason.startswith(_FAILED):
        return "LIMIT-FAILED"
    return f"LIMIT-{reason.upper()}" if reason in MACHINE else "LIMIT-BUDGET" * (reason in BOUNDS)


def _depth(gap: Gap) -> tuple[int, bool]:
    return gap.member.count(JOINER), bool(gap.member)
