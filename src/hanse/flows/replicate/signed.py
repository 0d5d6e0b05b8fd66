"""What a member signed about a revision: its evidence, from the member itself or from whoever holds a copy, verified here.

Nothing is copied but what the federation's list and the member's own log say: the log's key is the listed one, the list of files
is signed, its tree is recomputed, and it is the tree that the replayed copy of the log here has for the revision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hanse.errors import BadProof, HanseError, NotFoundError
from hanse.flows.fetch_evidence import fetch_evidence
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.node import Node
from hanse.flows.position import home_of, map_key
from hanse.flows.pull.judge import PENDING
from hanse.flows.verify import VerifiedRevision
from hanse.flows.verify_folder import FileSource, Question, Verifying, verify_evidence
from hanse.model.digest import GitOid, Sha256, is_git_oid
from hanse.model.evidence import MapName, UnverifiedEvidence, parse_evidence
from hanse.model.repo import Origin, RefName, RepoId, RepoType
from hanse.peers.client import PeerClient
from hanse.policy.presets import PRESETS
from hanse.sign.oms import ManifestFile

_POLICY = LoadedPolicy(PRESETS["open"], "preset open")
"""Truth is what is asked here; the node's own scanner judges what arrives, and readers have policies of their own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which revision of which member; revision: a commit id or a name; tree: the one that it must have, None for any."""

    origin: Origin
    type: RepoType
    path: str
    revision: str
    tree: Sha256 | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A verified revision of a member.

    repo: as its owner spells it; files: every file; refs: branches and tags that its log's map says are at the revision now;
    data: the evidence file; shown_by: address of who showed it.
    """

    repo: RepoId
    rev: GitOid
    tree: Sha256
    files: tuple[ManifestFile, ...]
    refs: tuple[RefName, ...]
    data: bytes
    shown_by: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size or 0 for one in self.files)


def ask(node: Node, client: PeerClient, asked: Asked, urls: Sequence[str]) -> Signed:
    """Return what the first of these addresses with true evidence shows; raises what the last of them came to."""
    last: HanseError = NotFoundError(f"nobody is there to ask about {asked.path} of {asked.origin}")
    for url in urls:
        try:
            data = fetch_evidence(client, url, asked.type, asked.path, revision=asked.revision)
            return read(node, data, asked, shown_by=url)
        except HanseError as error:
            last = error
    raise last


def read(node: Node, data: bytes, asked: Asked, *, shown_by: str = "") -> Signed:
    """Return what an evidence file shows, verified; raises VerificationFailed, PolicyError, BadProof, BadFormat or TooLarge."""
    assert node.federations is not None
    evidence = parse_evidence(data)
    # What was seen before is the replayed copy of the log: no pins are kept beside it.
    nowhere = Path(node.staging.root / "nowhere")
    verifying = Verifying(_POLICY, nowhere, node.clock.now(), scans=(PENDING,), federations=node.federations.folder)
    question = Question(asked.path, asked.type, asked.revision, origin=asked.origin, tree=asked.tree)
    found = verify_evidence(evidence, FileSource(data), question, verifying)
    if found.repo is None or not is_git_oid(found.rev):
        raise BadProof(f"the evidence of {asked.path} names no revision of {asked.origin}")
    refs = tuple(_refs(evidence, found, found.repo))
    return Signed(found.repo, GitOid(found.rev), Sha256(found.tree), found.files, refs, data, shown_by)


def _refs(evidence: UnverifiedEvidence, found: VerifiedRevision, repo: RepoId) -> list[RefName]:
    """Return the branches and tags which the verified map of the member's log says are at the revision."""
    home = home_of(found.logs, repo)
    if home is None or not home.latest:
        return []
    named = {str(one.key[-1]) for one in evidence.maps if one.map is MapName.REFS and one.origin == home.origin}
    there = {ref: home.refs.get(map_key(repo, ref)) for ref in sorted(named) if ref.startswith(("refs/heads/", "refs/tags/"))}
    return [RefName(ref) for ref, value in there.items() if value is not None and value[1:] == (found.rev, found.tree)]
