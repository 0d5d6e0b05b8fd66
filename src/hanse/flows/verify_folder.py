"""Verifying a folder: evidence from a file or a node, what was seen before, the policy, and the files themselves.

1. Hashing has begun already (`hanse.flows.local_files.Hashing`); everything below happens meanwhile.
2. The evidence is read or fetched, and with it proofs that logs go on from where they were.
3. The revision is verified (`hanse.flows.verify`).
4. What was verified is remembered: it may not be contradicted from now on.
5. The files are compared with the signed manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from hanse.errors import BadFormat, BadRepoId, HanseError, PolicyError, VerificationFailed
from hanse.flows.federation.known import known_roots
from hanse.flows.federation.roots import Roots, with_roots
from hanse.flows.federation.seen import FOLDER
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.local_files import Checked, Expected, Hashing, compare
from hanse.flows.pins import LogSeen, NameSeen, Pins, read_pins, remember
from hanse.flows.shown_log import ShownLog, cosigners_in
from hanse.flows.trust import Cosigner, Trust, Wanted, mirror_name
from hanse.flows.veil import CLEAR, Veil
from hanse.flows.verified_facts import earlier_keys
from hanse.flows.verify import VerifiedRevision, falls_short, pin_of, seen_by, verify_revision
from hanse.model.decision import Scanned
from hanse.model.digest import GitOid, Sha256, is_git_oid
from hanse.model.evidence import LogEvidence, MapName, UnverifiedEvidence, parse_evidence
from hanse.model.publickey import PublicKey
from hanse.model.repo import Origin, RepoId, RepoType, branch_ref, parse_origin, parse_repo_id, tag_ref
from hanse.store.outfile import replace_file
from hanse.tlog.note import parse_note, parse_vkey

_ANY = Origin("any")


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be verified. repo: `namespace/name`; revision: a commit id, a name, or a full ref.

    What is None is whatever the evidence is about; own_file: name of the evidence inside the folder, if it lies there.
    """

    repo: str | None = None
    type: RepoType = RepoType.MODEL
    revision: str | None = None
    origin: Origin | None = None
    tree: Sha256 | None = None
    own_file: str = ""


class Growth(Protocol):
    """Where proofs come from that logs go on from where they were. online: a node was asked, which must show them."""

    @property
    def online(self) -> bool:
        """Whether a node is asked for the evidence."""
        ...

    def growth(self, logs: Iterable[LogEvidence], pins: Mapping[Origin, Pins]) -> dict[Origin, tuple[bytes, ...]]:
        """Return the proofs between pinned and shown checkpoints, as far as they can be had."""
        ...

    def own_logs(self) -> frozenset[Origin]:
        """Return the origins of the logs of the nodes that are asked, as they say."""
        ...


class Source(Growth, Protocol):
    """Where evidence comes from."""

    def evidence(self, question: Question) -> bytes:
        """Return the evidence file; raises NotFoundError or PeerError."""
        ...

    def later(self, question: Question, data: bytes) -> Iterator[bytes]:
        """Yield newer files than `data`, after a pause each, as long as there may be any; raises as `evidence`."""
        ...


@dataclass(frozen=True, slots=True)
class FileSource:
    """Evidence that is here already, and no network."""

    data: bytes
    online: bool = False

    def evidence(self, _: Question) -> bytes:
        """Return the file's bytes."""
        return self.data

    def later(self, _: Question, __: bytes) -> Iterator[bytes]:
        """Yield nothing: a file stays what it is."""
        return iter(())

    def growth(self, _: Iterable[LogEvidence], __: Mapping[Origin, Pins]) -> dict[Origin, tuple[bytes, ...]]:
        """Return nothing: whether logs went on from where they were is not known."""
        return {}

    def own_logs(self) -> frozenset[Origin]:
        """Return nothing: no node was asked."""
        return frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verified revision, and what its files here are."""

    revision: VerifiedRevision
    files: Checked
    evidence: bytes


def verify_folder(
    hashing: Hashing,
    source: Source,
    question: Question,
    *,
    policy: LoadedPolicy,
    home: Path,
    now: int,
    keys: tuple[PublicKey, ...] = (),
    silent: frozenset[Origin] = frozenset(),
    waiting: Callable[[], None] = lambda: None,
) -> Outcome:
    """Return what was verified; files that are not what they must be are in its `files`, not an error.

    home: HANSE_HOME; keys: of signers, named by hand; silent: members who were asked now and did not answer; waiting: called
    once only the files are left. Raises VerificationFailed or
    PolicyError with everything that failed, NotFoundError or PeerError if there is no evidence, StorageError.
    """
    try:
        # 2. and 3.
        found, data = _shown(source, question, Verifying(policy, home, now, keys, silent=silent))
        # 4.
        keep(home, found, now)
    except BaseException:
        hashing.stop()
        raise
    # 5.
    waiting()
    expected = {file.path: Expected(file.sha256, file.size) for file in found.files}
    return Outcome(found, compare(hashing.listing, hashing.result(), expected), data)


def _shown(source: Source, question: Question, verifying: Verifying) -> tuple[VerifiedRevision, bytes]:
    """Return what a source shows, and its file; one that is behind what was seen is asked again for a moment."""
    data = source.evidence(question)
    try:
        return verify_evidence(parse_evidence(data), source, question, verifying), data
    except (VerificationFailed, PolicyError) as failure:
        for newer in source.later(question, data) if falls_short(failure) else ():
            with suppress(VerificationFailed, PolicyError):
                return verify_evidence(parse_evidence(newer), source, question, verifying), newer
        raise


@dataclass(frozen=True, slots=True)
class Verifying:
    """What evidence is verified with.

    home: HANSE_HOME, whose pins count; now: seconds; keys: of signers, named by hand; scans: made here; federations: the folder
    of those that are trusted, None for the one in HANSE_HOME; silent: members who were asked now and did not answer.
    """

    policy: LoadedPolicy
    home: Path
    now: int
    keys: tuple[PublicKey, ...] = ()
    scans: tuple[Scanned, ...] = ()
    federations: Path | None = None
    silent: frozenset[Origin] = frozenset()

    @property
    def roots(self) -> Roots:
        """What federations vouch for now; raises StorageError, or BadProof if one of them has expired."""
        return known_roots(self.federations or self.home / FOLDER, self.now)


def verify_evidence(evidence: UnverifiedEvidence, source: Growth, question: Question, verifying: Verifying) -> VerifiedRevision:
    """Return what evidence shows, verified against what was seen before; nothing is remembered (`keep` does that).

    Raises VerificationFailed or PolicyError with everything that failed, StorageError for pins that cannot be read, BadProof for
    a federation that has expired.
    """
    trust = trust_of(evidence, source, verifying)
    want = wanted(question, evidence, verifying.roots)
    return verify_revision(evidence, trust, verifying.policy, want, verifying.now)


def trust_of(evidence: UnverifiedEvidence, source: Growth, verifying: Verifying) -> Trust:
    """Return what a verifier starts from: what was seen before, how logs went on since, whom federations vouch for.

    Raises StorageError, or BadProof for a federation that has expired.
    """
    pins = {origin: read_pins(verifying.home, origin) for origin in _origins(evidence)}
    growth = source.growth(evidence.logs, pins)
    known = pinned_cosigners(pins.values())
    trust = Trust(cosigners=known, keys=verifying.keys, pins=pins, growth=growth, ask_growth=source.online, scans=verifying.scans)
    trust = with_roots(replace(trust, silent=verifying.silent), verifying.roots)
    strangers = {log.origin for log in evidence.logs} - trust.logs.keys() - {one for one, pin in pins.items() if pin.log}
    return replace(trust, meet=source.own_logs()) if strangers else trust


def _origins(evidence: UnverifiedEvidence) -> set[Origin]:
    """Return the origins that the evidence is about: of logs, of names in maps, of cosigners; what was seen of them matters."""
    found = {log.origin for log in evidence.logs}
    named = [one.key[1] for one in evidence.maps if one.map is MapName.REFS]
    for log in evidence.logs:
        with suppress(HanseError):
            named += [line.name.rpartition("/")[0] for line in parse_note(log.checkpoint).signatures]
    for text in named:
        with suppress(BadRepoId):
            found.add(parse_origin(text))
    return found


def pinned_cosigners(pins: Iterable[Pins]) -> tuple[Cosigner, ...]:
    """Return the witnesses and mirrors that known logs have registered."""
    return tuple(
        Cosigner(parse_vkey(text), one.origin, mirror=text.startswith(f"{mirror_name(one.origin)}+"))
        for one in pins
        for text in sorted(one.cosigners)
    )


def wanted(question: Question, evidence: UnverifiedEvidence, roots: Roots) -> Wanted:
    """Return what is to be verified.

    A repository without a revision means what its `main` points at; a name is a branch, or else a tag, as the evidence has it.
    Who must answer for a name is whom the question says, else the member that a federation gave the namespace to.
    """
    if question.repo is None:
        if question.revision is not None and not is_git_oid(question.revision):
            raise BadFormat("a name of a revision needs the repository", hint="add --repo, or name a commit id")
        rev = None if question.revision is None else GitOid(question.revision)
        return Wanted(question.origin, rev=rev, tree=question.tree, own_file=question.own_file)
    repo = parse_repo_id(_ANY, question.type, question.repo)
    origin = question.origin or roots.owner(repo.path)
    named = Wanted(origin, question.type, repo.folded, tree=question.tree, own_file=question.own_file)
    revision = question.revision or "main"
    return replace(named, rev=GitOid(revision)) if is_git_oid(revision) else replace(named, ref=_full(revision, evidence))


def _full(name: str, evidence: UnverifiedEvidence) -> str:
    if name.startswith("refs/"):
        return name
    shown = {one.key[-1] for one in evidence.maps if one.map is MapName.REFS and one.value is not None}
    veils = (CLEAR, *(Veil(one.salt) for one in evidence.salts))
    branch, tag = ({veil.hide("ref", ref) for veil in veils} for ref in (branch_ref(name), tag_ref(name)))
    return tag_ref(name) if tag & shown and not branch & shown else branch_ref(name)


def keep(home: Path, found: VerifiedRevision, now: int) -> None:
    """Remember what was verified: logs, the revision's tree, the ref's position, the owner's key.

    Raises RolledBack or Equivocation if something newer that was seen meanwhile says otherwise, StorageError.
    """
    remember(home, logs_seen(found.logs), _name(found, found.repo) if found.repo else None, now)


def logs_seen(logs: Iterable[ShownLog]) -> tuple[LogSeen, ...]:
    """Return verified logs as pins remember them."""
    return tuple(
        LogSeen(
            log.origin,
            tuple(key.text for key in log.keys),
            log.checkpoint.size,
            log.checkpoint.root,
            log.note,
            consistent=log.consistent,
            distrusted=log.book.distrusted,
            cosigners=frozenset(one.key.text for one in cosigners_in(log)),
        )
        for log in logs
    )


def _name(found: VerifiedRevision, repo: RepoId) -> NameSeen:
    position = found.position
    return NameSeen(
        repo.origin,
        repo.type,
        repo.folded,
        found.rev,
        Sha256(found.tree),
        position.ref if position else "",
        pin_of(position, found.rev, found.tree) if position and position.leaf and not position.observers else None,
        found.owner.public.fingerprint if found.owner else "",
        seen_by(position, found.rev, found.tree) if position and position.observers else None,
        earlier=earlier_keys(found.logs, repo, found.owner),
    )


def save_evidence(path: Path, outcome: Outcome) -> None:
    """Write the evidence that was verified; raises StorageError."""
    replace_file(path, outcome.evidence)
