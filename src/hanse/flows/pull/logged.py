"""A revision that its log knows and nobody has signed yet: what `hf upload` made a moment ago.

The position of a ref, or a leaf about a commit id, is proved in the log as for a signed revision, and may not go back either.
Only the list of files is the node's word, pinned at first use; the log's `tree` is what it must turn out to have.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hanse.errors import BadProof, HanseError, RolledBack, StorageError, VerificationFailed
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.pins import NameSeen, check_ref, check_tree, remember
from hanse.flows.position import Position, find_position
from hanse.flows.shown_advisories import with_advisories
from hanse.flows.shown_log import ShownLog, cosigners_in, open_log, with_cosigners
from hanse.flows.trust import Trust, Wanted
from hanse.flows.veil import Veil, veil_of
from hanse.flows.verified_facts import earlier_keys, gather_facts, owner_key
from hanse.flows.verify import pin_of, with_policy
from hanse.flows.verify_folder import Growth, Question, Verifying, logs_seen, trust_of, wanted
from hanse.model.decision import EvidenceFacts
from hanse.model.digest import Sha256
from hanse.model.evidence import UnverifiedEvidence
from hanse.model.repo import Origin, RepoId, parse_repo_id


@dataclass(frozen=True, slots=True)
class Logged:
    """What a log proves of a revision that nobody signed. position: of the ref that is wanted, None for a commit id."""

    repo: RepoId
    log: ShownLog
    position: Position | None
    veil: Veil
    trust: Trust
    want: Wanted

    @property
    def tree(self) -> Sha256 | None:
        """The tree that the log says, None where it does not show."""
        return None if self.position is None or self.veil.salt else Sha256(self.position.tree)

    def check(self, rev: str) -> None:
        """Check a commit id that a node claims against the log; raises BadProof, or Equivocation if its tree was another."""
        hidden = self.veil.hide("rev", rev)
        known = {leaf.rev for _, leaf in self.log.positions()} if self.position is None else {self.position.rev}
        if hidden not in known:
            raise BadProof(f"{self.log.origin} does not say that {self.repo.path} is or was at {rev}")
        if self.tree is not None:
            check_tree(self.trust.seen(self.repo.origin), self.repo.type, self.repo.folded, rev, self.tree)

    def facts(self, rev: str, policy: LoadedPolicy, now: int) -> EvidenceFacts:
        """Return what a policy judges: the log and its cosigners, and no signature."""
        return gather_facts(
            now=max(now, *(time for _, time in (*self.log.witnesses, *self.log.mirrors)), 0),
            want=self.want,
            repo=self.repo,
            rev=rev,
            tree=self.tree or "",
            veil=self.veil,
            logs=[self.log],
            attested=(),
            position=self.position,
            trust=self.trust,
            policy=policy,
        )

    def remember(self, home: Path, rev: str, now: int) -> str:
        """Remember what was proved; return why that could not be done, empty if it was. Raises RolledBack or Equivocation."""
        repo, position = self.repo, self.position
        name = None
        if position is not None and position.leaf is not None and self.tree is not None:
            owner = owner_key(self.log, repo, position)
            at = pin_of(position, rev, self.tree)
            key = owner.public.fingerprint if owner else ""
            line = earlier_keys([self.log], repo, owner)
            name = NameSeen(repo.origin, repo.type, repo.folded, rev, self.tree, position.ref, at, key, earlier=line)
        try:
            remember(home, logs_seen([self.log]), name, now)
        except StorageError as error:
            return f"what was seen cannot be remembered: {error.message}"
        return ""


def verify_logged(evidence: UnverifiedEvidence, source: Growth, question: Question, verifying: Verifying) -> Logged:
    """Return what evidence without a signed list of files proves of the question; raises VerificationFailed, StorageError."""
    trust = with_policy(trust_of(evidence, source, verifying), verifying.policy)
    want = wanted(question, evidence, verifying.roots)
    failed = []
    for shown in evidence.logs:
        try:
            maps = [one for one in evidence.maps if one.origin == shown.origin]
            log = with_advisories(open_log(shown, maps, trust), evidence.advisories)
            return _found(with_cosigners(log, (*trust.cosigners, *cosigners_in(log))), evidence, trust, want, question)
        except HanseError as error:
            if isinstance(error, StorageError):
                raise
            failed.append(f"log {shown.origin}: {error.message}")
    says = "; ".join(failed) or "no log is shown"
    raise VerificationFailed(f"not verified: {says}"[:2000], failed=tuple(failed) or (says,), hint="do not use it")


def _found(log: ShownLog, evidence: UnverifiedEvidence, trust: Trust, want: Wanted, question: Question) -> Logged:
    """Return what one log proves."""
    if want.origin not in (None, log.origin):
        raise BadProof(f"{question.repo} is a name of {want.origin}, not of {log.origin}")
    if log.behind or (not log.consistent and trust.ask_growth):
        raise RolledBack(f"{log.origin} is shown at {log.checkpoint.size} leaves, which do not continue what was seen before")
    repo = _repo(log.origin, question)
    veil = veil_of(evidence.salts, repo)
    if want.ref is None:
        return Logged(repo, log, None, veil, trust, want)
    position = find_position([log], repo, want.ref, veil)
    if position.leaf is not None and not veil.salt:
        pin = pin_of(position, position.rev, position.tree)
        check_ref(trust.seen(repo.origin), repo.type, repo.folded, want.ref, pin, consistent=log.consistent)
    return Logged(repo, log, position, veil, trust, want)


def _repo(origin: Origin, question: Question) -> RepoId:
    return parse_repo_id(origin, question.type, question.repo or "")
