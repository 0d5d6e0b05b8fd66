"""What `hanse status` tells, as values. Times are seconds since 1970, 0 for never."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hanse.clock import rfc3339
from hanse.db.alarms import Alarm
from hanse.db.audits import Audited
from hanse.model.digest import GitOid
from hanse.model.repo import Origin, RepoId
from hanse.policy.collusion import Way
from hanse.policy.loss import Loss


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """A member as this node sees it.

    size: of its log as last cosigned here, at `cosigned_at`; mirrored: entries replayed and held here; read_at: when its log was
    last read at its address; failure: what is in the way of that; holds: public revisions that its log says it holds; counts:
    whether it counts as a holder; audited: None before the first audit.
    """

    origin: Origin
    title: str
    address: str
    static: bool
    capacity: int
    federations: tuple[Origin, ...]
    size: int
    mirrored: int
    cosigned_at: int
    read_at: int
    failure: str
    holds: int
    counts: bool
    audited: Audited | None

    def json(self) -> dict[str, Any]:
        """Return the JSON form."""
        log = {"size": self.size, "mirrored": self.mirrored, "cosignedAt": _time(self.cosigned_at), "readAt": _time(self.read_at)}
        one = self.audited
        audit = None
        if one is not None:
            sums = {"asked": one.asked, "served": one.served, "outcome": one.outcome, "says": one.says}
            audit = sums | {"askedAt": _time(one.asked_at), "servedAt": _time(one.served_at)}
        return {
            "origin": self.origin,
            "title": self.title,
            "address": self.address,
            "static": self.static,
            "capacity": self.capacity,
            "federations": list(self.federations),
            "log": log | {"failure": self.failure},
            "holds": self.holds,
            "counts": self.counts,
            "audit": audit,
        }


@dataclass(frozen=True, slots=True)
class Cosigning:
    """Somebody's newest cosignature of a log that this node knows. kind: witness or mirror."""

    log: str
    name: str
    kind: str
    size: int
    time: int

    def json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"log": self.log, "name": self.name, "kind": self.kind, "size": self.size, "time": _time(self.time)}


@dataclass(frozen=True, slots=True)
class RepoStatus:
    """How the newest revision of `main` stands.

    holders: whose logs say that they hold it, and this node; failing: those of them who do not count; target: copies wanted;
    counted: how `loss` was counted: by copies of the whole revision (never too high), by files, or by chunks; ways: to deceive
    a reader, the easiest first; could: members with capacity who do not hold it. bytes: 0 while they are not known here.
    """

    repo: RepoId
    rev: GitOid
    bytes: int
    holders: tuple[Origin, ...]
    failing: tuple[Origin, ...]
    target: int
    loss: Loss
    counted: str
    ways: tuple[Way, ...]
    could: tuple[Origin, ...] = ()

    @property
    def missing(self) -> int:
        """Copies that are missing."""
        return max(0, self.target - len(self.holders))

    def json(self) -> dict[str, Any]:
        """Return the JSON form."""
        lost = {"members": self.loss.number, "who": list(self.loss.members), "counted": self.counted, "could": list(self.could)}
        named = {"origin": self.repo.origin, "type": self.repo.type.value, "repo": self.repo.path, "rev": self.rev}
        return named | {
            "bytes": self.bytes,
            "holders": list(self.holders),
            "failing": list(self.failing),
            "target": self.target,
            "missing": self.missing,
            "lost": lost,
            "deceived": way_json(self.ways[0]) if self.ways else None,
        }


@dataclass(frozen=True, slots=True)
class Whole:
    """The smallest derailment numbers of all that was looked at, None where there is nothing.

    lost: the repository that is lost first; deceived: the easiest way to deceive a reader, about `about`; missing: copies that
    are missing in all; unprotected: bytes of revisions that are lost with one member.
    """

    lost: RepoStatus | None
    deceived: Way | None
    about: str
    missing: int
    unprotected: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Copies of members' revisions in one state. bytes: of their files as far as known; moved: bytes fetched for them."""

    revisions: int
    bytes: int
    moved: int

    @property
    def spared(self) -> int:
        """Bytes that nobody had to be asked for, because their chunks were here."""
        return max(0, self.bytes - self.moved)

    def json(self) -> dict[str, int]:
        """Return the JSON form."""
        return {"revisions": self.revisions, "bytes": self.bytes, "moved": self.moved, "spared": self.spared}


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """How the node and its federations stand.

    policy: the name of the one that readers are taken to apply, and source: where it is from; repos: those that everybody may
    see, at most so many as were asked for; next: number after which the rest begins, None at the end; copies: of members'
    revisions at this node, by state; alarms: the newest open ones, without evidence.
    """

    origin: Origin
    now: int
    size: int
    policy: str
    source: str
    members: tuple[MemberStatus, ...]
    cosigned: tuple[Cosigning, ...]
    repos: tuple[RepoStatus, ...]
    next: int | None
    whole: Whole
    remarks: tuple[str, ...]
    copies: Mapping[str, Progress]
    alarms: tuple[Alarm, ...]
    alarm_count: int

    def json(self) -> dict[str, Any]:
        """Return the JSON form."""
        whole, lost = self.whole, self.whole.lost
        raised = [{"kind": one.kind, "log": one.origin, "at": _time(one.created_at), "says": one.says} for one in self.alarms]
        worst = None if lost is None else lost.json()["lost"] | {"repo": lost.repo.path}
        easiest = None if whole.deceived is None else way_json(whole.deceived) | {"about": whole.about}
        return {
            "origin": self.origin,
            "time": rfc3339(self.now),
            "log": {"size": self.size},
            "policy": {"name": self.policy, "source": self.source},
            "members": [one.json() for one in self.members],
            "cosigned": [one.json() for one in self.cosigned],
            "repos": [one.json() for one in self.repos],
            "next": self.next,
            "whole": {"lost": worst, "deceived": easiest, "missing": whole.missing, "unprotectedBytes": whole.unprotected},
            "remarks": list(self.remarks),
            "copies": {state: one.json() for state, one in self.copies.items()},
            "alarms": {"open": self.alarm_count, "newest": raised},
        }


def way_json(way: Way) -> dict[str, Any]:
    """Return the JSON form of a way to deceive."""
    return {"members": way.number, "who": list(way.members), "way": way.kind, "says": way.says, "better": way.better}


def _time(seconds: int) -> str | None:
    return rfc3339(seconds) if seconds else None
