"""A member's log in the simulation: written as a node writes it, with what its maps were at every size, and with branches.

A liar's log has branches that it shows to different people, or maps that are not what its leaves lead to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.support.evidence import MAIN, Revision
from tests.support.parties import Institution
from tests.support.signers import MemorySigner, signer
from tests.support.warning import take_back, warn

from hanse.flows.newer_lists import newest_of
from hanse.model.evidence import LeafEvidence, LogEvidence, MapEvidence, MapName
from hanse.model.key_leaf import KeyUse
from hanse.model.leaf import parse_leaf
from hanse.model.trust_leaf import MemberLeaf
from hanse.tlog.checkpoint import sign_checkpoint
from hanse.tlog.map import MerkleMap, ref_key
from hanse.tlog.proof import inclusion_proof

MODEL = "model"


@dataclass(frozen=True)
class Moment:
    """What a log says at one of its sizes.

    snapshot: index of the newest one, -1 before; revision: what main points at, None before; said: its advisories in force.
    """

    size: int
    refs: MerkleMap
    snapshot: int
    revision: Revision | None
    false: bool
    said: Mapping[str, bytes]


class SimLog(Institution):
    """One log, or one branch of it."""

    def __init__(self, origin: str, start: int) -> None:
        self.moments: dict[int, Moment] = {}
        self.attested: dict[str, tuple[bytes, int]] = {}
        self.rotated: dict[KeyUse, int] = {}
        self.false = False
        self.said: dict[str, bytes] = {}
        super().__init__(origin)
        self.time = start

    @property
    def model(self) -> str:
        """The path of the member's one model."""
        return f"{self.origin.partition('.')[0]}/{MODEL}"

    def note_moment(self, revision: Revision | None, *, false: bool = False) -> None:
        """Remember what the log says at its present size. false: it is not what its leaves lead to, and stays so."""
        size = len(self.log.leaves)
        self.false = self.false or false
        self.moments[size] = Moment(size, self.refs, self.last_snapshot(), revision, self.false, dict(self.said))

    def last_snapshot(self) -> int:
        """Return the index of the newest snapshot leaf, -1 if there is none."""
        return next((at for at in reversed(range(len(self.log.leaves))) if b'"kind":"snapshot"' in self.log.leaves[at]), -1)

    def issue(self, name: str, statement: bytes, now: int) -> None:
        """Issue an advisory."""
        self.time = max(self.time, now)
        self.said |= warn(self, statement, name)
        self.note_moment(self.main)

    def take_back(self, name: str, now: int) -> None:
        """Withdraw an advisory."""
        self.time = max(self.time, now)
        take_back(self, self.said.pop(name), name)
        self.note_moment(self.main)

    def put(self, content: bytes, now: int) -> Revision:
        """Publish a revision."""
        self.time = max(self.time, now - 100)
        made = self.publish(self.model, {"model.safetensors": content, "config.json": b"{}"})
        self.note_moment(made)
        return made

    def carry(self, leaves: Iterable[bytes]) -> None:
        """Log leaves that are about no model, as one batch each, which ends in a snapshot."""
        for leaf in leaves:
            self.log.append([leaf])
            self.snapshot()
            self.note_moment(self.main)

    def forget(self, refs: MerkleMap) -> MerkleMap:
        """Return the map of refs without the model's main branch."""
        repo = self.repo(self.model)
        return refs.apply([], [ref_key(repo.origin, repo.type, repo.folded, MAIN)])

    def stand_still(self, old: Revision, content: bytes, now: int, *, omit: bool) -> None:
        """Publish a revision that the map does not show: main stays at an old one there, or is left out."""
        self.lie = self.forget if omit else self.stay(old)
        self.put(content, now)
        self.lie = lambda refs: refs
        self.note_moment(old, false=True)

    def second(self, revision: Revision, now: int) -> None:
        """Attest another member's revision."""
        self.time = max(self.time, now)
        self.attested[revision.rev] = self.attest_revision(revision)
        self.snapshot()
        self.note_moment(self.main)

    @property
    def main(self) -> Revision | None:
        """What main points at."""
        return self.moments[max(self.moments)].revision if self.moments else None

    def rotate(self, use: KeyUse) -> MemorySigner:
        """Hand a key over to a new one, which is returned."""
        count = self.rotated.get(use, 0) + 1
        self.rotated[use] = count
        old = {KeyUse.LOG: self.log_signer, KeyUse.WITNESS: self.witness, KeyUse.MIRROR: self.mirror}[use]
        new = signer(f"{self.origin} {use.value} {count}")
        self.add_key(new, use, by=old)
        if use is KeyUse.LOG:
            self.log_signer = new
        elif use is KeyUse.WITNESS:
            self.witness = new
        else:
            self.mirror = new
        self.snapshot()
        self.note_moment(self.main)
        return new

    def fork(self) -> SimLog:
        """Return a branch that goes on by itself."""
        other = self.branch()
        assert isinstance(other, SimLog)
        other.moments, other.attested = dict(self.moments), dict(self.attested)
        other.rotated, other.said = dict(self.rotated), dict(self.said)
        return other

    # What evidence shows of it.

    def show(
        self, size: int, note: bytes, extra: Iterable[int] = (), *, home: bool = False
    ) -> tuple[LogEvidence, MapEvidence | None]:
        """Return the log under a checkpoint of one of its sizes, with these leaves; home: and those that its own main needs."""
        moment = self.moments[size]
        indices = {self.keys[KeyUse.ATTEST], *extra, *self._lists(size)}
        indices |= set(range(moment.snapshot, size)) if moment.snapshot >= 0 else set()
        proof = None
        if moment.revision is not None and home:
            repo = moment.revision.repo
            indices |= {self.keys[KeyUse.REF], *self.names[repo.namespace], *moment.revision.at}
            found = moment.refs.prove(ref_key(repo.origin, repo.type, repo.folded, MAIN)).encode()
            fields = ("ref", repo.origin, repo.type.value, repo.folded, MAIN)
            value = (moment.revision.seq, moment.revision.rev, moment.revision.tree)
            proof = MapEvidence(self.origin, MapName.REFS, fields, value, found)
        leaves = tuple(
            LeafEvidence(index, self.log.leaves[index], inclusion_proof(index, size, self.log.read))
            for index in sorted(one for one in indices if one < size)
        )
        return LogEvidence(self.origin, note, leaves), proof

    def _lists(self, size: int) -> set[int]:
        """Return the leaves about the newest lists of members, as a node shows them."""
        found = [(at, parse_leaf(data)) for at, data in enumerate(self.log.leaves[:size]) if b'"kind":"member"' in data]
        told = ((at, leaf) for at, leaf in found if isinstance(leaf, MemberLeaf))
        return newest_of((at, leaf.federation or "", leaf.role.value, leaf.version) for at, leaf in told)

    def signed_note(self, size: int) -> bytes:
        """Return the log's own checkpoint of one of its sizes, signed with its newest key."""
        return sign_checkpoint(self.log.head(size), self.log_signer)

    def has(self, size: int, root: bytes) -> bool:
        """Tell whether this branch had the root at the size."""
        return self.log.roots.get(size) == root
