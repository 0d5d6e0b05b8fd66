"""A world of five members in memory, with real keys, logs, proofs and engines, and readers who keep what they saw on disk.

`a.example` publishes, `b.example` attests what it publishes, and everybody else witnesses and mirrors each log as the engines of
a node do: a witness asks for consistency, a mirror replays. Readers verify evidence files under one policy that stands `FAULTY`
cosigners. An attack changes one thing: what the operator writes, what is shown to whom, or who is corrupt. `check` looks at
everything afterwards: at what was accepted, at what honest cosigners signed, and at what readers remember.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

from tests.support.evidence import Revision
from tests.support.parties import (
    DAY,
    HOME,
    NAME,
    NAMES,
    POLICY,
    SECOND,
    START,
    Institution,
    Reader,
    Served,
    Watcher,
)

from hanse.errors import HanseError, PolicyError, VerificationFailed
from hanse.flows.loaded_policy import complete
from hanse.flows.trust import Cosigner, Trust, mirror_name, witness_name
from hanse.model.digest import GitOid
from hanse.model.evidence import encode_evidence
from hanse.model.key_leaf import KeyUse
from hanse.model.repo import Origin, RepoType
from hanse.policy.parse import parse_policy
from hanse.tlog.checkpoint import Checkpoint
from hanse.tlog.cosignature import cosigner_key
from hanse.tlog.proof import verify_consistency


class World:
    """Everybody. truth: what the owner published, with the time; now: seconds since 1970."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = START
        self.policy = POLICY
        self.forgetful = False
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
        also: Sequence[int] = (),
        bundles: Sequence[bytes] = (),
    ) -> Served:
        """Return what a node would show of a revision now, after asking everybody for cosignatures.

        checkpoint: to show instead; also: leaves of others' logs to show besides; bundles: to show besides.
        """
        log = log or self.home
        others = self.seconds.get(revision.rev, [])
        shown = [one.shown([index, one.keys[KeyUse.ATTEST], *also], self.cosign(one)) for one, _, index in others]
        value = (revision.seq, revision.rev, revision.tree)
        found = log.map_proof(revision.repo, revision.ref, value)
        home = log.shown(log.needed(revision), checkpoint or self.cosign(log))
        given = [revision.bundle.encode(), *(bundle for _, bundle, _ in others), *bundles]
        evidence = encode_evidence(given, [home, *shown], [] if pinned else [found])
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
            self.readers[name] = Reader(name, self.folder / name, Trust(logs, tuple(cosigners)), policy, forgetful=self.forgetful)
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
        found = [f"{reader.name} went back" for reader in self.readers.values() if reader.went_back]
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
