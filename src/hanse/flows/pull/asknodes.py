"""What nodes know of a name: each is asked for its evidence file, all at once, and what they show is verified together.

A node is a carrier. What it shows is checked; that it shows nothing counts only if every node says so. A file that is false by
itself is left out and its node named, so that one liar cannot stop the others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from hanse.errors import (
    Equivocation,
    GatedRepo,
    HanseError,
    InputError,
    PeerError,
    PeerMisbehaved,
    PolicyError,
    StorageError,
    VerificationFailed,
)
from hanse.flows.fetch_evidence import MAX_RECALL, asking, fetch_growth, own_logs, seen_before
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.pins import Pins
from hanse.flows.pull.answers import NodeAnswer, State
from hanse.flows.pull.asked import Asked, PullSettings
from hanse.flows.pull.histories import two_histories
from hanse.flows.pull.judge import PENDING
from hanse.flows.pull.merge import Rank, Shown, longest, merge, most_cosigned, split_views
from hanse.flows.verify import UNSHOWN, VerifiedRevision, lacks_cosignatures, with_policy
from hanse.flows.verify_folder import Growth, Question, Verifying, keep, trust_of, verify_evidence
from hanse.model.digest import is_git_oid
from hanse.model.evidence import GATED, MAX_EVIDENCE_BYTES, LogEvidence
from hanse.model.repo import Origin
from hanse.peers.client import Answer, PeerClient, in_words
from hanse.policy.presets import PRESETS

_LENIENT = LoadedPolicy(PRESETS["open"], "preset open")
_KEEP = "keep both checkpoints: they prove that the log has two histories"


def ask_node(client: PeerClient, node: str, asked: Asked, token: str, home: Path | None = None) -> NodeAnswer:
    """Return what a node says about a question; never raises what a node can cause. home: HANSE_HOME, if it remembers logs."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    base = f"{node}/api/{asked.repo.type.plural}/{asked.repo.path}"
    url = f"{base}/evidence/{quote(asked.revision, safe='')}"
    try:
        answer = client.get(url, limit=MAX_EVIDENCE_BYTES, headers=headers)
        if answer.status == 200:
            if seen := seen_before(answer.body, home):
                with suppress(PeerError):  # what it showed already stays
                    again = client.get(asking(url, seen), limit=MAX_EVIDENCE_BYTES, headers=headers)
                    answer = again if again.status == 200 else answer
            if says := in_words(answer.headers.get("x-hanse-recalled", ""), MAX_RECALL):
                return NodeAnswer(node, State.RECALLED, answer.body, says, rev=_commit(answer, asked))
            state, limited = State.SHOWN if answer.body.strip() else State.UNSIGNED, GATED in answer.headers
            return NodeAnswer(node, state, answer.body, limited=limited)
        if token and answer.status == 401:
            return ask_node(client, node, asked, "", home)
        return _refusal(client, node, asked, answer)
    except PeerError as error:
        return NodeAnswer(node, State.DOWN, says=error.message, error=error)


def _refusal(client: PeerClient, node: str, asked: Asked, answer: Answer) -> NodeAnswer:
    status, (code, says) = answer.status, _told(answer.body)
    says = says or f"status {status}"
    if code == "Recalled":
        return NodeAnswer(node, State.RECALLED, says=says, rev=_commit(answer, asked))
    if code == "RevisionNotFound":
        return NodeAnswer(node, State.ABSENT, says=says, revision=True)
    if code == "GatedRepo":
        return NodeAnswer(node, State.GATED, says=says, error=GatedRepo(says, anonymous=status == 401))
    if status in (401, 404):
        taken = _claims(client, node, asked.repo.namespace)
        return NodeAnswer(node, State.CLAIMED if taken else State.ABSENT, says=says)
    error = PeerMisbehaved(f"{node} answers {status} when asked for evidence: {says}"[:400])
    return NodeAnswer(node, State.DOWN, says=error.message, error=error)


def _commit(answer: Answer, asked: Asked) -> str:
    """Return the commit id that an answer about a name says it is about, empty if it says none."""
    rev = answer.headers.get("x-repo-commit", "")
    return rev if is_git_oid(rev) and not asked.pinned else ""


def _claims(client: PeerClient, node: str, namespace: str) -> bool:
    """Tell whether a node says that a key of its log answers for a namespace."""
    answer = client.get(f"{node}/v1/namespaces/{quote(namespace, safe='')}/keys", limit=1 << 20)
    with suppress(ValueError, RecursionError):
        told = json.loads(answer.body) if answer.status == 200 else None
        return bool(told.get("keys") if isinstance(told, dict) else told)
    return False


def _told(body: bytes) -> tuple[str, str]:
    """Return the code and the reason of a refusal."""
    with suppress(ValueError, RecursionError):
        said = json.loads(body[:10_000])
        if type(said) is dict:
            return str(said.get("code", ""))[:60], in_words(said.get("error", ""))
    return "", ""


@dataclass(frozen=True, slots=True)
class Found:
    """A verified revision.

    data: the evidence it was verified with; false: node -> why what it shows was left out; older: (node, origin) that show a log
    at an older state.
    """

    revision: VerifiedRevision
    data: bytes
    false: Mapping[str, str]
    older: tuple[tuple[str, Origin], ...] = ()


class NodeGrowth(Growth, Protocol):
    """Where proofs come from that logs go on: any node, or one of them."""

    def of(self, node: str) -> Growth:
        """Return where the proofs of one node's view come from."""
        ...


class NodesGrowth:
    """The growth of logs from whichever node has it."""

    online = True

    def __init__(self, client: PeerClient, nodes: Sequence[str]) -> None:
        self._client = client
        self._nodes = nodes

    def growth(self, logs: Iterable[LogEvidence], pins: Mapping[Origin, Pins]) -> dict[Origin, tuple[bytes, ...]]:
        """Return the proofs between pinned and shown checkpoints, as far as any node has them."""
        left, found = list(logs), dict[Origin, tuple[bytes, ...]]()
        for node in self._nodes:
            found |= fetch_growth(self._client, node, left, pins)
            left = [one for one in left if one.origin not in found]
            if not left:
                break
        return found

    def own_logs(self) -> frozenset[Origin]:
        """Return the origins of the nodes' own logs, as they say."""
        return own_logs(self._client, self._nodes)

    def of(self, node: str) -> NodesGrowth:
        """Return the growth as one node shows it."""
        return NodesGrowth(self._client, [node] if node in self._nodes else [])


class NoGrowth:
    """No network: whether logs went on from where they were is not known."""

    online = False

    def growth(self, _: Iterable[LogEvidence], __: Mapping[Origin, Pins]) -> dict[Origin, tuple[bytes, ...]]:
        """Return nothing."""
        return {}

    def own_logs(self) -> frozenset[Origin]:
        """Return nothing."""
        return frozenset()

    def of(self, _: str) -> NoGrowth:
        """Return the same."""
        return self


def verifying_with(settings: PullSettings, now: int) -> Verifying:
    """Return what a puller verifies evidence with at `now`: files that were not scanned yet are scanned later."""
    found = Verifying(settings.policy, settings.home, now, scans=(PENDING,), federations=settings.federations)
    return replace(found, silent=settings.silent)


def verify_shown(shown: Sequence[Shown], asked: Asked, settings: PullSettings, source: NodeGrowth, now: int) -> Found:
    """Return the revision that several evidence files show together.

    Where a log is shown at a checkpoint that too few cosigned yet, an earlier one does that is shown as well.

    Raises VerificationFailed or PolicyError for what is left once false files are left out, Equivocation if a log shows two
    nodes two histories, StorageError.
    """
    question = Question(asked.repo.path, asked.repo.type, asked.revision)
    with_what = verifying_with(settings, now)
    try:
        return _sufficing(shown, question, source, with_what)
    except (VerificationFailed, PolicyError, InputError) as failure:
        false = _false(shown, question, source, with_what)
        honest = [one for one in shown if one.node not in false]
        if not honest or not false:
            raise
        try:
            found = _sufficing(honest, question, source, with_what)
        except (VerificationFailed, PolicyError, InputError):
            raise failure from None
        return replace(found, false={**false, **found.false})


def _sufficing(shown: Sequence[Shown], question: Question, source: NodeGrowth, verifying: Verifying) -> Found:
    """Return what files show together; with logs at checkpoints that most cosigned if nothing else is amiss with the longest."""
    try:
        return _together(shown, question, source, verifying)
    except PolicyError as failure:
        if len(shown) == 1 or not lacks_cosignatures(failure):
            raise
        try:
            return _together(shown, question, source, verifying, _by_cosigners(shown, verifying))
        except (VerificationFailed, PolicyError, InputError):
            raise failure from None


def _by_cosigners(shown: Sequence[Shown], verifying: Verifying) -> Callable[[LogEvidence], Rank]:
    """Return the order of checkpoints by how many known cosigners vouched for them lately."""
    trust = with_policy(trust_of(merge(shown).evidence, NoGrowth(), verifying), verifying.policy)
    return most_cosigned((one.key for one in trust.cosigners), verifying.now - verifying.policy.policy.freshness.max_age)


def _together(
    shown: Sequence[Shown],
    question: Question,
    source: NodeGrowth,
    verifying: Verifying,
    rank: Callable[[LogEvidence], Rank] = longest,
) -> Found:
    """Return what files show together; one of those that differ about a log is false, or the log has two histories."""
    merged = merge(shown, rank)
    false = dict(merged.false)
    split = split_views(shown)
    if split:
        false |= _false(shown, question, source, verifying)
        if not false:
            origin, one, other = split[0]
            raise Equivocation(
                f"{origin} shows two nodes two logs of one size",
                evidence=(one, other),
                hint=_KEEP,
            )
    honest = [one for one in shown if one.node not in false]
    if len(honest) != len(shown) and honest:
        merged = merge(honest, rank)
    revision = verify_evidence(merged.evidence, source, question, verifying)
    differ = merged.older or rank is not longest
    apart = _apart(revision, honest, source) if differ else None
    if apart is None:
        return Found(revision, merged.data, false, merged.older)
    out = _false(honest, question, source, verifying)
    rest = [one for one in honest if one.node not in out]
    if not out or not rest:
        raise apart
    found = _together(rest, question, source, verifying, rank)
    return replace(found, false={**false, **out, **found.false})


def _apart(revision: VerifiedRevision, shown: Sequence[Shown], source: NodeGrowth) -> Equivocation | None:
    """Return what is wrong if the log that answers for the name shows nodes two histories, which a longer one may hide."""
    log = next((one for one in revision.logs if revision.repo is not None and one.origin == revision.repo.origin), None)
    other = None if log is None else two_histories(log.verified, shown, [source.of(one.node) for one in shown])
    if log is None or other is None:
        return None
    says = f"{log.origin} shows two nodes two logs, of which none continues the other"
    return Equivocation(says, evidence=(log.note, other), hint=_KEEP)


def _false(shown: Sequence[Shown], question: Question, source: NodeGrowth, verifying: Verifying) -> dict[str, str]:
    """Return the nodes whose files are false by themselves, and why."""
    lenient = replace(verifying, policy=_LENIENT)
    said = {one.node: _falsehood(one, question, source.of(one.node), lenient) for one in shown}
    return {node: says for node, says in said.items() if says}


def _falsehood(one: Shown, question: Question, source: Growth, verifying: Verifying) -> str:
    """Return what is false in one node's file by itself, empty if nothing is; what it lacks others may show."""
    try:
        evidence = one.evidence
    except HanseError as error:
        return error.message
    try:
        if evidence.bundles:
            verify_evidence(evidence, source, question, verifying)
    except VerificationFailed as error:
        false = [says for says in error.failed if not says.startswith(("revision", "policy")) or UNSHOWN in says]
        return "; ".join(false)[:1000]
    except PolicyError:
        return ""
    return ""


def remember_found(home: Path, found: VerifiedRevision, now: int) -> str:
    """Remember what was verified; return why that could not be done, empty if it was. Raises RolledBack or Equivocation."""
    try:
        keep(home, found, now)
    except StorageError as error:
        return f"what was seen cannot be remembered, so that going back behind it would not be noticed: {error.message}"
    return ""
