"""A world of five members in memory, with real keys, logs, proofs and engines, and readers who keep what they saw on disk.

`a.example` publishes, `b.example` attests what it publishes, and everybody else witnesses and mirrors each log as the engines of
a node do: a witness asks for consistency, a mirror replays. Readers verify evidence files under one policy that stands `FAULTY`
cosigners. An attack changes one thing: what the operator writes, what is shown to whom, or who is corrupt. `check` looks at
everything afterwards: at what was accepted, at what honest cosigners signed, and at what readers remember.
"""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

from tests.support.evidence import MAIN, Member, Revision
from tests.support.tiledlog import TiledLog

from hanse.errors import HanseError, IntegrityError, PolicyError, RolledBack, VerificationFailed
from hanse.flows.pins import LogSeen, NameSeen, Pins, read_pins, remember
from hanse.flows.policies import LoadedPolicy, complete
from hanse.flows.trust import Cosigner, Trust, Wanted, mirror_name, witness_name
from hanse.flows.verify import VerifiedRevision, pin_of, verify_revision
from hanse.model.digest import GitOid, Sha256
from hanse.model.evidence import encode_evidence, parse_evidence
from hanse.model.key_leaf import KeyUse
from hanse.model.leaf_fields import Payload
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, RepoOp, RevKind
from hanse.model.repo import Origin, RefName, RepoId, RepoType
from hanse.model.trust_leaf import AdvisoryLeaf, AdvisoryOp
from hanse.policy.parse import parse_policy
from hanse.sign.oms import manifest_statement
from hanse.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from hanse.tlog.cosignature import cosign, cosigner_key
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

    def pins(self) -> dict[Origin, Pins]:
        """Return what he remembers."""
        return {Origin(name): read_pins(self.home, Origin(name)) for name in NAMES}

    def read(self, served: Served, now: int) -> bool:
        """Verify what is shown; tell whether it was accepted."""
        pins = self.pins()
        growth = {}
        old = pins[served.log.origin].log
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
            self._remember(found, now)
        except HanseError as error:
            self.refused.append((served, error))
            return False
        self.accepted.append((now, served, found))
        return True

    def _remember(self, found: VerifiedRevision, now: int) -> None:
        assert found.repo is not None
        logs = []
        for log in found.logs:
            vkeys = tuple(key.text for key in log.keys)
            head = log.checkpoint
            seen = LogSeen(log.origin, vkeys, head.size, head.root, log.note, log.consistent, log.book.distrusted)
            logs.append(seen)
        at = found.position
        position = pin_of(at, found.rev, found.tree) if at and at.leaf else None
        owner = found.owner.public.fingerprint if found.owner else ""
        repo = found.repo
        name = NameSeen(repo.origin, repo.type, repo.folded, found.rev, Sha256(found.tree), at.ref if at else "", position, owner)
        remember(self.home, tuple(logs), name, now)


class World:
    """Everybody. truth: what the owner published, with the time; now: seconds since 1970."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = START
        self.policy = POLICY
        self.members = {name: Institution(name) for name in NAMES}
        keys = {name: one.vkey for name, one in self.members.items()}
        self.watchers = {name: Watcher(one, keys) for name, one in self.members.items()}
        self.readers: dict[str, Reader] = {}
        self.truth: list[tuple[int, Revision]] = []
        self.seconds: dict[str, list[tuple[Institution, bytes, int]]] = {}

    @property
    def home(self) -> Institution:
        """The member that publishes."""
        return self.members[HOME]

    # What honest people do.

    def publish(
        self, content: bytes = b"weights", *, second: bool = True, log: Institution | None = None, wanted: bool = True
    ) -> Revision:
        """Publish a revision at home, as the owner wants it (unless said otherwise), and let the second member attest it."""
        self.now += 60
        log = log or self.home
        log.time = self.now
        revision = log.publish(NAME, {"model.safetensors": content, "config.json": b"{}"})
        if log is self.home and wanted:
            self.truth.append((self.now, revision))
        if second:
            self.second(revision)
        return revision

    def second(self, revision: Revision, name: str = SECOND) -> None:
        """Let another member attest a revision, whatever log it is from."""
        member = self.members[name]
        member.time = self.now
        self.seconds.setdefault(revision.rev, []).append((member, *member.attest_revision(revision)))

    def cosign(self, log: Institution, *, but: Iterable[str] = ()) -> bytes:
        """Return a log's checkpoint with the cosignatures that everybody else gives for it now."""
        lines: list[str] = []
        for name, one in self.watchers.items():
            if name != log.origin and name not in but:
                lines += one.cosign(log, self.now)
        return log.signed_head + "".join(f"{line}\n" for line in lines).encode()

    def serve(
        self,
        revision: Revision,
        log: Institution | None = None,
        *,
        checkpoint: bytes | None = None,
        pinned: bool = False,
        also: Sequence[KeyUse] = (),
    ) -> Served:
        """Return what a node would show of a revision now, after asking everybody for cosignatures.

        checkpoint: to show instead; also: key leaves of other members to show beside those of their attestation keys.
        """
        log = log or self.home
        others = self.seconds.get(revision.rev, [])
        uses = (KeyUse.ATTEST, *also)
        shown = [one.shown([index, *(one.keys[use] for use in uses)], self.cosign(one)) for one, _, index in others]
        value = (revision.seq, revision.rev, revision.tree)
        found = log.map_proof(revision.repo, revision.ref, value)
        home = log.shown(log.needed(revision), checkpoint or self.cosign(log))
        evidence = encode_evidence([revision.bundle.encode(), *(bundle for _, bundle, _ in others)], [home, *shown], [found])
        return Served(evidence, log.branch(), revision, pinned)

    def reader(self, name: str) -> Reader:
        """Return a reader, who knows everybody's keys; made when first named."""
        if name not in self.readers:
            cosigners = []
            for origin, one in self.members.items():
                for mirror, called, key in ((False, witness_name, one.witness), (True, mirror_name, one.mirror)):
                    cosigners.append(Cosigner(cosigner_key(called(origin), key.public), origin, mirror))
            logs = {Origin(origin): (one.vkey,) for origin, one in self.members.items()}
            policy = complete(parse_policy(self.policy), "world", self.folder)
            self.readers[name] = Reader(name, self.folder / name, Trust(logs, tuple(cosigners)), policy)
        return self.readers[name]

    def show(self, name: str, served: Served) -> bool:
        """Show something to a reader; tell whether he accepts it."""
        return self.reader(name).read(served, self.now)

    def corrupt(self, *names: str) -> None:
        """Make witnesses and mirrors sign whatever they are asked to."""
        for name in names:
            self.watchers[name].corrupt = True

    # What became of it.

    def lies(self) -> list[str]:
        """Return who accepted what its owner did not publish, or as latest what was not for longer than a day."""
        found = []
        for reader in self.readers.values():
            for at, served, verified in reader.accepted:
                times = {revision.rev: time for time, revision in self.truth}
                later = [time for time, _ in self.truth if verified.rev in times and time > times[GitOid(verified.rev)]]
                old = not served.pinned and any(time < at - DAY for time in later)
                if verified.rev not in times or old:
                    found.append(f"{reader.name} accepted {verified.rev}")
        return found

    def refused_by(self) -> set[str]:
        """Return which kinds of parties refused something."""
        watchers = [one for one in self.watchers.values() if not one.corrupt]
        found = {"witnesses"} if any(one.refused for one in watchers) else set()
        found |= {"mirrors"} if any(one.refused_mirror for one in watchers) else set()
        return found | ({"readers"} if any(reader.refused for reader in self.readers.values()) else set())

    def noticed_by(self) -> set[str]:
        """Return which kinds of parties have something to show: two heads, a false leaf, an alarm."""
        honest = [one for one in self.watchers.values() if not one.corrupt]
        found = {"witnesses"} if any(one.refused for one in honest) else set()
        alarmed = any(replay.alarms for one in honest for replay in one.replays.values())
        found |= {"mirrors"} if alarmed or any(one.refused_mirror for one in honest) else set()
        errors = [error for reader in self.readers.values() for _, error in reader.refused]
        found |= {"readers"} if any(_tells(error) for error in errors) else set()
        return found | ({"readers who compare"} if self.contradictions() else set())

    def errors(self) -> list[str]:
        """Return what everybody said who refused something."""
        told = [f"{name} as witness: {one.message}" for name, who in self.watchers.items() for one in who.refused]
        told += [f"{name} as mirror: {one.message}" for name, who in self.watchers.items() for one in who.refused_mirror]
        return told + [f"{name}: {one.message}" for name, who in self.readers.items() for _, one in who.refused]

    def contradictions(self) -> list[str]:
        """Return pairs of heads that readers accepted of one log and that are not of one log."""
        heads: list[tuple[str, Checkpoint, Institution]] = []
        for reader in self.readers.values():
            for _, served, verified in reader.accepted:
                heads += [(reader.name, one.checkpoint, served.log) for one in verified.logs if one.origin == served.log.origin]
        return [f"{one[0]} and {other[0]}" for one, other in combinations(heads, 2) if not _one_log(one, other)]

    def check(self) -> None:
        """Check the whole world: honest cosigners signed one log of each member, and nobody's memory went back."""
        for watcher in self.watchers.values():
            for origin, heads in watcher.heads.items():
                assert [one.size for one in heads] == sorted(one.size for one in heads), f"{origin} went back"
            for origin, replay in watcher.replays.items():
                assert not replay.size or replay.frontier.root in {one.root for one in watcher.heads[origin]}
        for reader in self.readers.values():
            sizes = [one.checkpoint.size for _, _, verified in reader.accepted for one in verified.logs if one.origin == HOME]
            pins = reader.pins()
            pinned = pins[Origin(HOME)].log
            assert (pinned.size if pinned else 0) == max(sizes, default=0), f"{reader.name} forgot"
            positions = [verified.position.seq for _, _, verified in reader.accepted if verified.position is not None]
            assert positions == sorted(positions), f"{reader.name} went back"
            for _, _, verified in reader.accepted:
                assert pins[Origin(HOME)].tree(RepoType.MODEL, NAME, verified.rev) == verified.tree


def _tells(error: HanseError) -> bool:
    """Tell whether a refusal names something false, and not only something that is missing or not what was asked for."""
    if isinstance(error, PolicyError):
        return any(one.startswith(("owner-change", "pins", "tree")) for one in error.failed)
    return not isinstance(error, VerificationFailed) or any(not one.startswith(("revision", "policy")) for one in error.failed)


def _one_log(one: tuple[str, Checkpoint, Institution], other: tuple[str, Checkpoint, Institution]) -> bool:
    """Tell whether two heads are of one log, by the proof that the log behind the larger one gives."""
    (_, old, _), (_, new, log) = sorted((one, other), key=lambda item: item[1].size)
    try:
        verify_consistency(old.size, old.root, new.size, new.root, log.growth(old.size, new.size))
    except HanseError:
        return False
    return True
