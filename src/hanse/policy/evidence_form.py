"""The TOML form of `[[evidence]]`: what a policy asks of evaluations, every key with what it takes and what it means."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from hanse.model.evaluated import LEVELS, WEIGHTS
from hanse.policy.form import MAX_NEED, duration, parse_boolean, parse_consequence, parse_duration, parse_group
from hanse.policy.rules import RATES, Evidence

MAX_EVIDENCE = 16
MAX_BOUND = 1e9
_SUITE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class EvidenceKey:
    """One key of an entry. takes: its values in words; text: its meaning; parse: value -> what is kept, or ValueError."""

    name: str
    takes: str
    text: str
    parse: Callable[[Any], Any]


def _suite(raw: Any) -> str:
    if not isinstance(raw, str) or not _SUITE.fullmatch(raw):
        raise ValueError("the name of a suite, or its digest in 64 hex digits")
    return raw


def _bound(raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw) or abs(raw) > MAX_BOUND:
        raise ValueError("a number, such as 0.95")
    return float(raw)


def _number(raw: Any) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or not 1 <= raw <= MAX_NEED:
        raise ValueError(f"an integer from 1 to {MAX_NEED}")
    return raw


def _one_of(values: tuple[str, ...]) -> Callable[[Any], str]:
    def parse(raw: Any) -> str:
        if not isinstance(raw, str) or raw not in values:
            raise ValueError(f"one of {', '.join(values)}")
        return raw

    return parse


_NUMBER = f"1 to {MAX_NEED}"
_SAY = "`allow`, `warn` or `refuse`"
EVIDENCE_KEYS = (
    EvidenceKey("suite", "name or digest", "Records of this suite count; a name stands for one of `hanse suite list`.", _suite),
    EvidenceKey("of", "name of a group, or `anyone`", "Records and countersignatures of this group count.", parse_group),
    EvidenceKey("at_least", "number", "The lower end of the interval must not be below, as median over institutions.", _bound),
    EvidenceKey("at_most", "number", "The upper end of the interval must not be above, as median over institutions.", _bound),
    EvidenceKey("institutions", _NUMBER, "So many different members must have logged a record.", _number),
    EvidenceKey("independent", "`true` or `false`", "Whether the record of who owns the name is left out.", parse_boolean),
    EvidenceKey("level", "`V0` to `V4`", "Each record must have been checked so by another member, who agrees.", _one_of(LEVELS)),
    EvidenceKey("numerics_classes", _NUMBER, "They and their reruns must come from so many numerics classes.", _number),
    EvidenceKey("weights", "`local`, `bound` or `claimed`", "What must be known of the weights, at least.", _one_of(WEIGHTS)),
    EvidenceKey("max_age", "duration, such as `90d`", "Records that were logged longer ago do not count.", parse_duration),
    EvidenceKey("degenerate", "`true` or `false`", "Whether a score within one item of 0 or 1 counts.", parse_boolean),
    EvidenceKey(
        "rate",
        "`worse` or `corrected`",
        "Where the errors of a suite's scorer were measured: whether bounds must hold as scored and corrected, or corrected.",
        _one_of(RATES),
    ),
    EvidenceKey("missing", _SAY, "What follows where all that is not there.", parse_consequence),
    EvidenceKey("disagree", _SAY, "What follows where a member disagrees with a record that counts.", parse_consequence),
)
_BY_NAME = {one.name: one for one in EVIDENCE_KEYS}


def read_evidence(raw: Any, wrong: Callable[[str], None]) -> tuple[Evidence, ...]:
    """Return the entries of a policy; `wrong` is told everything that is wrong with them."""
    if not isinstance(raw, list) or len(raw) > MAX_EVIDENCE or not all(isinstance(one, dict) for one in raw):
        wrong(f"evidence must be at most {MAX_EVIDENCE} tables [[evidence]]")
        return ()
    return tuple(found for at, one in enumerate(raw, 1) if (found := _entry(f"evidence {at}", one, wrong)) is not None)


def _entry(where: str, raw: Mapping[str, Any], wrong: Callable[[str], None]) -> Evidence | None:
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if name not in _BY_NAME:
            near = get_close_matches(name, _BY_NAME, n=1)
            wrong(f"there is no {where}.{name[:64]}" + (f"; did you mean {near[0]}?" if near else ""))
            continue
        try:
            values[name] = _BY_NAME[name].parse(value)
        except ValueError as error:
            wrong(f"{where}.{name} must be {error}, got {value!r:.80}")
    if "suite" not in raw:
        wrong(f"{where} must name a suite")
    if "suite" not in values:
        return None
    suite = values["suite"]
    found = Evidence(**values, digest=suite if _DIGEST.fullmatch(suite) else "")
    if found.degenerate and found.at_least is None and found.at_most is None:
        wrong(f"{where}: agreement on a score within one item of 0 or 1 says nothing: give at_least or at_most")
    if found.at_least is not None and found.at_most is not None and found.at_least > found.at_most:
        wrong(f"{where}.at_least must not be above at_most")
    return found


def plain_evidence(one: Evidence) -> dict[str, Any]:
    """Return an entry as the JSON form of its TOML, without what is not asked for."""
    found: dict[str, Any] = {}
    for key in EVIDENCE_KEYS:
        value = getattr(one, key.name)
        if value is None or (key.name == "max_age" and not value):
            continue
        found[key.name] = duration(value) if key.name == "max_age" else getattr(value, "value", value)
    return found
