"""What is known of federations and members, read once for all repositories of a status."""

from __future__ import annotations

import json
from collections.abc import Collection

from hanse.db import audits, cosigners
from hanse.db.repos import Repo
from hanse.flows.audits.counted import failing
from hanse.flows.federation.kept import Federation
from hanse.flows.node import Node
from hanse.flows.replicate.fellows import rules_of
from hanse.flows.replicate.later import may_hold
from hanse.flows.repos import copies_allowed
from hanse.flows.status.protection import Ways, policy_of
from hanse.flows.status.values import RepoStatus
from hanse.model.digest import GitOid
from hanse.model.repo import Origin, RepoId
from hanse.policy.copies import Subject
from hanse.policy.loss import Loss
from hanse.tlog.members import Member

COPIES = "copies"


class Facts:
    """Federations, audits, rules for copies, and the ways to deceive readers who judge by `preset` (empty: as federations say).

    Raises NotFoundError for no preset, StorageError if what is kept of a federation is damaged, BadFormat for wrong rules.
    """

    def __init__(self, node: Node, preset: str) -> None:
        files = node.federations
        self.node = node
        self.federations: list[Federation] = [] if files is None else [files.load(name) for name in files.names()]
        self.policy = policy_of(self.federations, preset)
        self.rules = rules_of(node, self.federations, node.rules)
        with node.db.read() as conn:
            self.audited = audits.every(conn)
            asked = cosigners.every(conn)
        self.ways = Ways(self.federations, self.policy, node.origin, asked)
        self.failing = failing(self.audited)
        self.members: dict[Origin, tuple[Member, tuple[Origin, ...]]] = {}
        for one in self.federations:
            for origin, member in one.members.members.items():
                there = self.members.get(origin, (member, ()))
                self.members[origin] = there[0], (*there[1], one.name)

    def target(self, repo: RepoId, size: int, licence: str) -> int:
        """Return how many copies are wanted of a public repository."""
        return self.rules.target(Subject(repo, size, licence))

    def target_here(self, repo: Repo, size: int) -> int:
        """Return how many copies are wanted of a repository here.

        One of what is not public, of what is gated unless its home lets members hold copies for repair, and of mirrors of what is
        no member's: no copies of those are made.
        """
        if not repo.public or (repo.mirrored and repo.repo.origin not in self.members):
            return 1
        if repo.gated and not (may_hold(self.node, repo.repo) if repo.mirrored else copies_allowed(self.node, repo)):
            return 1
        card = json.loads(repo.card) if repo.card else {}
        licence = card.get("license") if isinstance(card, dict) else None
        return self.target(repo.repo, size, licence if isinstance(licence, str) else "")

    def stand(self, repo: RepoId, rev: GitOid, size: int, logs: Collection[Origin], target: int) -> RepoStatus:
        """Return how a revision stands that these members hold, by their logs; whole copies are counted."""
        there = frozenset(logs)
        holders = tuple(sorted(there - self.failing))
        able = {origin for origin, (one, _) in self.members.items() if one.capacity and not one.static}
        return RepoStatus(
            repo=repo,
            rev=rev,
            bytes=size,
            holders=holders,
            failing=tuple(sorted(there & self.failing)),
            target=target,
            loss=Loss(len(holders), holders),
            counted=COPIES,
            ways=self.ways.of(repo.origin),
            could=tuple(sorted(able - there)),
        )
