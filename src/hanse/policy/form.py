"""The TOML form of policies: every key with what it takes and what it means, and the names kept for later.

One table makes the parser, the printed form and docs/policy.md. Values that a parser refuses raise ValueError with the words that
follow "must be".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from hanse.model.decision import Rung
from hanse.policy.rules import ANYONE, Consequence, Obeyed, Policy, Threshold

MAX_NEED = 100
MAX_ALSO = 16
QUORUM = "quorum"
MAX_AGE = 10 * 365 * 86400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([1-9][0-9]{0,9})([smhd])")
GROUP_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the form. path: table and name; takes: its values in words; text: its meaning; parse: value -> what is kept."""

    path: str
    takes: str
    text: str
    parse: Callable[[Any], Any]

    def of(self, policy: Policy) -> Any:
        """Return the value that a policy has for this key."""
        return attrgetter(self.path)(policy)


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise ValueError("a text")  # noqa: TRY004 parsers say it with ValueError
    return raw


def _integer(raw: Any, low: int, high: int) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or not low <= raw <= high:
        raise ValueError(f"an integer from {low} to {high}")
    return raw


def _need(raw: Any) -> int:
    return _integer(raw, 0, MAX_NEED)


def _some(raw: Any) -> int:
    return _integer(raw, 1, MAX_NEED)


def _maps(raw: Any) -> int:
    if raw == QUORUM:
        return 0
    try:
        return _some(raw)
    except ValueError as error:
        raise ValueError(f"{error}, or {QUORUM!r}") from None


def _obey(raw: Any) -> tuple[Obeyed, ...]:
    says = f"a list of at most {MAX_ALSO} tables {{ of = 'group', kinds = ['malicious'] }}"
    if not isinstance(raw, list) or len(raw) > MAX_ALSO:
        raise ValueError(says)
    from hanse.model.advisory import AdvisoryKind  # noqa: PLC0415 only the readers of policies need it, not those of presets

    known = tuple(one.value for one in AdvisoryKind)
    found = []
    for one in raw:
        kinds = one.get("kinds", []) if isinstance(one, dict) else None
        if not isinstance(one, dict) or not {"of"} <= set(one) <= {"of", "kinds"} or not isinstance(kinds, list):
            raise ValueError(says)
        group = parse_group(one["of"])
        if group == ANYONE or any(kind not in known for kind in kinds):
            raise ValueError(f"{says}; a group by name, never 'anyone', and kinds among {', '.join(known)}")
        found.append(Obeyed(group, frozenset(kinds)))
    return tuple(found)


def parse_boolean(raw: Any) -> bool:
    """Return true or false; raises ValueError."""
    if not isinstance(raw, bool):
        raise ValueError("true or false")  # noqa: TRY004
    return raw


def parse_group(raw: Any) -> str:
    """Return the name of a group; raises ValueError."""
    if not isinstance(raw, str) or not GROUP_NAME.fullmatch(raw):
        raise ValueError("the name of a group: a-z, 0-9 and '-', starting with a letter")
    return raw


def _rung(raw: Any) -> Rung:
    try:
        return Rung(_text(raw))
    except ValueError:
        raise ValueError(f"one of {', '.join(one.value for one in Rung)}") from None


def parse_consequence(raw: Any) -> Consequence:
    """Return what follows from something; raises ValueError."""
    try:
        return Consequence(_text(raw))
    except ValueError:
        raise ValueError("allow, warn or refuse") from None


def _never_allowed(raw: Any) -> Consequence:
    found = parse_consequence(raw) if raw in ("warn", "refuse") else None
    if found is None:
        raise ValueError("warn or refuse")
    return found


def parse_duration(raw: Any) -> int:
    """Return the seconds in a text such as `90s`, `15m`, `24h` or `7d`; raises ValueError."""
    found = _DURATION.fullmatch(raw) if isinstance(raw, str) else None
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 1 <= seconds <= MAX_AGE:
        raise ValueError("a duration such as 90s, 15m, 24h or 7d, of at most 3650d")
    return seconds


def duration(seconds: int) -> str:
    """Return the shortest exact text for so many seconds: the opposite of `parse_duration`."""
    unit = next((one for one in ("d", "h", "m") if seconds % _UNITS[one] == 0), "s")
    return f"{seconds // _UNITS[unit]}{unit}"


def _also(raw: Any) -> tuple[Threshold, ...]:
    says = f"a list of at most {MAX_ALSO} tables {{ need = 1, of = 'group' }}"
    if not isinstance(raw, list) or len(raw) > MAX_ALSO:
        raise ValueError(says)
    found = []
    for one in raw:
        if not isinstance(one, dict) or set(one) != {"need", "of"}:
            raise ValueError(says)
        found.append(Threshold(_integer(one["need"], 1, MAX_NEED), parse_group(one["of"])))
    return tuple(found)


_GROUP = "name of a group, or `anyone`"
_NEED = f"0 to {MAX_NEED}"
_ALSO = "list of `{ need, of }`"
_SAY = "`allow`, `warn` or `refuse`"
_NO = "`warn` or `refuse`"
_AGE = "duration, such as `24h`"
KEYS = (
    Key("rung", "`local`, `attested`, `agreed` or `witnessed`", "The step of the ladder that a revision must reach.", _rung),
    Key("signers.need", _NEED, "So many different members must have signed this very tree.", _need),
    Key("signers.of", _GROUP, "Only signatures of this group count for `need`.", parse_group),
    Key("signers.also", _ALSO, "More thresholds, all of which must be met too.", _also),
    Key("witness.need", _NEED, "So many others must have cosigned the log of each signature that counts.", _need),
    Key("witness.of", _GROUP, "Only cosignatures of this group count for `need`.", parse_group),
    Key("witness.also", _ALSO, "More thresholds, all of which must be met too.", _also),
    Key("mirror.need", _NEED, "So many mirrors, who replayed it, must have cosigned the log that says what is latest.", _need),
    Key("mirror.of", _GROUP, "Only mirrors of this group count for `need`.", parse_group),
    Key("mirror.also", _ALSO, "More thresholds, all of which must be met too.", _also),
    Key("freshness.max_age", _AGE, "Cosignatures older than this are stale.", parse_duration),
    Key("freshness.warn_age", _AGE, "Cosignatures older than this cause a warning; at most `max_age`.", parse_duration),
    Key("freshness.latest", _SAY, "What follows where what a ref points at is stale, or nobody proves it.", parse_consequence),
    Key("freshness.pinned", _SAY, "What follows where a revision pinned by its tree is stale.", parse_consequence),
    Key("advisories.max_age", _AGE, "Maps of advisories older than this are stale.", parse_duration),
    Key(
        "advisories.maps",
        f"1 to {MAX_NEED}, or `{QUORUM}`",
        "Maps of so many members must be known and not stale; `quorum`: of all members but `need` - 1.",
        _maps,
    ),
    Key("advisories.stale", _SAY, "What follows where they are not.", parse_consequence),
    Key("advisories.need", f"1 to {MAX_NEED}", "Advisories of so many different members refuse; of fewer they warn.", _some),
    Key("advisories.of", _GROUP, "Only advisories of this group count for `need`.", parse_group),
    Key("advisories.obey", "list of `{ of, kinds }`", "The word of one member of such a group refuses, for these kinds.", _obey),
    Key("scan.of", _GROUP, "Scans of this group count, beside one made here; others only warn.", parse_group),
    Key("scan.caution", _SAY, "What follows from the verdict `caution`.", parse_consequence),
    Key("scan.suspicious", _SAY, "What follows from the verdict `suspicious`.", parse_consequence),
    Key("scan.malicious", _NO, "What follows from the verdict `malicious`.", _never_allowed),
    Key("scan.inconclusive", _SAY, "What follows where a part that a loader could run was not read.", parse_consequence),
    Key("scan.error", _SAY, "What follows where a scan failed.", parse_consequence),
    Key("scan.missing", _SAY, "What follows where no scan that counts is known.", parse_consequence),
    Key("pins.first_use", _SAY, "What follows from the key of a log or owner that was never met before.", parse_consequence),
    Key("pins.changed", _NO, "What follows from another key than the one pinned at first use.", _never_allowed),
    Key("owner.change", _NO, "What follows where a name's owner key changed without a transfer leaf.", _never_allowed),
    Key("owner.held", "`true` or `false`", "Whether the owner must hold the key of the name himself.", parse_boolean),
)
BY_PATH = {key.path: key for key in KEYS}
TABLES = tuple(dict.fromkeys(key.path.partition(".")[0] for key in KEYS if "." in key.path))
RESERVED = {
    "for": "rules for some names only",
    "gateway": "what a gateway lets through, and how long it waits",
    "licences": "which licences are acceptable",
    "openness": "which parts of a model must be open",
    "federation": "whose root says who is a member",
    "scan.rulesets": "by which rulesets a scan must be made",
    "signers.claims": "which kinds of statement must be signed",
}
"""Names that this version refuses, so that they can get a meaning without changing the form."""
RESERVED_GROUPS = {"members": "the members of a federation", "publisher": "the owner of the name", "me": "this node"}
