"""What an audit says, as an in-toto Statement: a member was asked for random ranges of files that its log says it holds.

It is evidence of serving, not proof of storing: whoever answered may have fetched the range from somebody else at that moment.
The ranges follow from a seed that neither side chooses alone (`seed_of`), so that anybody who has both logs can draw them again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from hanse.model.canonical import canonical
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.predicates import AUDIT
from hanse.model.repo import Origin, RepoId
from hanse.sign.statement import Statement, revision_subject, timestamp

LABEL = "evidence of serving, not proof of storing"


@dataclass(frozen=True, slots=True)
class Seed:
    """What an audit is drawn from.

    auditor, member: origins of their logs; own, theirs: size and root (hex) of the auditor's log as others last cosigned it, and
    of the member's log as the auditor holds it; number: how many audits of this member there were before.
    """

    auditor: Origin
    member: Origin
    own: tuple[int, str]
    theirs: tuple[int, str]
    number: int

    @property
    def digest(self) -> bytes:
        """The 32 bytes that everything is drawn from."""
        return hashlib.sha256(b"hanse audit v1\n" + canonical(self.json())).digest()

    def json(self) -> dict[str, object]:
        """Return the JSON form."""
        logs = {"own": {"size": self.own[0], "root": self.own[1]}, "theirs": {"size": self.theirs[0], "root": self.theirs[1]}}
        return {"auditor": self.auditor, "member": self.member, **logs, "number": self.number}

    def point(self) -> str:
        """Return the commit id from which on the revision is looked for."""
        return hashlib.sha256(self.digest + b"revision").hexdigest()[:40]

    def draw(self, sample: int, bound: int) -> int:
        """Return the position of a sample, from 0 to `bound` - 1, as even as 256 bits make it."""
        return int.from_bytes(hashlib.sha256(self.digest + b"sample" + sample.to_bytes(4, "big")).digest(), "big") % bound


@dataclass(frozen=True, slots=True)
class Sample:
    """A range that was asked for. xet: of the file; start, end: bytes; outcome: served, absent, silent or false."""

    path: str
    xet: XetHash
    start: int
    end: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Record:
    """How audits of a member stand.

    asked, served: so far; row: how often in a row it went as it did the last time; failing: it does not count as a holder.
    """

    asked: int
    served: int
    row: int
    failing: bool


def audit_statement(
    repo: RepoId, rev: GitOid, tree: Sha256, *, seed: Seed, samples: Sequence[Sample], record: Record, time: int
) -> Statement:
    """Return what the audit of a revision at `time` found, and how audits of the member stand."""
    drawn = [{"path": one.path, "xet": one.xet, "start": one.start, "end": one.end, "outcome": one.outcome} for one in samples]
    stand = {"asked": record.asked, "served": record.served, "inARow": record.row, "failing": record.failing}
    said = {"label": LABEL, "auditedOn": timestamp(time), "seed": seed.json(), "samples": drawn, "record": stand}
    return Statement((revision_subject(repo, rev, tree),), AUDIT, said)
