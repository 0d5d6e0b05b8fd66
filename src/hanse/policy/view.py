"""What a policy counts: signatures that are good enough, and the time since when enough others have vouched for a log.

Everything here only grows with the facts: one more signature, cosignature or log, or a newer time of one, never makes a count
smaller or a time earlier. `hanse.policy.decide` rests on that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from hanse.model.decision import Cosigned, EvidenceFacts, Known, LogFacts, NameKind, Rung, Signed, Want, runs
from hanse.policy.rules import ANYONE, Consequence, Policy, Threshold, is_in, most

T = TypeVar("T")


def is_own(log: LogFacts, one: Cosigned) -> bool:
    """Tell whether a cosignature is by the log's own operator, who is no witness of himself: by member, by name or by key."""
    return runs(log.origin, one.name) or runs(log.origin, one.member) or one.key in log.keys


@dataclass(frozen=True, slots=True)
class View:
    """A policy and the facts it is applied to."""

    policy: Policy
    facts: EvidenceFacts

    def log(self, origin: str) -> LogFacts | None:
        """Return what is known of a log."""
        return next((one for one in self.facts.logs if one.origin == origin), None)

    # Signatures.

    @property
    def owned(self) -> bool:
        """Whether the name has an owner, who has to sign."""
        return self.facts.kind in (NameKind.OWNED, NameKind.PRIVATE)

    @property
    def needs_owner(self) -> bool:
        """Whether the owner's signature is needed under this policy."""
        return self.owned and bool(self.policy.signers.parts or self.policy.rung.rank)

    def is_member(self, member: str, key: str, group: str) -> bool:
        """Tell whether a member or a key belongs to a group."""
        return is_in(self.policy.groups, group, member, key)

    def in_group(self, one: Signed, group: str) -> bool:
        """Tell whether a signer belongs to a group."""
        return is_in(self.policy.groups, group, one.member, one.key)

    def count(self, signatures: Iterable[Signed], group: str) -> int:
        """Return how many different members of a group signed.

        A publisher's own key counts for the member whose log says that there is such a publisher, which that member alone can
        say; it counts for itself where the group names the key.
        """
        among = [one for one in signatures if self.in_group(one, group)]
        return most((one.member or (one.log if group == ANYONE else ""), one.key) for one in among)

    def lacking(self, signatures: Sequence[Signed]) -> list[str]:
        """Return the thresholds that these signatures do not reach, in words."""
        counts = [(self.count(signatures, part.of), part) for part in self.policy.signers.parts]
        return [f"{count} of {part.need} {_people(part)}" for count, part in counts if count < part.need]

    def suffices(self, signatures: Sequence[Signed]) -> bool:
        """Tell whether these signatures reach every threshold, and the owner's is there if it has to be."""
        return not self.lacking(signatures) and (not self.needs_owner or any(one.owner for one in signatures))

    def enough(self, signatures: Sequence[Signed]) -> bool:
        """Tell whether there are signatures and they suffice."""
        return bool(signatures) and self.suffices(signatures)

    # Keys.

    def standing(self, one: Signed) -> Known:
        """Return where the key behind a signature is known from: its log's, or its own where it is in no log."""
        if one.log:
            log = self.log(one.log)
            return log.known if log else Known.NEW
        listed = any(one.key in group.keys for group in self.policy.groups.values())
        return Known.CONFIGURED if listed else self.facts.owner

    def counts(self, known: Known) -> bool:
        """Tell whether the policy lets something count whose key is known so."""
        pins = self.policy.pins
        refused = {Known.NEW: pins.first_use, Known.CHANGED: pins.changed}.get(known)
        return refused is not Consequence.REFUSE

    def known(self, signatures: Iterable[Signed]) -> tuple[Signed, ...]:
        """Return the signatures whose keys count."""
        return tuple(one for one in signatures if self.counts(self.standing(one)))

    def vouching(self) -> tuple[Signed, ...]:
        """Return the signatures whose signers this policy believes beyond the revision, too.

        They are of a group that the policy asks signatures of, or the owner's; their logs are witnessed as it asks; and their
        keys were known before: one that was met for the first time just now could be anybody's.
        """
        parts = self.policy.signers.parts
        sure = [one for one in self.facts.signatures if self.standing(one) in {Known.CONFIGURED, Known.PINNED}]
        asked = [one for one in sure if one.owner or not parts or any(self.in_group(one, part.of) for part in parts)]
        return self.witnessed(asked)

    # Others' word for a log.

    def time(self, log: LogFacts, *, mirror: bool) -> int | None:
        """Return since when a log meets the policy's quorum of witnesses or mirrors, None if it does not.

        Where nothing is asked: the newest time that anybody, or else the log itself, gives.
        """
        quorum = self.policy.mirror if mirror else self.policy.witness
        cosigned = log.mirrors if mirror else log.witnesses
        if quorum.own(log.origin):
            told = log.mirror if mirror else log.witness
            return told.time if told else None
        others = [one for one in cosigned if not is_own(log, one)]
        if not quorum.parts:
            return max([one.time for one in others] + ([] if log.time is None else [log.time]), default=None)
        return _earliest(self.since(others, part) for part in quorum.parts)

    def since(self, cosigned: Sequence[Cosigned], part: Threshold) -> int | None:
        """Return the newest T such that so many different members of a group cosigned at T or later."""
        able = [one for one in cosigned if is_in(self.policy.groups, part.of, one.member, one.key)]
        pairs = [(one.time, (one.member, one.key)) for one in able]
        return newest(pairs, lambda some: most(some) >= part.need)

    def cosigners(self, log: LogFacts, part: Threshold, *, mirror: bool) -> int:
        """Return how many different members of a group, other than its operator, cosigned a log."""
        others = [one for one in (log.mirrors if mirror else log.witnesses) if not is_own(log, one)]
        return most((one.member, one.key) for one in others if is_in(self.policy.groups, part.of, one.member, one.key))

    def witnessed(self, signatures: Iterable[Signed]) -> tuple[Signed, ...]:
        """Return the signatures whose logs meet the quorum of witnesses; all, where nothing is asked of their logs."""
        found = []
        for one in signatures:
            log = self.log(one.log)
            if not self.policy.witness.asks(one.log) or (log is not None and self.time(log, mirror=False) is not None):
                found.append(one)
        return tuple(found)

    def vouched(self, log: LogFacts, *, latest: bool) -> int | None:
        """Return the time at which enough others vouched for a log: mirrors for what is latest, witnesses for what is in it."""
        if latest and self.policy.mirror.asks(log.origin):
            return self.time(log, mirror=True)
        if self.policy.witness.asks(log.origin):
            return self.time(log, mirror=False)
        times = [self.time(log, mirror=kind) for kind in (False, True)]
        return max((one for one in times if one is not None), default=None)

    def fresh_since(self, signatures: Sequence[Signed]) -> int | None:
        """Return the newest T such that the signatures in logs vouched for at T or later are enough."""
        pairs = []
        for one in signatures:
            log = self.log(one.log)
            time = self.vouched(log, latest=False) if log else None
            if time is not None:
                pairs.append((time, one))
        return newest(pairs, self.enough)

    # What is latest.

    def sayers(self) -> list[LogFacts]:
        """Return the logs that say that the wanted revision is the latest, and may say so: the owner's, or observers'."""
        return [log for log in self.facts.logs if log.current and self.counts(log.known) and (log.home or not self.owned)]

    def observers(self, logs: Iterable[LogFacts], group: str) -> list[LogFacts]:
        """Return the logs of members of a group."""
        return [log for log in logs if is_in(self.policy.groups, group, log.origin, "")]

    def latest_parts(self) -> tuple[Threshold, ...]:
        """Return how many observers of which group must agree on what is latest."""
        return self.policy.signers.parts or (Threshold(1),)

    def latest_since(self, logs: Sequence[LogFacts]) -> int | None:
        """Return the newest T such that, by logs vouched for at T or later, the wanted revision is the latest."""
        pairs = [(time, log) for log in logs if (time := self.vouched(log, latest=True)) is not None]
        if self.owned:
            return max((time for time, _ in pairs), default=None)
        parts = self.latest_parts()
        return newest(pairs, lambda some: all(len(self.observers(some, part.of)) >= part.need for part in parts))

    # The ladder.

    def rung(self) -> Rung:
        """Return the step of the ladder that the evidence reaches; an owned name needs its owner's signature on each."""
        signatures = self.known(self.facts.signatures)
        if not self._attested(signatures, 1):
            return Rung.LOCAL
        if not self._attested(signatures, 2):
            return Rung.ATTESTED
        asked = self.policy.witness
        quorum = asked if asked.parts else replace(asked, need=1, of=ANYONE)
        met = View(replace(self.policy, witness=quorum), self.facts).witnessed(signatures)
        strong = [one for one in met if (log := self.log(one.log)) and any(not is_own(log, other) for other in log.witnesses)]
        return Rung.WITNESSED if self._attested(strong, 2) else Rung.AGREED

    def _attested(self, signatures: Sequence[Signed], least: int) -> bool:
        signers = self.policy.signers
        if self.owned and not any(one.owner for one in signatures):
            return False
        if least == 1:
            return any(one.owner or self.in_group(one, signers.of) for one in signatures)
        return self.count(signatures, signers.of) >= max(least, signers.need) and self.suffices(signatures)

    @property
    def latest(self) -> bool:
        """Whether it was asked what a ref points at now."""
        return self.facts.want is Want.LATEST


def newest(pairs: Iterable[tuple[int, T]], holds: Callable[[list[T]], bool]) -> int | None:
    """Return the newest time such that what has that time or a later one satisfies `holds`, None if all of it does not."""
    taken: list[T] = []
    for time, one in sorted(pairs, key=lambda pair: -pair[0]):
        taken.append(one)
        if holds(taken):
            return time
    return None


def _earliest(times: Iterable[int | None]) -> int | None:
    found = list(times)
    known = [one for one in found if one is not None]
    return min(known) if len(known) == len(found) else None


def _people(part: Threshold) -> str:
    return "members" if part.of == ANYONE else f"of the group {part.of!r}"
