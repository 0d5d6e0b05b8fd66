"""Verification of a revision: from an evidence file and what the verifier knows to a `VerifiedRevision`, or every reason why not.

1. **log**: every shown log is opened (`hanse.flows.shown_log`): its signature, its leaves, its snapshot, its maps, what was seen
   of it before. One that contradicts what was seen counts for nothing; only if the name is of its own does that refuse.
2. **cosigners**: cosignatures of known witnesses and mirrors verify.
3. **statement**: every signed statement is what a leaf lists or a named key signed (`hanse.flows.attested`).
4. **revision**: the evidence is about one revision: the wanted one, or what the wanted ref points at.
5. **manifest**: the signed manifest of that revision lists files from which its `tree` is computed again.
6. **ref**: the position of the ref is signed by who answers for the namespace, and is not older than one seen before.
7. **seen**: the revision has the tree it had before.
8. **policy**: what is verified by now is enough for the policy (`hanse.policy.decide`).

Every step is taken as far as it can be, and every failure is listed. `now` is an argument; nothing here reads a file, a clock or
the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import InitVar, dataclass, replace
from typing import Final

from hanse.errors import BadProof, HanseError, PolicyError, RolledBack, VerificationFailed
from hanse.flows.attested import Aside, Attested, implied, open_bundle
from hanse.flows.fitting import UNSIGNED, counts, fits, hidden, nothing, tree_of
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.pins import Observed, RefPin, check_observed, check_ref, check_tree
from hanse.flows.position import Position, find_position, home_of
from hanse.flows.shown_advisories import with_advisories
from hanse.flows.shown_keys import KeyRecord
from hanse.flows.shown_log import ShownLog, cosigners_in, open_logs, with_cosigners
from hanse.flows.trust import Cosigner, Trust, Wanted
from hanse.flows.veil import CLEAR, Veil, veil_of
from hanse.flows.verified_facts import gather_facts, owner_key
from hanse.model.decision import Decision, EvidenceFacts
from hanse.model.evidence import UnverifiedEvidence
from hanse.model.repo import Origin, RepoId
from hanse.policy.decide import decide, require
from hanse.policy.rules import Threshold
from hanse.sign.oms import Manifest, ManifestFile, parse_manifest
from hanse.sign.statement import OMS
from hanse.tlog.note import ED25519

CLOCK_SECONDS = 3600
"""Cosignatures that are further ahead than this are remarked on."""
UNSHOWN = "does not show that its log"
"""What is said of a log that may be a fork of the one seen before."""
_SHORT = "and was seen with more"
_COSIGNED = frozenset({"witness", "mirror", "freshness", "advisories", "evidence", "rung"})


class _Seal:
    """What only this file can show, so that a type checker and the running program both refuse anybody else."""


_SEAL: Final = _Seal()


@dataclass(frozen=True, slots=True)
class VerifiedRevision:
    """A revision that was verified and is good enough for a policy. Only `verify_revision` makes these.

    repo: None for a bundle that names none (then rev and tree are empty); files: every file it has; position: of the wanted
    ref, else None; owner: key of the namespace, as far as it is shown; attested: the statements about it; notices: what a reader
    should know besides the decision's warnings. Raises TypeError if made elsewhere.
    """

    repo: RepoId | None
    rev: str
    tree: str
    files: tuple[ManifestFile, ...]
    position: Position | None
    owner: KeyRecord | None
    attested: tuple[Attested, ...]
    logs: tuple[ShownLog, ...]
    facts: EvidenceFacts
    decision: Decision
    notices: tuple[str, ...]
    made_by: InitVar[_Seal]

    def __post_init__(self, made_by: _Seal) -> None:
        if made_by is not _SEAL:
            raise TypeError("a VerifiedRevision is made by verify_revision only")


def verify_revision(evidence: UnverifiedEvidence, trust: Trust, policy: LoadedPolicy, want: Wanted, now: int) -> VerifiedRevision:
    """Return the wanted revision, verified at `now` (seconds since 1970) by the steps at the top of this file.

    Raises VerificationFailed, which lists every step that failed; PolicyError, which lists every rule, if all is true and yet not
    enough for the policy.
    """
    steps = _Steps(evidence, trust, policy, want, now)
    steps.open_logs()
    steps.check_cosigners()
    steps.open_bundles()
    steps.find_revision()
    steps.check_manifest()
    steps.check_ref()
    steps.check_seen()
    return steps.judge()


def lacks_cosignatures(failure: HanseError) -> bool:
    """Tell whether a policy refuses nothing but what a checkpoint fails that too few cosigned, and is true otherwise."""
    return isinstance(failure, PolicyError) and {says.partition(":")[0] for says in failure.failed} <= _COSIGNED


def falls_short(failure: HanseError) -> bool:
    """Tell whether evidence may be refused only because logs are shown shorter than they were seen: it may hold soon."""
    short = isinstance(failure, VerificationFailed) and any(_SHORT in says or UNSHOWN in says for says in failure.failed)
    return short or lacks_cosignatures(failure)


class _Steps:
    """The steps of one verification; each leaves behind what the later ones need, and its failures in `failed`."""

    def __init__(self, evidence: UnverifiedEvidence, trust: Trust, policy: LoadedPolicy, want: Wanted, now: int) -> None:
        self.evidence = evidence
        self.now = now
        self.trust = with_policy(trust, policy)
        self.policy = policy
        self.want = want
        self.failed, self.notices = list[str](), list[str]()
        self.apart: Mapping[Origin, str] = {}
        self.logs, self.attested = list[ShownLog](), list[Attested]()
        self.aside = False
        self.manifest: Manifest | None = None
        self.repo: RepoId | None = None
        self.rev = self.tree = ""
        self.position: Position | None = None
        self.veil = CLEAR

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Turn an error in the block into one line of `failed`."""
        try:
            yield
        except HanseError as error:
            self.failed.append(f"{name}: {error.message}")

    def open_logs(self) -> None:
        """Step 1."""
        opened = open_logs(self.evidence, self.trust)
        self.logs = [with_advisories(log, self.evidence.advisories) for log in opened.logs]
        self.apart = opened.apart
        self.failed += opened.failed
        for log in self.logs:
            self._remark(log)

    def _remark(self, log: ShownLog) -> None:
        if log.behind:
            pinned = self.trust.seen(log.origin).log
            self.notices.append(
                f"{log.origin} is shown at {log.checkpoint.size} leaves, and was seen with {pinned.size if pinned else 0} before"
            )
        if not log.consistent and not self.trust.ask_growth:
            self.notices.append(f"{log.origin} was not shown to continue the log that was seen before; that needs the network")
        self.notices += [f"alarm: {one}" for one in log.book.alarms]

    def check_cosigners(self) -> None:
        """Step 2. Keys of cosigners come from the policy, from the verifier, and from known logs among those shown."""
        known = (*self.trust.cosigners, *(one for log in self.logs for one in cosigners_in(log)))
        opened = []
        for log in self.logs:
            with self.step(f"cosigners of {log.origin}"):
                opened.append(with_cosigners(log, known))
        self.logs = opened

    def open_bundles(self) -> None:
        """Step 3."""
        veils = (CLEAR, *(Veil(one.salt) for one in self.evidence.salts))
        self._open(self.evidence.bundles, veils)
        self._open(implied(self.attested, self.logs, self.evidence.times), veils)

    def _open(self, bundles: Sequence[bytes], veils: Sequence[Veil]) -> None:
        for number, data in enumerate(bundles, len(self.attested) + 1):
            with self.step(f"statement {number}"):
                found = open_bundle(data, self.logs, self.trust, veils)
                if isinstance(found, Aside):
                    self.aside = True
                    self.notices.append(found.says)
                else:
                    self.attested.append(found)

    def find_revision(self) -> None:
        """Step 4. The candidates are what manifests are about that count."""
        with self.step("revision"):
            signed = [one for one in self.attested if one.statement.predicate_type == OMS]
            found = [(one, parse_manifest(one.verified, own_file=self.want.own_file)) for one in signed]
            manifests = [(one, manifest) for one, manifest in found if counts(one.log, manifest.repo, self.trust)]
            named = [manifest for _, manifest in manifests if fits(manifest, self.want)]
            if not named:
                others = [manifest for _, manifest in manifests]
                seen = self.evidence.bundles and (found or self.aside or self.failed)
                says = nothing(others, self.want) if seen else UNSIGNED
                raise BadProof(says, hint="get the evidence of what you want")
            if self.want.ref:
                named = self._follow(named, self.want.ref)
            said = {(one.repo, one.rev, one.tree) for one in named}
            if len(said) != 1:
                raise BadProof(
                    f"the evidence has manifests of {len(said)} such revisions, not of one", hint="name one with --revision"
                )
            self.manifest, self.repo = named[0], named[0].repo
            self.rev, self.tree = named[0].rev or "", named[0].tree or ""
            if self.repo is not None:
                self.veil = veil_of(self.evidence.salts, self.repo)
            self._leave_strangers()

    def _leave_strangers(self) -> None:
        """Drop logs that count for nothing: never met before, or not shown to be what they were; fail if the name's own is so."""
        dropped: list[Origin] = []
        for log in self.logs:
            mine = self.repo is not None and log.origin == self.repo.origin
            unshown = not log.consistent and self.trust.ask_growth
            says = f"{log.origin} {UNSHOWN} of {log.checkpoint.size} leaves continues the one seen before"
            if unshown and mine:
                raise BadProof(says)
            if unshown or not counts(log, self.repo, self.trust):
                dropped.append(log.origin)
                unmet = f"the log {log.origin} was never met before"
                self.notices.append(f"{says if unshown else unmet}, so nothing in it counts")
        self.logs = [log for log in self.logs if log.origin not in dropped]
        self.attested = [one for one in self.attested if one.member not in dropped]

    def _follow(self, named: list[Manifest], ref: str) -> list[Manifest]:
        """Return the manifests of what the ref points at."""
        repo = named[0].repo
        if repo is None or any(one.repo != repo for one in named):
            raise BadProof(f"what {ref} points at can be verified of one named repository only")
        veil = veil_of(self.evidence.salts, repo)
        self.position = found = find_position(self.logs, repo, ref, veil, fresh=self._fresh)
        fitting = [one for one in named if hidden(one, veil) == (found.rev, found.tree)]
        if not fitting:
            raise BadProof(f"{ref} points at {found.rev[:12]}, of which the evidence has no manifest", hint="get new evidence")
        return fitting

    def check_manifest(self) -> None:
        """Step 5. A manifest of another tool names no tree; its files are all that it says."""
        if self.manifest is None or self.manifest.revision is None:
            return
        with self.step("manifest"):
            found = tree_of(self.manifest.files)
            if found != self.tree:
                raise BadProof(f"the files of the manifest make tree {found}, and it is signed for {self.tree}")

    def check_ref(self) -> None:
        """Step 6. Without a wanted ref there is nothing to be older than."""
        position, repo = self.position, self.repo
        if position is None or repo is None:
            return
        with self.step("ref"):
            log = position.log
            if log.behind:
                raise RolledBack(f"{log.origin} is shown at {log.checkpoint.size} leaves {_SHORT}: this is not the latest")
            if position.observers:
                need = max(part.need for part in self.policy.policy.signers.parts or (Threshold(1),))
                seen = seen_by(position, self.rev, self.tree)
                check_observed(self.trust.seen(repo.origin), repo.type, repo.folded, position.ref, seen, need=need)
            elif position.leaf is not None:
                found = pin_of(position, self.rev, self.tree)
                check_ref(self.trust.seen(repo.origin), repo.type, repo.folded, position.ref, found, consistent=log.consistent)
            if not position.signed and not position.observers:
                self.notices.append(
                    f"position {position.seq} of {position.ref} is from before the node had keys: nobody signed it"
                )

    def check_seen(self) -> None:
        """Step 7."""
        if self.repo is not None:
            with self.step("seen"):
                check_tree(self.trust.seen(self.repo.origin), self.repo.type, self.repo.folded, self.rev, self.tree)

    def _fresh(self, log: ShownLog) -> bool:
        """Tell whether somebody cosigned a log lately; where nobody ever did, its own newest leaf tells."""
        times = [time for _, time in (*log.witnesses, *log.mirrors)]
        return max(times, default=log.time or 0) >= self.now - self.policy.policy.freshness.max_age

    def _time(self, now: int) -> int:
        """Return the time to judge by: the later of the local clock and the newest cosignature by somebody known."""
        newest = max((time for log in self.logs for _, time in (*log.witnesses, *log.mirrors)), default=now)
        if newest > now + CLOCK_SECONDS:
            self.notices.append(f"a cosignature is {(newest - now) // 60:,} minutes ahead of this machine's clock: check it")
        return max(now, newest)

    def judge(self) -> VerifiedRevision:
        """Step 8. The policy judges what is true; what is not is said with what the policy says besides."""
        home = self.repo.origin if self.repo else None
        self.failed[:0] = [says for one, says in self.apart.items() if home in (None, one)]
        self.notices += [f"alarm: {says}; nothing in it counts" for one, says in self.apart.items() if home not in (None, one)]
        about = [one for one in self.attested if self.repo is None or one.about(self.rev, self.tree)]
        facts = gather_facts(
            now=self._time(self.now),
            want=self.want,
            repo=self.repo,
            rev=self.rev,
            tree=self.tree,
            veil=self.veil,
            logs=self.logs,
            attested=about,
            position=self.position,
            trust=self.trust,
            policy=self.policy,
            files=frozenset(one.sha256 for one in self.manifest.files) if self.manifest is not None else frozenset(),
        )
        decision = decide(self.policy.policy, facts)
        if self.failed or self.manifest is None:
            told = [f"policy {one.rule}: {one.says}" for one in decision.failed]
            failed = tuple(self.failed + told)
            raise VerificationFailed(f"not verified: {'; '.join(failed)}"[:2000], failed=failed, hint="do not use it")
        require(decision, self.rev)
        owner = None if self.repo is None else owner_key(home_of(self.logs, self.repo), self.repo, self.position)
        return VerifiedRevision(
            repo=self.repo,
            rev=self.rev,
            tree=self.tree,
            files=self.manifest.files,
            position=self.position,
            owner=owner,
            attested=tuple(about),
            logs=tuple(self.logs),
            facts=facts,
            decision=decision,
            notices=tuple(self.notices),
            made_by=_SEAL,
        )


def pin_of(position: Position, rev: str, tree: str) -> RefPin:
    """Return a position as pins have it: with commit id and tree in clear."""
    return RefPin(position.log.origin, position.index, position.seq, rev, tree)


def seen_by(position: Position, rev: str, tree: str) -> Observed:
    """Return what observers agree on as pins have it."""
    return Observed(rev, tree, {str(one): seq for one, seq in position.observers.items()})


def with_policy(trust: Trust, policy: LoadedPolicy) -> Trust:
    """Return `trust` with the logs and cosigners that the tlog-policies of a policy name."""
    logs, cosigners = dict(trust.logs), list(trust.cosigners)
    for mirror, parsed in ((False, policy.witness), (True, policy.mirror)):
        for origin, one in parsed.items():
            keys = tuple(item.key for item in one.logs if item.key.name == origin and item.key.kind == ED25519)
            logs[Origin(origin)] = tuple(dict.fromkeys((*logs.get(Origin(origin), ()), *keys)))
            cosigners += [Cosigner(item.key, item.key.name.partition("/")[0], mirror) for item in one.witnesses.values()]
    return replace(trust, logs={origin: keys for origin, keys in logs.items() if keys}, cosigners=tuple(dict.fromkeys(cosigners)))
