"""What nodes know of a name: each is asked for its evidence file, all at once, and what they show is verified together.

A node is a carrier. What it shows is checked; that it shows nothing counts only if every node says so. A file that is false by
itself is left out and its node named, so that one liar cannot stop the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from hanse.errors import (
    Equivocation,
    GatedRepo,
    HanseError,
    InputError,
    PeerError,
    PeerMisbehaved,
    StorageError,
    VerificationFailed,
)
from hanse.flows.fetch_evidence import fetch_growth
from hanse.flows.pins import Pins
from hanse.flows.policies import LoadedPolicy
from hanse.flows.pull.asked import Asked, PullSettings
from hanse.flows.pull.judge import PENDING
from hanse.flows.pull.merge import Shown, merge, split_views
from hanse.flows.verify import VerifiedRevision
from hanse.flows.verify_folder import Growth, Question, Verifying, keep, verify_evidence
from hanse.model.evidence import MAX_EVIDENCE_BYTES, LogEvidence
from hanse.model.repo import Origin
from hanse.peers.client import PeerClient
from hanse.policy.presets import PRESETS

_LENIENT = LoadedPolicy(PRESETS["open"], "preset open")


class State(str, Enum):
    """What a node makes of a question.

    shown: it has evidence; unsigned: it has the repository, and nobody signed the revision yet; absent: it has no such thing;
    claimed: it has no such thing, and the namespace is a member's; recalled: it had it, and gives it to nobody any more; gated:
    not to this caller; down: no answer.
    """

    SHOWN = "shown"
    UNSIGNED = "unsigned"
    ABSENT = "absent"
    CLAIMED = "claimed"
    RECALLED = "recalled"
    GATED = "gated"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """A node's answer. data: the evidence file if it has one; says: its reason; revision: only the revision is absent."""

    node: str
    state: State
    data: bytes = b""
    says: str = ""
    revision: bool = False
    error: HanseError | None = None


def ask_node(client: PeerClient, node: str, asked: Asked, token: str) -> NodeAnswer:
    """Return what a node says about a question; never raises what a node can cause."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    base = f"{node}/api/{asked.repo.type.plural}/{asked.repo.path}"
    try:
        answer = client.get(f"{base}/evidence/{quote(asked.revision, safe='')}", limit=MAX_EVIDENCE_BYTES, headers=headers)
        if answer.status == 200:
            return NodeAnswer(node, State.SHOWN if answer.body.strip() else State.UNSIGNED, answer.body)
        if token and answer.status == 401:
            return ask_node(client, node, asked, "")
        return _refusal(client, node, asked, answer.status, answer.body)
    except PeerError as error:
        return NodeAnswer(node, State.DOWN, says=error.message, error=error)


def _refusal(client: PeerClient, node: str, asked: Asked, status: int, body: bytes) -> NodeAnswer:
    code, says = _told(body)
    says = says or f"status {status}"
    if code == "Recalled":
        return NodeAnswer(node, State.RECALLED, says=says)
    if code == "RevisionNotFound":
        return NodeAnswer(node, State.ABSENT, says=says, revision=True)
    if code == "GatedRepo":
        return NodeAnswer(node, State.GATED, says=says, error=GatedRepo(says, anonymous=status == 401))
    if status in (401, 404):
        taken = _claims(client, node, asked.repo.namespace)
        return NodeAnswer(node, State.CLAIMED if taken else State.ABSENT, says=says)
    error = PeerMisbehaved(f"{node} answers {status} when asked for evidence: {says}"[:400])
    return NodeAnswer(node, State.DOWN, says=error.message, error=error)


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
            return str(said.get("code", ""))[:60], str(said.get("error", ""))[:300]
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


class NodesGrowth:
    """The growth of logs from whichever node has it. online: nodes were asked just now."""

    def __init__(self, client: PeerClient, nodes: Sequence[str], *, online: bool = True) -> None:
        self._client = client
        self._nodes = nodes
        self.online = online

    def growth(self, logs: Iterable[LogEvidence], pins: Mapping[Origin, Pins]) -> dict[Origin, tuple[bytes, ...]]:
        """Return the proofs between pinned and shown checkpoints, as far as any node has them."""
        left, found = list(logs), dict[Origin, tuple[bytes, ...]]()
        for node in self._nodes:
            found |= fetch_growth(self._client, node, left, pins)
            left = [one for one in left if one.origin not in found]
            if not left:
                break
        return found


def verify_shown(shown: Sequence[Shown], asked: Asked, settings: PullSettings, source: Growth, now: int) -> Found:
    """Return the revision that several evidence files show together.

    Raises VerificationFailed or PolicyError for what is left once false files are left out, StorageError.
    """
    question = Question(asked.repo.path, asked.repo.type, asked.revision)
    verifying = Verifying(settings.policy, settings.home, now, scans=(PENDING,))
    false: dict[str, str] = {}
    honest = list(shown)
    for again in (True, False):
        merged = merge(honest)
        false |= merged.false
        try:
            found = verify_evidence(merged.evidence, source, question, verifying)
        except (VerificationFailed, InputError):
            said = {one.node: _falsehood(one, question, source, replace(verifying, policy=_LENIENT)) for one in honest}
            honest = [one for one in honest if not said[one.node]]
            if not again or not honest or len(honest) == len(said):
                raise
            false |= {node: says for node, says in said.items() if says}
        else:
            _check_split(honest, question, source, replace(verifying, policy=_LENIENT))
            return Found(found, merged.data, false, merged.older)
    raise AssertionError("unreachable")


def _falsehood(one: Shown, question: Question, source: Growth, verifying: Verifying) -> str:
    """Return what is false in one node's file by itself, empty if nothing is."""
    try:
        verify_evidence(one.evidence, source, question, verifying)
    except VerificationFailed as error:
        return error.message
    except HanseError:
        return ""
    return ""


def _check_split(honest: Sequence[Shown], question: Question, source: Growth, verifying: Verifying) -> None:
    """Raise Equivocation if a log shows two nodes different contents: both by themselves true, and not of one log."""
    for origin, one, other in split_views(honest):
        told = {log.origin for each in honest for log in each.evidence.logs if log.checkpoint in (one, other)}
        signed = [each for each in honest if not _falsehood(each, question, source, verifying)]
        if told and len(signed) == len(honest):
            raise Equivocation(
                f"{origin} shows two nodes two logs of one size",
                evidence=(one, other),
                hint="keep both checkpoints: they prove that the log has two histories",
            )


def remember_found(home: Path, found: VerifiedRevision, now: int) -> str:
    """Remember what was verified; return why that could not be done, empty if it was. Raises RolledBack or Equivocation."""
    try:
        keep(home, found, now)
    except StorageError as error:
        return f"what was seen cannot be remembered, so that going back behind it would not be noticed: {error.message}"
    return ""
