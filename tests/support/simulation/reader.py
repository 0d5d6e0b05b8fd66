"""A reader in the simulation: he trusts a federation, verifies with the real code, and remembers on disk.

His policy follows from the list of members that he has: the quorums that stand as many liars as there are members enough for, and
one signer more than that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support.evidence import MAIN
from tests.support.simulation.lineage import Known, Lineage
from tests.support.simulation.network import Network, Wire
from tests.support.simulation.simlog import SimLog

from hanse.errors import HanseError
from hanse.flows.federation.roots import with_roots
from hanse.flows.federation.trusted import _roots
from hanse.flows.loaded_policy import LoadedPolicy, complete
from hanse.flows.pins import Pins, read_pins
from hanse.flows.shown_log import ShownLog
from hanse.flows.trust import Trust, Wanted
from hanse.flows.verify import VerifiedRevision, verify_revision
from hanse.flows.verify_folder import keep
from hanse.model.evidence import LogEvidence, MapEvidence, encode_evidence, parse_evidence
from hanse.model.listed_advisories import AdvisoriesEvidence
from hanse.model.repo import Origin, RepoId
from hanse.policy.parse import parse_policy
from hanse.tlog.tlogpolicy import smallest_quorum

DAY = 86_400
_POLICY = """
policy = 1
base = "careful"
[signers]
need = {signers}
of = "all"
[witness]
need = {quorum}
of = "all"
[mirror]
need = {quorum}
of = "all"
[advisories]
need = {warnings}
of = "all"
maps = {maps}
max_age = "1d"
stale = "refuse"
[groups.all]
members = [{members}]
"""


def faulty(members: int) -> int:
    """Return how many liars a federation of so many members stands: with 3f + 1 others for each log, f."""
    return max(0, (members - 2) // 3)


def quorum(members: int) -> int:
    """Return how many cosigners a reader asks for."""
    return smallest_quorum(members - 1, faulty(members))


def warners(members: int) -> int:
    """Return how many members' warnings refuse: more than may lie, and never one alone."""
    return max(2, faulty(members) + 1)


@dataclass(frozen=True)
class Taken:
    """What a reader accepted as the latest. heads: size and root of each log he was shown that a quorum of witnesses cosigned."""

    reader: str
    at: int
    members: frozenset[str]
    origin: str
    seq: int
    rev: str
    tree: str
    heads: dict[str, tuple[int, bytes]]


@dataclass
class Bag:
    """What somebody carries to a reader: bundles, logs, map proofs, advisories, and the proof that a log goes on."""

    bundles: list[bytes] = field(default_factory=list)
    logs: list[LogEvidence] = field(default_factory=list)
    maps: list[MapEvidence] = field(default_factory=list)
    advisories: list[AdvisoriesEvidence] = field(default_factory=list)
    branches: dict[str, tuple[SimLog, int]] = field(default_factory=dict)


class SimReader:
    """One reader."""

    def __init__(self, name: str, folder: Path, network: Network, lineage: Lineage) -> None:
        self.name = name
        self.home = folder / name
        self.wire = Wire(network, name)
        self.known = Known(lineage)
        self.taken: list[Taken] = []
        self.refused: list[HanseError] = []
        self.maps = '"quorum"'
        self._trust: tuple[int, Trust, LoadedPolicy] | None = None

    @property
    def members(self) -> frozenset[str]:
        """Who is a member as far as he knows."""
        return frozenset(self.known.federation.members.members)

    def update(self, *others: str) -> None:
        """Walk to the newest list that these have."""
        self.known.walk(self.wire, others)

    def read(self, repo: RepoId, bag: Bag, now: int) -> VerifiedRevision | None:
        """Verify what is carried to him as the latest of a repository; return what he accepted."""
        trust, policy = self._trusting(now)
        pins = {Origin(origin): read_pins(self.home, Origin(origin)) for origin in bag.branches}
        growth = {origin: proof for origin, one in pins.items() if (proof := _growth(bag, one)) is not None}
        want = Wanted(repo.origin, repo.type, repo.folded, ref=MAIN)
        try:
            evidence = parse_evidence(encode_evidence(bag.bundles, bag.logs, bag.maps, advisories=bag.advisories))
            found = verify_revision(evidence, replace(trust, pins=pins, growth=growth, ask_growth=True), policy, want, now)
            keep(self.home, found, now)
        except HanseError as error:
            self.refused.append(error)
            return None
        heads = {str(one.origin): (one.checkpoint.size, one.checkpoint.root) for one in found.logs if self._cosigned(one)}
        seq = found.position.seq if found.position else 0
        self.taken.append(Taken(self.name, now, self.members, repo.origin, seq, found.rev, found.tree, dict(heads)))
        return found

    def _cosigned(self, log: ShownLog) -> bool:
        names = {cosigner.member for cosigner, _ in log.witnesses} & self.members
        return len(names - {log.origin}) >= quorum(len(self.members))

    def _trusting(self, now: int) -> tuple[Trust, LoadedPolicy]:
        federation = self.known.federation
        federation.trusted.check_current(now)
        if self._trust is None or self._trust[0] != id(federation):
            members = federation.members.members
            text = _POLICY.format(
                signers=faulty(len(members)) + 1,
                quorum=quorum(len(members)),
                warnings=warners(len(members)),
                maps=self.maps,
                members=", ".join(f'"{one}"' for one in members),
            )
            trust = with_roots(Trust(), _roots([federation], now))
            self._trust = id(federation), trust, complete(parse_policy(text), "simulation", self.home)
        return self._trust[1], self._trust[2]


def _growth(bag: Bag, pins: Pins) -> tuple[bytes, ...] | None:
    log, size = bag.branches[pins.origin]
    old = pins.log.size if pins.log else 0
    if not old or old == size:
        return () if old else None
    small, large = sorted((old, size))
    try:
        return log.growth(small, large)
    except (HanseError, KeyError):
        return None
