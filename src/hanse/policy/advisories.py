"""The rules about advisories: enough members' maps of them are known and not stale, and none of what is in force refuses.

The word of one member warns; it refuses where it is the publisher's about its own name, or where the policy obeys that member for
that kind. Otherwise so many different members as `[advisories] need` says must warn: one alone keeps nothing from anybody. Kinds
that say nothing against a use (`superseded`, `eval-retracted`) only ever warn, unless the policy obeys them by name.

An advisory counts however old the map is that shows it; only silence has to be recent. Whose word alone refuses must not be
silent: the publisher of an owned name, and whom the policy obeys. Of the others so many maps may be missing that, with those who
warn, they cannot be `need`.
"""

from __future__ import annotations

import datetime as dt

from hanse.model.decision import Advised, Known, Result, RuleResult
from hanse.policy.form import duration
from hanse.policy.rules import ANYONE, Consequence, flatten, is_in, most
from hanse.policy.view import View

_RESULTS = {Consequence.ALLOW: Result.PASSED, Consequence.WARN: Result.WARNED, Consequence.REFUSE: Result.FAILED}
MAX_TOLD = 5


def judge_advisories(view: View) -> list[RuleResult]:
    """Return the results of the rules `advisories` and, where anybody warns, `advised`."""
    return [_maps(view), *_advised(view)]


def maps_asked(view: View) -> int:
    """Return of how many members a map is needed: as the policy says, or all members but `need` - 1.

    Who warns already counts towards `need`: for each of them one map less may be missing, so that no warning which would be one
    of `need` can be in a map that is left out.
    """
    rule = view.policy.advisories
    if rule.maps or not view.facts.members:
        return rule.maps or 1
    spare = rule.need - 1 - len({one.member for one in _counting(view)})
    return max(1, view.facts.members - max(0, spare))


def _maps(view: View) -> RuleResult:
    rule, asked = view.policy.advisories, maps_asked(view)
    shown = [log for log in view.facts.logs if log.advisories and view.counts(log.known)]
    times = {log.origin: time for log in shown if (time := view.vouched(log, latest=True)) is not None}
    recent = {origin for origin, time in times.items() if view.facts.now - time <= rule.max_age}
    fresh = recent & _judged(view)
    silent = _silent(view, recent)
    # Who is heard to warn counts once, as that: what else is in his map is not asked for.
    heard = {one.member for one in _counting(view) if one.known is Known.CONFIGURED} if not rule.maps else set()
    known = len(fresh | heard)
    if known >= asked and not silent:
        newest = f", the newest of {_time(max(times[one] for one in fresh))}" if fresh else ""
        return RuleResult("advisories", Result.PASSED, f"{known} maps of advisories{newest}")
    says = f"{known} of {asked} maps of advisories are known and not older than {duration(rule.max_age)}"
    says += f", and not that of {' and '.join(silent)}" if silent else ""
    result = _RESULTS[rule.stale]
    remedy = "" if result is Result.PASSED else "get newer evidence, or from another node; or raise [advisories] max_age"
    return RuleResult("advisories", result, f"{says}: there may be warnings that are not shown", remedy)


def _judged(view: View) -> set[str]:
    """Return the logs whose maps count towards how many are asked for: where the members are known, only theirs."""
    quorum = not view.policy.advisories.maps and view.facts.members
    return {log.origin for log in view.facts.logs if not quorum or log.known is Known.CONFIGURED}


def _silent(view: View, fresh: set[str]) -> list[str]:
    """Return whose map is missing though his word alone refuses: the publisher's, and of those whom the policy obeys.

    fresh: logs whose maps are shown and recent enough, of whoever they are: a publisher need not be a member.
    """
    own = {log.origin for log in view.facts.logs if log.home}
    lacks = ["the publisher"] if view.owned and not own & fresh else []
    groups = view.policy.groups
    obeyed = {one for part in view.policy.advisories.obey for one in flatten(groups, part.of).members} - own
    return lacks + sorted(obeyed - fresh)[:MAX_TOLD]


def _counting(view: View) -> list[Advised]:
    """Return the advisories that count towards `need`."""
    group = view.policy.advisories.of
    counted = [one for one in view.facts.advised if view.counts(one.known)]
    return [one for one in counted if one.blocks and is_in(view.policy.groups, group, one.member, "")]


def _advised(view: View) -> list[RuleResult]:
    counted = [one for one in view.facts.advised if view.counts(one.known)]
    by_word = [one for one in counted if (one.own and one.blocks) or _obeyed(view, one)]
    several = _counting(view)
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
