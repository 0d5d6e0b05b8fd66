"""The decision: every rule of a policy, applied to verified facts.

1. **policy**: there is a usable policy.
2. **tree**: the revision has one tree for ever.
3. **signers**, **owner**, **owner-held**: enough members, and the owner, signed this very tree.
4. **first-use**, **pins**, **owner-change**: their keys are those that are known.
5. **witness**: others cosigned the logs of enough of these signatures.
6. **latest**, **mirror**, **agreement**, for what a ref points at: the map of refs says so, mirrors replayed it, and fewer say
   otherwise.
7. **freshness**: they said so lately.
8. **list**: no newer list of members is known of than the one judged by.
9. **advisories**, **advised**: maps of advisories are known and not stale, and none in force refuses
   (`hanse.policy.advisories`).
10. **scan**: what scans say is tolerated.
11. **evidence**: evaluations are as good as is asked for (`hanse.policy.evidence`).
12. **rung**: the step of the ladder is reached.
13. **silent**, **clock**: what a reader should know.

Where a rule refuses, the signatures and logs that fail it do not count for the rules after it, so that one set of signatures
satisfies them all. Every rule is applied and every failure listed; a rule that fails does not hide another.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from hanse.errors import PolicyError
from hanse.model.decision import (
    Decision,
    EvidenceFacts,
    Known,
    LogFacts,
    NameKind,
    OwnerChange,
    Result,
    RuleResult,
    Rung,
    Signed,
    State,
    Want,
)
from hanse.model.finding import Coverage, Verdict, worst
from hanse.policy.advisories import judge_advisories
from hanse.policy.evidence import judge_evidence
from hanse.policy.form import duration
from hanse.policy.rules import Consequence, Policy, is_in
from hanse.policy.view import View

CLOCK_SECONDS = 3600
"""Cosignatures that are further ahead than this are remarked on."""
LIST_SECONDS = 3600
"""How long a version takes, at most, from one member to the others and from them to readers who look for it."""
_GET_LIST = "hanse trust update, at other members than until now; an operator: hanse federation update"


def decide(policy: Policy, facts: EvidenceFacts) -> Decision:
    """Return what `policy` says about `facts`: accepted, stale or refused, with the result of every rule. Never raises."""
    if policy.broken:
        says = f"there is no usable policy: {policy.broken}"
        return Decision(policy.name, Rung.LOCAL, (_failed("policy", says, "name a policy that hanse policy check accepts"),))
    return _Deciding(View(policy, facts)).decision()


REMEDY = "; to pass: "
"""What stands in the line of a failed rule between what it says and its remedy."""


def require(decision: Decision, rev: str = "") -> None:
    """Raise PolicyError, with what would make each failed rule pass, unless the decision lets the revision `rev` through."""
    if decision.state is not State.REFUSED:
        return
    failed = tuple(f"{one.rule}: {one.says}{REMEDY}{one.remedy}" for one in decision.failed) or ("policy: no rule was applied",)
    raise PolicyError(
        f"policy {decision.policy!r} refuses: {'; '.join(failed)}"[:2000],
        failed=failed,
        rev=rev,
        hint=f"what the policy asks for in full: hanse policy show {decision.policy}",
    )


class _Deciding:
    """Applies the rules in order. usable: the signatures that count so far."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.policy = view.policy
        self.facts = view.facts
        self.usable: Sequence[Signed] = view.facts.signatures
        self.results: list[RuleResult] = []
        self.stale_since: int | None = None

    def decision(self) -> Decision:
        """Apply every rule."""
        self.tree()
        self.signers()
        self.owner()
        self.first_use()
        self.pins()
        self.witness()
        if self.view.latest:
            self.latest()
            self.agreement()
        self.freshness()
        self.lists()
        self.results += judge_advisories(self.view)
        self.scan()
        self.results += judge_evidence(self.view)
        rung = self.rung()
        self.remarks()
        return Decision(self.policy.name, rung, tuple(self.results), self.stale_since)

    def say(self, rule: str, result: Result, says: str, remedy: str = "") -> None:
        self.results.append(RuleResult(rule, result, says, remedy if result is not Result.PASSED else ""))

    def passed(self, rule: str, says: str) -> None:
        self.say(rule, Result.PASSED, says)

    def follow(self, rule: str, consequence: Consequence, says: str, remedy: str) -> None:
        """Record something that is not as it should be, with what the policy says follows from it."""
        self.say(rule, _RESULTS[consequence], says, remedy)

    # 2. The tree.

    def tree(self) -> None:
        if self.facts.tree_changed:
            says = f"{self._what()} was seen with another tree before: a commit id has one tree for ever"
            self.say("tree", Result.FAILED, says, "find out who changed it: one of the two is false, whoever signed it")

    # 3. Who signed.

    def signers(self) -> None:
        parts = self.policy.signers.parts
        count = self.view.count(self.usable, self.policy.signers.of)
        lacks = self.view.lacking(self.usable)
        if lacks:
            says = f"signed by {', '.join(lacks)}"
            self.say("signers", Result.FAILED, says, "wait until more members attest this tree, or lower [signers] need")
        else:
            asked = "" if parts else ", none is asked for"
            self.passed("signers", f"{count} member{'' if count == 1 else 's'} signed this tree{asked}")

    def owner(self) -> None:
        if not self.view.owned:
            if self.facts.kind is NameKind.MIRRORED:
                self.passed("owner", "the name belongs to an upstream that signs nothing; observers answer for it")
            return
        own = [one for one in self.usable if one.owner]
        held = any(one.held for one in own)
        if own:
            self.passed("owner", f"signed by the owner of the name, whose key {'he' if held else 'the node operator'} holds")
        elif self.view.needs_owner:
            self.say(
                "owner", Result.FAILED, "the owner of the name has not signed this tree", "the owner must sign it: hanse sign"
            )
        if self.policy.owner.held and not held:
            says = "the policy asks for an owner who holds his key himself"
            self.say("owner-held", Result.FAILED, says, "the owner must sign with a key of his own, or set [owner] held = false")

    # 4. Keys.

    def first_use(self) -> None:
        owner = self.view.owned and self.facts.owner is Known.NEW and bool(self.facts.signatures)
        names = self._known_so(Known.NEW) + (["the owner of the name"] if owner else [])
        if not names:
            return
        says = f"first contact, unauthenticated: the key of {', '.join(names)} was never met before"
        remedy = "compare the fingerprint with what the institution publishes, then pin it; or set [pins] first_use"
        consequence = self.policy.pins.first_use
        if consequence is Consequence.REFUSE and not (owner and self.view.needs_owner) and self._narrow(Known.NEW):
            consequence = Consequence.WARN  # the others are enough
        self.follow("first-use", consequence, says, remedy)

    def pins(self) -> None:
        change = self.facts.owner_change
        changed = self._known_so(Known.CHANGED)
        if changed:
            says = f"the key of {', '.join(changed)} is another than the pinned one"
            consequence = self.policy.pins.changed
            if consequence is Consequence.REFUSE and self._narrow(Known.CHANGED):
                consequence = Consequence.WARN
            self.follow("pins", consequence, says, "ask the institution why; if it is right, remove the old pin")
        if self.view.owned and self.facts.owner is Known.CHANGED and change is not OwnerChange.TRANSFERRED:
            says = "the key of the name's owner is another than the pinned one, and no transfer is logged"
            self.follow("pins", self.policy.pins.changed, says, "ask the owner; if it is right, remove the old pin")
        if change is OwnerChange.UNEXPLAINED:
            says = "the owner key of the name changed without a transfer leaf of the old owner"
            remedy = "the old owner must log a transfer; or use another name"
            self.follow("owner-change", self.policy.owner.change, says, remedy)
        elif change is OwnerChange.TRANSFERRED:
            self.say("owner-change", Result.WARNED, "the name was handed over to another owner, by a logged transfer")

    def _narrow(self, known: Known) -> bool:
        """Drop signatures whose keys are known so, if the rest suffices; where nobody has to sign, it does."""
        rest = [one for one in self.usable if self.view.standing(one) is not known]
        if not self.view.suffices(rest):
            return False
        self.usable = rest
        return True

    def _known_so(self, known: Known) -> list[str]:
        """Return the logs and lone keys that are known so."""
        logs = {f"log {log.origin}" for log in self._used() if log.known is known}
        alone = [one for one in self.facts.signatures if not one.log and self.view.standing(one) is known]
        return sorted(logs | {f"signer {one.key[:16]}" for one in alone})

    def _used(self) -> list[LogFacts]:
        """Return the logs whose word is taken for anything."""
        names = {one.log for one in self.facts.signatures}
        return [log for log in self.facts.logs if log.origin in names or log.home or log.current]

    # 5. Witnesses.

    def witness(self) -> None:
        asked = self.policy.witness.parts or any(self.policy.witness.own(log.origin) for log in self.facts.logs)
        rest = self.view.witnessed(self.usable)
        if not asked:
            self.passed("witness", "no cosignature is asked for")
        elif self.view.enough(rest):
            self.usable = rest
            self.passed("witness", f"the log{'s' if len(rest) > 1 else ''} of {len(rest)} signatures are cosigned as asked")
        else:
            lacking = sorted({one.log or "no log" for one in self.usable} - {one.log for one in rest}) or ["no log"]
            says = f"not enough others cosigned: {', '.join(self._lack(one, mirror=False) for one in lacking)}"
            remedy = "wait for cosignatures, or name more witnesses of these logs; or lower [witness] need"
            self.say("witness", Result.FAILED, says, remedy)

    def _lack(self, origin: str, *, mirror: bool) -> str:
        """Return what a log's cosignatures lack, in words."""
        log = self.view.log(origin)
        if log is None:
            return f"a signature that is in {origin}"
        quorum = self.policy.mirror if mirror else self.policy.witness
        told = log.mirror if mirror else log.witness
        if quorum.own(origin):
            return f"{origin} does not meet its tlog-policy{': ' + told.says if told and told.says else ''}"
        counts = [f"{self.view.cosigners(log, part, mirror=mirror)} of {part.need}" for part in quorum.parts]
        return f"{origin} has {' and '.join(counts)}"

    # 6. What is latest.

    def latest(self) -> None:
        logs = self.view.sayers()
        if not logs:
            says = f"no log proves that {self._what()} is what the ref points at now"
            remedy = "get evidence with the map of refs, or ask for the revision by its tree"
            self.follow("latest", self.policy.freshness.latest, says, remedy)
        asked = [log for log in logs if self.policy.mirror.asks(log.origin)]
        if not asked and not self.policy.mirror.parts:
            return
        good = [log for log in logs if not self.policy.mirror.asks(log.origin) or self.view.time(log, mirror=True) is not None]
        if self.view.latest_since(good) is not None:
            self.passed("mirror", f"mirrors replayed {', '.join(log.origin for log in good)} and cosigned")
            return
        lacking = [self._lack(log.origin, mirror=True) for log in asked if log not in good] or ["no log says what is latest"]
        remedy = "wait for mirrors to replay the log, or lower [mirror] need; or ask for the revision by its tree"
        self.say("mirror", Result.FAILED, f"not enough mirrors cosigned: {', '.join(lacking)}", remedy)

    def agreement(self) -> None:
        if self.facts.kind is not NameKind.MIRRORED or not self.facts.rivals:
            return
        count = len(self.view.observers(self.view.sayers(), self.policy.signers.of))
        says = f"{count} observers say that this is the latest, {self.facts.rivals} say that another revision is"
        remedy = "wait until the observers agree, or ask for the revision by its tree"
        self.say("agreement", Result.WARNED if count > self.facts.rivals else Result.FAILED, says, remedy)

    # 7. Freshness.

    def freshness(self) -> None:
        rule = self.policy.freshness
        pinned = self.facts.want is Want.PINNED
        since = self.view.latest_since(self.view.sayers()) if self.view.latest else self.view.fresh_since(self.usable)
        consequence = rule.pinned if pinned else rule.latest
        remedy = "get newer cosignatures, from any node or by asking witnesses to cosign the same checkpoint again"
        if since is None:
            self.follow("freshness", consequence, "nothing says since when this holds", remedy)
            return
        age = max(0, self.facts.now - since)
        if age > rule.max_age:
            self.stale_since = since
            says = f"verified but stale since {_time(since)}: {_age(age)} old, at most {duration(rule.max_age)} is asked for"
            self.follow("freshness", consequence, says, remedy)
        elif age > rule.warn_age and consequence is not Consequence.ALLOW:
            self.say("freshness", Result.WARNED, f"vouched for at {_time(since)}, {_age(age)} ago", remedy)
        else:
            self.passed("freshness", f"vouched for at {_time(since)}")

    # 8. The list of members.

    def lists(self) -> None:
        rule = self.policy.freshness
        consequence = rule.pinned if self.facts.want is Want.PINNED else rule.latest
        for one in self.facts.newer:
            age = max(0, self.facts.now - one.since)
            says = f"{len(one.members)} members' logs name version {one.version} of {one.role} of {one.federation}"
            says = f"{says}; here is {one.known}"
            if age > rule.max_age + LIST_SECONDS:
                says += f", and that for {_age(age)}: the newest list may be withheld"
                self.follow("list", consequence, says, _GET_LIST)
            else:
                self.say("list", Result.WARNED, says, _GET_LIST)

    # 10. Scans.

    def scan(self) -> None:
        rule = self.policy.scan
        mine = [one for one in self.facts.scans if not one.member and not one.key]
        counted = [*mine, *(one for one in self.facts.scans if one not in mine and self._counts(one.member, one.key))]
        if not counted:
            self.follow(
                "scan",
                rule.missing,
                "no scan that counts is known",
                "scan it: hanse scan; or name whose scans count in [scan] of",
            )
        else:
            verdict = worst(one.verdict for one in counted)
            coverage = min((one.coverage for one in counted), key=list(Coverage).index)
            found = [Consequence.ALLOW if verdict is Verdict.SAFE else getattr(rule, verdict.value)]
            if coverage is not Coverage.COMPLETE:
                found.append(getattr(rule, coverage.value))
            says = f"{verdict.value}, {coverage.value}, by {len(counted)} scan{'' if len(counted) == 1 else 's'}"
            self.follow("scan", max(found, key=lambda one: one.rank), says, "see the findings; use another revision or format")
        others = worst(one.verdict for one in self.facts.scans if one not in counted)
        if others.rank >= Verdict.SUSPICIOUS.rank:
            self.say("scan", Result.WARNED, f"a scan that does not count here says {others.value}")

    def _counts(self, member: str, key: str) -> bool:
        return is_in(self.policy.groups, self.policy.scan.of, member, key)

    # 12. The ladder.

    def rung(self) -> Rung:
        found = self.view.rung()
        if found.rank >= self.policy.rung.rank:
            self.passed("rung", f"{found.value}, {self.policy.rung.value} is asked for")
        else:
            says = f"{found.value}, but {self.policy.rung.value} is asked for"
            self.say("rung", Result.FAILED, says, _RUNGS[self.policy.rung])
        return found

    # 13. What a reader should know.

    def remarks(self) -> None:
        for log in self._used():
            if log.silent_since is not None:
                self.say("silent", Result.WARNED, f"publisher {log.origin} silent since {_time(log.silent_since)}")
        times = [one.time for log in self.facts.logs for one in (*log.witnesses, *log.mirrors)]
        if times and max(times) > self.facts.now + CLOCK_SECONDS:
            says = f"a cosignature is {_age(max(times) - self.facts.now)} ahead of the time judged by"
            self.say("clock", Result.WARNED, says, "check the clock of this machine")

    def _what(self) -> str:
        """Return what is judged, in words."""
        return " ".join(part for part in (self.facts.repo, self.facts.rev[:12]) if part) or "this revision"


_RESULTS = {Consequence.ALLOW: Result.PASSED, Consequence.WARN: Result.WARNED, Consequence.REFUSE: Result.FAILED}
_RUNGS = {
    Rung.LOCAL: "",
    Rung.ATTESTED: "a member, for an owned name its owner, must attest this tree",
    Rung.AGREED: "at least two members, for an owned name its owner among them, must attest this tree",
    Rung.WITNESSED: "at least two members must attest this tree in logs that others cosigned",
}


def _time(seconds: int) -> str:
    """Return a time as people read it; times that no calendar has stay numbers."""
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def _age(seconds: int) -> str:
    """Return an age in its two largest units."""
    for size, unit, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // below} {small}"
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"


def _failed(rule: str, says: str, remedy: str) -> RuleResult:
    return RuleResult(rule, Result.FAILED, says, remedy)
