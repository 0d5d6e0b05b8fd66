"""The rules about advisories: enough members' maps of them are known and not stale, and none of what is in force refuses.

The word of one member warns; it refuses where it is the publisher's about its own name, or where the policy obeys that member for
that kind. Otherwise so many different members as `[advisories] need` says must warn: one alone keeps nothing from anybody. Kinds
that say nothing against a use (`superseded`, `eval-retracted`) only ever warn, unless the policy obeys them by name.

An advisory counts however old the map is that shows it; only silence has to be recent.
"""

from __future__ import annotations

import datetime as dt

from hanse.model.decision import Advised, Result, RuleResult
from hanse.policy.form import duration
from hanse.policy.rules import ANYONE, Consequence, is_in, most
from hanse.policy.view import View

_RESULTS = {Consequence.ALLOW: Result.PASSED, Consequence.WARN: Result.WARNED, Consequence.REFUSE: Result.FAILED}
MAX_TOLD = 5


def judge_advisories(view: View) -> list[RuleResult]:
    """Return the results of the rules `advisories` and, where anybody warns, `advised`."""
    return [_maps(view), *_advised(view)]


def maps_asked(view: View) -> int:
    """Return of how many members a map is needed: as the policy says, or all members but `need` - 1."""
    rule = view.policy.advisories
    return rule.maps or max(1, view.facts.members - rule.need + 1)


def _maps(view: View) -> RuleResult:
    rule, asked = view.policy.advisories, maps_asked(view)
    logs = [log for log in view.facts.logs if log.advisories and view.counts(log.known)]
    times = sorted((time for log in logs if (time := view.vouched(log, latest=True)) is not None), reverse=True)
    fresh = [time for time in times if view.facts.now - time <= rule.max_age]
    if len(fresh) >= asked:
        return RuleResult("advisories", Result.PASSED, f"{len(fresh)} maps of advisories, the newest of {_time(times[0])}")
    says = f"{len(fresh)} of {asked} maps of advisories are not older than {duration(rule.max_age)}"
    result = _RESULTS[rule.stale]
    remedy = "" if result is Result.PASSED else "get newer evidence, or raise [advisories] max_age"
    return RuleResult("advisories", result, says, remedy)


def _advised(view: View) -> list[RuleResult]:
    counted = [one for one in view.facts.advised if view.counts(one.known)]
    by_word = [one for one in counted if (one.own and one.blocks) or _obeyed(view, one)]
    several = [one for one in counted if one.blocks and is_in(view.policy.groups, view.policy.advisories.of, one.member, "")]
    enough = most((one.member, one.member) for one in several) >= view.policy.advisories.need
    refusing = list(dict.fromkeys([*by_word, *(several if enough else [])]))
    found = []
    if refusing:
        remedy = "use another revision; or, if the advisory is wrong, ask its issuer to withdraw it, or lower [advisories]"
        found.append(RuleResult("advised", Result.FAILED, _told(refusing), remedy))
    rest = [one for one in counted if one not in refusing]
    if rest:
        found.append(RuleResult("advised", Result.WARNED, _told(rest), "read the advisory: hanse advisory show ID"))
    return found


def _obeyed(view: View, one: Advised) -> bool:
    return any(
        part.of != ANYONE and is_in(view.policy.groups, part.of, one.member, "") and (not part.kinds or one.kind in part.kinds)
        for part in view.policy.advisories.obey
    )


def _told(some: list[Advised]) -> str:
    told = [f"{one.member}{' (the publisher)' if one.own else ''} says {one.kind}: {one.summary} [{one.id}]" for one in some]
    more = [] if len(told) <= MAX_TOLD else [f"and {len(told) - MAX_TOLD} more"]
    return "; ".join(told[:MAX_TOLD] + more)


def _time(seconds: int) -> str:
    """Return a time as people read it; times that no calendar has stay numbers."""
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return str(seconds)
