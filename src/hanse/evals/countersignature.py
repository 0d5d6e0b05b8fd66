"""A countersignature: what another institution did to check an evaluation record, and what came of it.

It is the predicate of a signed statement about the record's digest. The levels, cheapest first: V0 the record's numbers follow
from its item table; V1 the table follows from the transcript; V2 the tokens of items that a checkpoint chose come from these
weights; V3 a run of one's own agrees; V4 likewise, with the result committed to in a log before the first one was shown. A
verdict is data: anybody computes it again from the two item tables, or from the transcript and the weights.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from hanse.errors import BadFormat, VerificationFailed
from hanse.evals.compare import Pairing, Terms, Verdict
from hanse.evals.fixed import fixed, parse_fixed
from hanse.evals.itemtable import MAX_ROWS
from hanse.evals.record import Record
from hanse.evals.statistics import Interval
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256, parse_sha256
from hanse.model.repo import Origin, parse_origin

COUNTERSIGNATURE = "https://hanse/countersignature/v1"
MAX_REASONS = 32
MAX_TOKENS = 10**9
_T = TypeVar("_T", bound=Enum)
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_SALT = re.compile(r"[0-9a-f]{64}")
_FIELDS = {"record", "level", "verdict", "reasons", "own", "pairing", "audit", "blind", "sameNumerics", "evaluator"}
_PAIRING = {
    *("planned", "n", "clusters", "discordant", "agreement", "difference", "mcnemar", "exact", "kappa", "ac1"),
    *("agreementInterval", "ci90", "ci99", "delta", "agreementMin"),
}
_AUDIT = {"k", "checkpoint", "tokens", "argmax", "gapMean", "gapP99", "threshold"}
_DECIDED = (Verdict.AGREES, Verdict.DISAGREES)


class Level(str, Enum):
    """How a record was checked, cheapest first; they compare by rank."""

    V0 = "V0"
    V1 = "V1"
    V2 = "V2"
    V3 = "V3"
    V4 = "V4"

    def reaches(self, other: Level) -> bool:
        """Tell whether this level is the other one or a stronger one."""
        return self.value >= other.value


@dataclass(frozen=True, slots=True)
class Audit:
    """The figures of level V2: k items, chosen by a checkpoint.

    checkpoint: SHA-256 of its text, in hex; argmax: share of tokens that are the verifier's likeliest; gap_mean, gap_p99: of the
    verifier's highest logit over that of the claimed token; threshold: id of the table that decided.
    """

    k: int
    checkpoint: Sha256
    tokens: int
    argmax: str
    gap_mean: str
    gap_p99: str
    threshold: str

    def to_json(self) -> dict[str, Any]:
        """Return it as a countersignature has it."""
        said: dict[str, Any] = {"k": self.k, "checkpoint": self.checkpoint, "tokens": self.tokens, "argmax": self.argmax}
        return said | {"gapMean": self.gap_mean, "gapP99": self.gap_p99, "threshold": self.threshold}


@dataclass(frozen=True, slots=True)
class Blind:
    """The opening of a commitment to one's own record (level V4). salt: 32 random bytes in hex; commitment: what was logged."""

    salt: str
    commitment: Sha256

    def to_json(self) -> dict[str, Any]:
        """Return it as a countersignature has it."""
        return {"salt": self.salt, "commitment": self.commitment}


@dataclass(frozen=True, slots=True)
class Countersignature:
    """One institution's check of one record.

    record: `Record.digest` of what was checked; reasons: codes; own: digest of one's own record (V3, V4), "" if there is none;
    pairing: as `pairing_json` has it (V3, V4); same_numerics: both ran in one numerics class; evaluator: origin of who checked.
    """

    record: Sha256
    level: Level
    verdict: Verdict
    evaluator: Origin
    reasons: tuple[str, ...] = ()
    own: str = ""
    pairing: Mapping[str, Any] | None = None
    audit: Audit | None = None
    blind: Blind | None = None
    same_numerics: bool = False

    def predicate(self) -> dict[str, Any]:
        """Return the predicate of the statement about it."""
        return {
            "record": self.record,
            "level": self.level.value,
            "verdict": self.verdict.value,
            "reasons": list(self.reasons),
            "own": self.own,
            "pairing": None if self.pairing is None else dict(self.pairing),
            "audit": None if self.audit is None else self.audit.to_json(),
            "blind": None if self.blind is None else self.blind.to_json(),
            "sameNumerics": self.same_numerics,
            "evaluator": self.evaluator,
        }

    def require_about(self, record: Record) -> None:
        """Raise VerificationFailed unless it is about this record: one about another counts for nothing here."""
        if self.record != record.digest:
            why = f"the countersignature is about the record {self.record}, this is {record.digest}"
            raise VerificationFailed(why, failed=("other-record",))

    def independent(self, record: Record) -> bool:
        """Tell whether somebody else than the record's evaluator made it."""
        return self.evaluator != record.evaluator


def commitment(record: str, salt: str) -> Sha256:
    """Return the commitment to a record's digest, in hex: SHA-256 over the canonical JSON of both; nobody guesses 32 bytes."""
    return Sha256(hashlib.sha256(canonical({"record": record, "salt": salt})).hexdigest())


def pairing_json(one: Pairing, terms: Terms) -> dict[str, Any]:
    """Return two runs side by side, as countersignatures have it; numbers are fixed-point texts."""
    said: dict[str, Any] = {"planned": one.planned, "n": one.n, "clusters": one.clusters, "discordant": list(one.discordant)}
    said |= {"agreement": fixed(one.agreement), "difference": fixed(one.difference), "mcnemar": fixed(one.p)}
    for name, value in (("exact", one.exact), ("kappa", one.kappa), ("ac1", one.ac1)):
        said[name] = None if value is None else fixed(value)
    for name, interval in (("agreementInterval", one.agreement_interval), ("ci90", one.ci90), ("ci99", one.ci99)):
        said[name] = _interval(interval)
    return said | {"delta": fixed(terms.delta), "agreementMin": fixed(terms.agreement_min)}


def _interval(one: Interval) -> list[str]:
    return [fixed(one.low), fixed(one.high)]


def parse_countersignature(said: Mapping[str, Any]) -> Countersignature:
    """Return the countersignature in a statement's predicate.

    Raises BadFormat for any other form, for numbers out of bounds, and for a verdict without what its level needs to come to it.
    """
    if said.keys() != _FIELDS:
        raise BadFormat(f"a countersignature has the fields {', '.join(sorted(_FIELDS))}")
    if type(said["sameNumerics"]) is not bool:
        raise BadFormat("sameNumerics is true or false")
    found = Countersignature(
        record=parse_sha256(_text(said["record"], None, "the digest of a record")),
        level=_one_of(Level, said["level"], "the level"),
        verdict=_one_of(Verdict, said["verdict"], "the verdict"),
        evaluator=parse_origin(_text(said["evaluator"], None, "an evaluator")),
        reasons=_reasons(said["reasons"]),
        own="" if said["own"] == "" else parse_sha256(_text(said["own"], None, "the digest of an own record")),
        pairing=None if said["pairing"] is None else _pairing(said["pairing"]),
        audit=None if said["audit"] is None else _audit(said["audit"]),
        blind=None if said["blind"] is None else _blind(said["blind"]),
        same_numerics=said["sameNumerics"],
    )
    _require_whole(found)
    return found


def _require_whole(one: Countersignature) -> None:
    """Raise BadFormat unless the countersignature has what its level and verdict rest on, and nothing of another level."""
    ran, audited = one.level in {Level.V3, Level.V4}, one.level is Level.V2
    if one.level in {Level.V0, Level.V1} and one.verdict not in {Verdict.AGREES, Verdict.INVALID}:
        raise BadFormat(f"{one.level.value} comes to AGREES or INVALID, not {one.verdict.value}")
    if one.verdict in _DECIDED and ((ran and (one.pairing is None or not one.own)) or (audited and one.audit is None)):
        raise BadFormat(
            f"{one.verdict.value} at {one.level.value} needs {'an own record and its pairing' if ran else 'an audit'}"
        )
    if (not ran and (one.pairing is not None or one.own)) or (not audited and one.audit is not None):
        raise BadFormat(f"a countersignature at {one.level.value} has figures of another level")
    if (one.blind is not None) != (one.level is Level.V4):
        raise BadFormat("exactly a countersignature at V4 opens a commitment")
    if one.blind is not None and one.blind.commitment != commitment(one.own, one.blind.salt):
        raise BadFormat("the commitment that is opened is to another record than one's own")


def _pairing(value: object) -> dict[str, Any]:
    said = _object(value, _PAIRING, "the pairing")
    for name in ("planned", "n", "clusters"):
        _count(said[name], MAX_ROWS, f"{name} of a pairing")
    if type(said["discordant"]) is not list or len(said["discordant"]) != 2:
        raise BadFormat("discordant of a pairing is two numbers")
    for count in said["discordant"]:
        _count(count, MAX_ROWS, "discordant of a pairing")
    for name in ("agreement", "mcnemar", "delta", "agreementMin"):
        parse_fixed(said[name], f"{name} of a pairing", 0, 1)
    parse_fixed(said["difference"], "difference of a pairing", -1, 1)
    for name, low in (("exact", 0), ("kappa", -1), ("ac1", -1)):
        if said[name] is not None:
            parse_fixed(said[name], f"{name} of a pairing", low, 1)
    for name in ("agreementInterval", "ci90", "ci99"):
        ends = said[name]
        if type(ends) is not list or len(ends) != 2:
            raise BadFormat(f"{name} of a pairing is two numbers")
        if parse_fixed(ends[0], name, -1, 1) > parse_fixed(ends[1], name, -1, 1):
            raise BadFormat(f"{name} of a pairing begins above its end")
    return dict(said)


def _audit(value: object) -> Audit:
    said = _object(value, _AUDIT, "the audit")
    parse_fixed(said["argmax"], "argmax of an audit", 0, 1)
    parse_fixed(said["gapMean"], "gapMean of an audit", 0)
    parse_fixed(said["gapP99"], "gapP99 of an audit", 0)
    return Audit(
        k=_count(said["k"], MAX_ROWS, "k of an audit"),
        checkpoint=parse_sha256(_text(said["checkpoint"], None, "the digest of a checkpoint")),
        tokens=_count(said["tokens"], MAX_TOKENS, "tokens of an audit"),
        argmax=said["argmax"],
        gap_mean=said["gapMean"],
        gap_p99=said["gapP99"],
        threshold=_text(said["threshold"], _NAME, "the id of a table of thresholds"),
    )


def _blind(value: object) -> Blind:
    said = _object(value, {"salt", "commitment"}, "the opening")
    return Blind(_text(said["salt"], _SALT, "a salt"), parse_sha256(_text(said["commitment"], None, "a commitment")))


def _reasons(value: object) -> tuple[str, ...]:
    if type(value) is not list or len(value) > MAX_REASONS:
        raise BadFormat(f"reasons of a countersignature is a list of at most {MAX_REASONS} codes")
    return tuple(_text(one, _CODE, "a reason") for one in value)


def _one_of(kind: type[_T], value: object, what: str) -> _T:
    try:
        return kind(value)
    except ValueError as error:
        known = ", ".join(str(one.value) for one in kind)
        raise BadFormat(f"{what} of a countersignature is {known}, not {str(value)[:40]!r}") from error


def _object(value: object, keys: set[str], what: str) -> Mapping[str, Any]:
    if type(value) is not dict or value.keys() != keys:
        raise BadFormat(f"{what} of a countersignature has the fields {', '.join(sorted(keys))}")
    return value


def _text(value: object, form: re.Pattern[str] | None, what: str) -> str:
    if type(value) is not str or (form is not None and form.fullmatch(value) is None):
        raise BadFormat(f"{what} has another form, got {str(value)[:60]!r}")
    return value


def _count(value: object, most: int, what: str) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise BadFormat(f"{what} is a number from 0 to {most:,}, got {str(value)[:40]!r}")
    return value
