"""Who takes part in a world of members: institutions with their logs, their witnesses and mirrors, and readers."""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support.evidence import MAIN, Member, Revision
from tests.support.tiledlog import TiledLog

from hanse.errors import HanseError, IntegrityError, RolledBack
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.pins import Pins, read_pins
from hanse.flows.trust import Trust, Wanted, mirror_name, witness_name
from hanse.flows.verify import VerifiedRevision, verify_revision
from hanse.flows.verify_folder import keep
from hanse.model.digest import GitOid, Sha256
from hanse.model.evidence import parse_evidence
from hanse.model.leaf_fields import Payload
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, RepoOp, RevKind
from hanse.model.repo import Origin, RefName, RepoId
from hanse.model.trust_leaf import AdvisoryLeaf, AdvisoryOp
from hanse.sign.oms import manifest_statement
from hanse.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from hanse.tlog.cosignature import cosign
from hanse.tlog.map import MerkleMap, advisory_key, advisory_value, ref_key, ref_value
from hanse.tlog.note import NoteKey
from hanse.tlog.proof import verify_consistency
from hanse.tlog.replay import Replay

START = 1_800_000_000
DAY = 86_400
HOME, SECOND = "a.example", "b.example"
NAMES = (HOME, SECOND, "c.example", "d.example", "e.example")
FAULTY = 1
NAME = "org/model"
POLICY = """
policy = 1
base = "careful"
[signers]
need = 2
of = "all"
[witness]
need = 3
of = "all"
[mirror]
need = 3
of = "all"
[groups.all]
members = ["a.example", "b.example", "c.example", "d.example", "e.example"]
"""
"""Each log has four others; three of four share two with any three, of whom one may lie."""


class Institution(Member):
    """A member who creates repositories before they get refs, and whose log can be branched."""

    def __init__(self, origin: str) -> None:
        super().__init__(origin, start=START - 10_000)
        self.created: set[RepoId] = set()
        self.lie: Callable[[MerkleMap], MerkleMap] = lambda refs: refs
        self.hidden: set[str] = set()

    def snapshot(self) -> int:
        """Log the roots of the maps, of refs as it pleases and of advisories without the hidden ones."""
        self.refs = self.lie(self.refs)
        return super().snapshot()

    def advise(self, name: str) -> None:
        """Publish an advisory, and what the maps are then."""
        payload = Payload(Sha256(hashlib.sha256(name.encode()).hexdigest()), len(name))
        sig = base64.b64encode(self.attest.sign(name.encode())).decode()
        self.append(AdvisoryLeaf(self.time, name, AdvisoryOp.PUBLISH, payload, self.attest.public.fingerprint, sig))
        if name not in self.hidden:
            self.advisories = self.advisories.apply([(advisory_key(name), advisory_value(payload.sha256))])
        self.snapshot()

    def forget(self, refs: MerkleMap) -> MerkleMap:
        """Return the map of refs without the model's main branch."""
        repo = self.repo(NAME)
        return refs.apply([], [ref_key(repo.origin, repo.type, repo.folded, MAIN)])

    def stay(self, old: Revision) -> Callable[[MerkleMap], MerkleMap]:
        """Return what keeps the model's main branch at an old revision in every map."""
        key = ref_key(old.repo.origin, old.repo.type, old.repo.folded, old.ref)
        return lambda refs: refs.apply([(key, ref_value(old.seq, old.rev, old.tree))])

    def set_ref(
        self, repo: RepoId, rev: GitOid, tree: Sha256, *, ref: RefName = MAIN, kind: RevKind = RevKind.COMPUTED, sign: bool = True
    ) -> tuple[RefLeaf, int]:
        """Log a position of a ref, of a repository that is logged to exist."""
        if repo not in self.created:
            if repo.origin == self.origin and repo.namespace not in self.names:
                self.name(repo.namespace)
            self.append(RepoLeaf(self.time, repo.origin, repo.type, repo.folded, RepoOp.CREATE))
            self.created.add(repo)
        return super().set_ref(repo, rev, tree, ref=ref, kind=kind, sign=sign)

    def attest_revision(self, revision: Revision) -> tuple[bytes, int]:
        """Attest another member's revision in the own log; return the bundle and the index of the leaf."""
        statement = manifest_statement(revision.repo.path, revision.files, revision.repo, revision.rev, revision.tree)
        bundle, index = self.log_statement(statement, revision.repo, revision.rev, revision.tree)
        return bundle.encode(), index

    def branch(self) -> Institution:
        """Return a copy of the log that goes on by itself, signed with the same keys."""
        other = copy.copy(self)
        other.log = copy.copy(self.log)
        other.log.leaves, other.log.roots = list(self.log.leaves), dict(self.log.roots)
        other.log.files, other.log._edge = dict(self.log.files), dict(self.log._edge)
        other.chains, other.names, other.created = dict(self.chains), copy.deepcopy(self.names), set(self.created)
        return other

    def relog(self, leaves: Iterable[bytes]) -> None:
        """Write the log anew, with these leaves."""
        self.log = TiledLog(self.origin)
        for leaf in leaves:
            self.log.append([leaf])

    @property
    def signed_head(self) -> bytes:
        """The log's own checkpoint, without cosignatures."""
        return sign_checkpoint(self.log.head(), self.log_signer)


@dataclass
class Watcher:
    """The witness and mirror of a member. corrupt: cosigns whatever it is asked to; alarms: what it could show others."""

    member: Institution
    keys: dict[str, NoteKey]
    corrupt: bool = False
    down: bool = False
    heads: dict[str, list[Checkpoint]] = field(default_factory=dict)
    replays: dict[str, Replay] = field(default_factory=dict)
    refused: list[HanseError] = field(default_factory=list)
    refused_mirror: list[HanseError] = field(default_factory=list)

    def cosign(self, log: Institution, time: int) -> list[str]:
        """Return the signature lines for a log that is served to this member: none, as witness, or as mirror too."""
        head = open_checkpoint(log.signed_head, self.keys[log.origin]).checkpoint
        if self.down:
            return []
        lines = [cosign(head, mirror_name(self.member.origin), self.member.mirror, time)]
        if not self.corrupt:
            try:
                self._witness(log, head)
            except HanseError as error:
                self.refused.append(error)
                return []
            try:
                self._mirror(log, head)
            except HanseError as error:
                self.refused_mirror.append(error)
                lines = []
        return [cosign(head, witness_name(self.member.origin), self.member.witness, time), *lines]

    def _witness(self, log: Institution, head: Checkpoint) -> None:
        seen = self.heads.setdefault(log.origin, [])
        if seen:
            old = seen[-1]
            if old.size > head.size:
                raise RolledBack(f"{log.origin} shows {head.size} leaves and had {old.size}")
            verify_consistency(old.size, old.root, head.size, head.root, log.growth(old.size, head.size))
        seen.append(head)

    def _mirror(self, log: Institution, head: Checkpoint) -> None:
        replay = self.replays.setdefault(log.origin, Replay.start(log.origin)).clone()
        replay.append(log.log.leaves[replay.size : head.size])
        if replay.frontier.root != head.root:
            raise IntegrityError(f"the leaves of {log.origin} do not make its root")
        if not replay.covered:
            raise IntegrityError(f"the last snapshot of {log.origin} does not cover its maps")
        self.replays[log.origin] = replay


@dataclass(frozen=True)
class Served:
    """What somebody is shown: evidence, and the log that it is from, for proofs of consistency."""

    evidence: bytes
    log: Institution
    revision: Revision
    pinned: bool = False


@dataclass
class Reader:
    """Somebody who verifies, under a policy, and remembers in a folder of his own."""

    name: str
    home: Path
    trust: Trust
    policy: LoadedPolicy
    accepted: list[tuple[int, Served, VerifiedRevision]] = field(default_factory=list)
    refused: list[tuple[Served, HanseError]] = field(default_factory=list)
    forgetful: bool = False

    @property
    def went_back(self) -> bool:
        """Whether he took something for the latest after something newer."""
        positions = [verified.position.seq for _, _, verified in self.accepted if verified.position is not None]
        return positions != sorted(positions)

    def pins(self) -> dict[Origin, Pins]:
        """Return what he remembers."""
        return {Origin(name): read_pins(self.home, Origin(name)) for name in NAMES}

    def read(self, served: Served, now: int) -> bool:
        """Verify what is shown; tell whether it was accepted."""
        pins = {} if self.forgetful else self.pins()
        growth = {}
        old = pins[served.log.origin].log if pins else None
        if old is not None and old.size:
            sizes = sorted((old.size, len(served.log.log.leaves)))
            growth = {served.log.origin: served.log.growth(*sizes)} if sizes[1] == len(served.log.log.leaves) else {}
        repo = served.revision.repo
        want = Wanted(repo.origin, repo.type, repo.folded, ref=None if served.pinned else MAIN)
        if served.pinned:
            want = replace(want, rev=served.revision.rev, tree=served.revision.tree)
        try:
            trust = replace(self.trust, pins=pins, growth=growth)
            found = verify_revision(parse_evidence(served.evidence), trust, self.policy, want, now)
            if not self.forgetful:
                keep(self.home, found, now)
        except HanseError as error:
            self.refused.append((served, error))
            return False
        self.accepted.append((now, served, found))
        return True
