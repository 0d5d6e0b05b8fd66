"""What a policy looks at and what it answers: verified facts in, a decision with every rule's result out.

`EvidenceFacts` are plain values. Whoever makes them has verified every signature, proof and cosignature they rest on; the policy
engine only counts, compares and explains. All times are seconds since 1970, keys are named by fingerprint
(`hanse.model.publickey`), members and logs by origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from hanse.errors import PolicyError
from hanse.model.evaluated import Countersigned, Evaluated
from hanse.model.finding import Coverage, Verdict

AGREED = 2
"""Fewer members than this never count as agreement, whatever a policy asks."""


class Rung(str, Enum):
    """How much a statement is worth, from the lowest step of the ladder on; ordered by `rank`.

    local: first seen here, pinned, scanned here; attested: one member or the owner signed; agreed: m members signed the same
    tree; witnessed: so did they, and others cosigned each of their logs.
    """

    LOCAL = "local"
    ATTESTED = "attested"
    AGREED = "agreed"
    WITNESSED = "witnessed"

    @property
    def rank(self) -> int:
        """Position on the ladder, 0 for local."""
        return list(Rung).index(self)


def runs(origin: str, name: str) -> bool:
    """Tell whether a key of this name is of the operator of log `origin`: the same host, or one below it.

    Key names and origins are schema-less URLs; case does not matter.
    """
    host = name.partition("/")[0].lower()
    own = origin.partition("/")[0].lower()
    return host == own or host.endswith(f".{own}")


class Want(str, Enum):
    """What was asked for: what a ref points at now; a commit id; a commit id or ref together with its `tree`."""

    LATEST = "latest"
    REVISION = "revision"
    PINNED = "pinned"


class NameKind(str, Enum):
    """Who answers for a name: a member that owns it; observers of an upstream; the home of a non-public one; nobody."""

    OWNED = "owned"
    MIRRORED = "mirrored"
    PRIVATE = "private"
    BARE = "bare"


class Known(str, Enum):
    """Where a log's key, or a name's owner key, is known from.

    configured: a trust root or the policy names it; pinned: the same as at an earlier use; new: never met before; changed:
    another than the pinned one.
    """

    CONFIGURED = "configured"
    PINNED = "pinned"
    NEW = "new"
    CHANGED = "changed"


class OwnerChange(str, Enum):
    """Whether the owner key of a name changed: never; handed over by a transfer leaf; without one."""

    NONE = "none"
    TRANSFERRED = "transferred"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Signed:
    """A verified attestation over the wanted tree.

    member: who signed, empty if only the key is known; key: fingerprint; log: origin of the log that has it, empty if none;
    owner: the key answers for the name; held: the owner holds it himself.
    """

    member: str
    key: str
    log: str = ""
    owner: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A verified cosignature of a checkpoint. name: of the note key; member: its operator, empty if unknown; time: as signed."""

    name: str
    key: str
    time: int
    member: str = ""


@dataclass(frozen=True, slots=True)
class Quorum:
    """How a checkpoint stands to the tlog-policy written for its log.

    time: the newest T such that the cosignatures since T meet it, None if all of them do not; says: what is missing.
    """

    time: int | None
    says: str = ""


@dataclass(frozen=True, slots=True)
class LogFacts:
    """One log at one verified checkpoint.

    time: of its newest leaf, in its operator's word; home: it answers for the name; current: its map of refs, proved under this
    checkpoint, has the wanted ref at the wanted revision and tree; advisories: its map of advisories is proved there; keys:
    fingerprints that are its operator's own and never count as others; witness, mirror: for logs with a tlog-policy of their own.
    """

    origin: str
    size: int
    time: int | None = None
    known: Known = Known.NEW
    home: bool = False
    current: bool = False
    advisories: bool = False
    witnesses: tuple[Cosigned, ...] = ()
    mirrors: tuple[Cosigned, ...] = ()
    witness: Quorum | None = None
    mirror: Quorum | None = None
    keys: frozenset[str] = frozenset()
    silent_since: int | None = None


@dataclass(frozen=True, slots=True)
class Scanned:
    """The worst that a scan of the wanted tree says. member: whose scan, empty for one made here."""

    member: str
    verdict: Verdict
    coverage: Coverage
    key: str = ""


@dataclass(frozen=True, slots=True)
class NewerList:
    """A newer version of a federation's list than the known one, named by the logs of as many members as can make one.

    federation: its name; role: `root` or `targets`; known, version: the known one, and the newest that so many name; members:
    whose logs name a newer one; since: the time at which so many did, by their leaves.
    """

    federation: str
    role: str
    known: int
    version: int
    members: tuple[str, ...]
    since: int


@dataclass(frozen=True, slots=True)
class Advised:
    """An advisory in force about the wanted revision.

    member: origin of the log that has it; kind: as `hanse.model.advisory` names it; blocks: enough members' word for this kind
    refuses; own: it is by the publisher of the name; known: where the log's key is known from.
    """

    member: str
    id: str
    kind: str
    summary: str
    blocks: bool = True
    own: bool = False
    known: Known = Known.CONFIGURED


@dataclass(frozen=True, slots=True)
class EvidenceFacts:
    """Everything that is known, and verified, about a revision when a policy judges it.

    now: the time to judge by; repo, rev, tree: for messages; owner: where the name's owner key is known from; rivals: members in
    the largest group that says another revision is current; evaluations, countersigned: records about the wanted tree, and what
    members say of them; newer: versions of members' lists that are not known here; advised: advisories about it; members: how
    many members' logs are configured, 0 if none is.
    """

    now: int
    want: Want
    kind: NameKind
    repo: str = ""
    rev: str = ""
    tree: str = ""
    signatures: tuple[Signed, ...] = ()
    logs: tuple[LogFacts, ...] = ()
    scans: tuple[Scanned, ...] = ()
    owner: Known = Known.NEW
    owner_change: OwnerChange = OwnerChange.NONE
    tree_changed: bool = False
    rivals: int = 0
    evaluations: tuple[Evaluated, ...] = ()
    countersigned: tuple[Countersigned, ...] = ()
    newer: tuple[NewerList, ...] = ()
    advised: tuple[Advised, ...] = ()
    members: int = 0


class Result(str, Enum):
    """How one rule ended."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule's answer. rule: its stable name; says: what was found; remedy: what would make it pass, empty if it did."""

    rule: str
    result: Result
    says: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        found = {"rule": self.rule, "result": self.result.value, "says": self.says}
        return found | ({"remedy": self.remedy} if self.remedy else {})


class State(str, Enum):
    """A decision in one word; stale: accepted, but nothing recent says so."""

    ACCEPTED = "accepted"
    STALE = "stale"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy says about a revision, with the result of every rule.

    policy: its name; rung: what the evidence reaches; stale_since: the last time at which enough others vouched for it, where
    that is too long ago for the policy.
    """

    policy: str
    rung: Rung
    results: tuple[RuleResult, ...]
    stale_since: int | None = None

    @property
    def failed(self) -> tuple[RuleResult, ...]:
        """The rules that did not hold."""
        return tuple(one for one in self.results if one.result is Result.FAILED)

    @property
    def warnings(self) -> tuple[RuleResult, ...]:
        """The rules that held, with something to be said."""
        return tuple(one for one in self.results if one.result is Result.WARNED)

    @property
    def state(self) -> State:
        """Accepted, stale or refused; a decision on no rule at all is a refusal."""
        if self.failed or not self.results:
            return State.REFUSED
        return State.ACCEPTED if self.stale_since is None else State.STALE

    def require(self) -> None:
        """Return if the revision may be used; raises PolicyError, which lists every failed rule and its remedy."""
        if self.state is not State.REFUSED:
            return
        lines = tuple(f"{one.rule}: {one.says}" for one in self.failed) or ("policy: no rule was applied",)
        remedies = "; ".join(one.remedy for one in self.failed if one.remedy)
        raise PolicyError(f"policy {self.policy!r} refuses: {' | '.join(lines)}", failed=lines, hint=remedies)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        found: dict[str, Any] = {"policy": self.policy, "state": self.state.value, "rung": self.rung.value}
        if self.stale_since is not None:
            found["staleSince"] = self.stale_since
        return found | {"results": [one.to_json() for one in self.results]}
