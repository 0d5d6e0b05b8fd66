"""What is asked for, and what comes of it: the values that gateway, pull and mirror share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hanse.errors import BadRepoId, EntryNotFound
from hanse.flows.federation.seen import FOLDER, seen_in
from hanse.flows.loaded_policy import LoadedPolicy
from hanse.flows.rulesets import builtin_ruleset
from hanse.model.decision import Decision, EvidenceFacts, Rung
from hanse.model.digest import is_git_oid
from hanse.model.filepin import FilePin
from hanse.model.repo import Origin, RepoId, RepoType, parse_ref_part, parse_repo_id
from hanse.peers.place import Place
from hanse.scan.ruleset import Ruleset

if TYPE_CHECKING:
    from hanse.flows.federation.roots import Roots

_ANY = Origin("any")
_FULL = "refs/"


@dataclass(frozen=True, slots=True)
class PullSettings:
    """Whom a puller asks and what it lets pass.

    nodes: addresses, the home node first; upstream: address of a Hub-shaped origin; home: HANSE_HOME; token_for: the token that
    this user has for an address, empty if none; offline: use no network; federations: the folder of those that are trusted, None
    for the one in HANSE_HOME; for_others: what is pulled is given to others than this user, who may not learn by a digest alone
    what else is held; silent: members who were asked now and did not answer; fresh: ask also about what was
    confirmed lately.
    """

    nodes: tuple[str, ...]
    upstream: str | None
    policy: LoadedPolicy
    home: Path
    token_for: Callable[[str], str] = lambda _: ""
    offline: bool = False
    rules: Ruleset = field(default_factory=builtin_ruleset)
    federations: Path | None = None
    for_others: bool = False
    silent: frozenset[Origin] = frozenset()
    fresh: bool = False

    def roots(self, now: int) -> Roots:
        """Return what federations vouch for at `now`; raises StorageError, or BadProof if one of them has expired."""
        from hanse.flows.federation.known import known_roots  # noqa: PLC0415 who trusts no federation does without keys and logs

        return known_roots(self._federations, now)

    @property
    def federated(self) -> bool:
        """Whether a federation is trusted here; nothing is verified. Raises StorageError."""
        return bool(seen_in(self._federations))

    @property
    def _federations(self) -> Path:
        return self.federations or self.home / FOLDER

    @property
    def home_node(self) -> str:
        """The one address that a caller's own token is sent to."""
        return self.nodes[0] if self.nodes else self.upstream or ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: repository, revision (commit id, name or full ref), and the caller's token for the home node."""

    repo: RepoId
    revision: str
    token: str = ""

    @property
    def pinned(self) -> bool:
        """Whether a commit id is asked for."""
        return is_git_oid(self.revision)

    @property
    def name(self) -> str:
        """Type and name as records have them."""
        return f"{self.repo.type.prefix}{self.repo.folded}"


def parse_asked(kind: RepoType, name: str, revision: str, token: str = "") -> Asked:
    """Return the question; raises BadRepoId for a name or a revision that is none."""
    repo = parse_repo_id(_ANY, kind, name)
    if not is_git_oid(revision):
        if len(revision) > 300:
            raise BadRepoId(f"{revision[:80]!r} is no revision")
        for part in (revision.removeprefix(_FULL),):
            parse_ref_part(part)
    return Asked(repo, revision, token)


@dataclass(frozen=True, slots=True)
class PulledRevision:
    """A revision that may be used under a policy.

    repo: with who answers for the name; ref: the name by which it was asked for, None for a commit id; files: what every file
    must be, by path; tree: None until every file was hashed by somebody who says so; as_of: when a source last said that this
    is what was asked for (seconds), None if one did just now; places: where bytes can be had; evidence: the verified evidence
    file, None for claims; notices: what a reader should know; claims: what an upstream says of it, believed by nobody;
    complete: it has a tree; facts: what the policy judged; only: tells the one caller to whom its files may be given from others,
    empty if everybody may have them.
    """

    repo: RepoId
    rev: str
    ref: str | None
    files: Mapping[str, FilePin]
    tree: str | None
    rung: Rung
    decision: Decision
    as_of: int | None
    places: tuple[Place, ...]
    evidence: bytes | None
    notices: tuple[str, ...]
    claims: Mapping[str, Any]
    complete: bool
    facts: EvidenceFacts
    only: str = ""

    def pin(self, path: str) -> FilePin:
        """Return what a file must be; raises EntryNotFound."""
        found = self.files.get(path)
        if found is None:
            raise EntryNotFound(f"{path[:200]!r} is not in {self.repo} at {self.rev[:12]}", rev=self.rev)
        return found
