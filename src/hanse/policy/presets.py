"""Presets: the policies that others start from. Each is at least as strict as the one before it, in every single rule."""

from __future__ import annotations

from hanse.errors import NotFoundError
from hanse.model.decision import Rung
from hanse.policy.rules import ANYONE, Advisories, Consequence, Freshness, Owner, Pins, Policy, Quorum, Scan

_ALLOW, _WARN, _REFUSE = Consequence.ALLOW, Consequence.WARN, Consequence.REFUSE
_HOUR = 3600
_DAY = 24 * _HOUR

OPEN = Policy(
    name="open",
    base="open",
    rung=Rung.LOCAL,
    signers=Quorum(need=0),
    witness=Quorum(need=0),
    mirror=Quorum(need=0),
    freshness=Freshness(max_age=7 * _DAY, warn_age=_DAY, latest=_WARN, pinned=_ALLOW),
    advisories=Advisories(max_age=30 * _DAY, maps=0, stale=_WARN),
    scan=Scan(ANYONE, caution=_WARN, suspicious=_WARN, malicious=_REFUSE, inconclusive=_WARN, error=_WARN, missing=_WARN),
    pins=Pins(first_use=_WARN, changed=_REFUSE),
    owner=Owner(change=_REFUSE, held=False),
)
CAREFUL = Policy(
    name="careful",
    base="careful",
    rung=Rung.ATTESTED,
    signers=Quorum(need=1),
    witness=Quorum(need=1),
    mirror=Quorum(need=1),
    freshness=Freshness(max_age=_DAY, warn_age=6 * _HOUR, latest=_REFUSE, pinned=_WARN),
    advisories=Advisories(max_age=7 * _DAY, maps=0, stale=_WARN),
    scan=Scan(ANYONE, caution=_WARN, suspicious=_REFUSE, malicious=_REFUSE, inconclusive=_WARN, error=_WARN, missing=_WARN),
    pins=Pins(first_use=_WARN, changed=_REFUSE),
    owner=Owner(change=_REFUSE, held=False),
)
STRICT = Policy(
    name="strict",
    base="strict",
    rung=Rung.WITNESSED,
    signers=Quorum(need=2),
    witness=Quorum(need=2),
    mirror=Quorum(need=2),
    freshness=Freshness(max_age=_HOUR, warn_age=_HOUR, latest=_REFUSE, pinned=_WARN),
    advisories=Advisories(max_age=_DAY, maps=0, stale=_REFUSE),
    scan=Scan(ANYONE, caution=_WARN, suspicious=_REFUSE, malicious=_REFUSE, inconclusive=_REFUSE, error=_REFUSE, missing=_REFUSE),
    pins=Pins(first_use=_REFUSE, changed=_REFUSE),
    owner=Owner(change=_REFUSE, held=False),
)
PRESETS = {one.name: one for one in (OPEN, CAREFUL, STRICT)}
MEANINGS = {
    "open": "for a laptop: pins keys at first use, refuses what is malicious or changes hands, warns of the rest",
    "careful": "a member signed, another institution witnessed it, and what is suspicious or out of date is refused",
    "strict": "two members and two others beside each, no key unknown, everything scanned to its end and less than an hour old",
}


def preset(name: str) -> Policy:
    """Return the preset called `name`; raises NotFoundError."""
    if name not in PRESETS:
        raise NotFoundError(f"there is no preset {name[:40]!r}", hint=f"presets are {', '.join(PRESETS)}")
    return PRESETS[name]
