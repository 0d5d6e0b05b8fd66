"""How the node and its federations stand, put together from what it knows: nobody is asked for it.

1. The federations, and the policy that their readers are taken to apply.
2. The members: how their logs are followed, how audits of them went.
3. Who cosigned which log when, as far as this node gathered cosignatures.
4. Public repositories: who holds the newest revision, which copies are missing, what derails it.
5. The smallest numbers of all of them.

Only what everybody may know is told. What is counted for a list of repositories is whole copies, which is never too many; of a
single one chunks are counted (`hanse.flows.status.coverage`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from hanse.db import alarms, audits, cosignatures, cosigners, repos, revisions, sightings, tallies, witnesses
from hanse.db.audits import Audited
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.flows.access import resolve_revision
from hanse.flows.audits.counted import failing
from hanse.flows.federation.outlook import remarks
from hanse.flows.node import Node
from hanse.flows.status.coverage import revision_loss
from hanse.flows.status.protection import Ways, policy_of
from hanse.flows.status.values import Cosigning, MemberStatus, NodeStatus, RepoStatus, Whole
from hanse.model.repo import Origin
from hanse.policy.loss import Loss
from hanse.tlog.members import Member

TARGET = 3
"""Copies that are wanted of a revision where nothing else is said."""
PAGE = 1000
MAX_SAID = 50_000
MAX_ALARMS = 20
COPIES = "copies"
Target = Callable[[Repo], int]


def usual(repo: Repo) -> int:
    """Return how many copies are wanted of a repository: one of what is not public, or not everybody's to have."""
    return TARGET if repo.public and not repo.gated else 1


class _Facts:
    """What is known of members, read once for all repositories."""

    def __init__(self, node: Node, preset: str) -> None:
        files = node.federations
        self.node = node
        self.federations = [] if files is None else [files.load(name) for name in files.names()]
        self.policy = policy_of(self.federations, preset)
        with node.db.read() as conn:
            self.audited: Mapping[Origin, Audited] = audits.every(conn)
            asked = cosigners.every(conn)
        self.ways = Ways(self.federations, self.policy, node.origin, asked)
        self.failing = failing(self.audited)
        self.members: dict[Origin, tuple[Member, tuple[Origin, ...]]] = {}
        for one in self.federations:
            for origin, member in one.members.members.items():
                there = self.members.get(origin, (member, ()))
                self.members[origin] = there[0], (*there[1], one.name)

    def repo(self, repo: Repo, revision: Revision, said: Iterable[Origin], target: Target) -> RepoStatus:
        """Return how a revision stands whose holders' logs were read."""
        logs = {*said, self.node.origin}
        holders = sorted(logs - self.failing)
        able = {origin for origin, (one, _) in self.members.items() if one.capacity and not one.static}
        return RepoStatus(
            repo=repo.repo,
            rev=revision.rev,
            bytes=revision.bytes,
            holders=tuple(holders),
            failing=tuple(sorted(logs & self.failing)),
            target=target(repo),
            loss=Loss(len(holders), tuple(holders)),
            counted=COPIES,
            ways=self.ways.of(repo.repo.origin),
            could=tuple(sorted(able - logs)),
        )


def node_status(node: Node, *, preset: str = "", after: int = 0, limit: int = PAGE, target: Target = usual) -> NodeStatus:
    """Return how the node and its federations stand, with up to `limit` repositories behind number `after`.

    preset: the policy that readers are taken to apply. Raises NotFoundError for no preset, StorageError if what is kept of a
    federation is damaged.
    """
    # 1. Federations.
    facts = _Facts(node, preset)
    with node.db.read() as conn:
        # 2. and 3. Members.
        members = _members(conn, facts)
        cosigned = _cosigned(conn, [node.origin, *facts.members])
        # 4. Repositories.
        numbers = repos.live_after(conn, after, limit)
        rows = _newest(conn, numbers)
        said = _said(conn, rows)
        raised, count, sums = alarms.headlines(conn, MAX_ALARMS), alarms.count(conn), tallies.every(conn)
        hidden = alarms.unspoken(conn, raised)
    found = [facts.repo(repo, row, said.get(row.rev, {}).get(repo.id, ()), target) for repo, row in rows]
    told = [f"{one.name}: {line}" for one in facts.federations for line in remarks(one, node.clock.now())]
    return NodeStatus(
        origin=node.origin,
        now=node.clock.now(),
        size=node.log.size,
        policy=facts.policy.policy.name,
        source=facts.policy.source,
        members=members,
        cosigned=cosigned,
        repos=tuple(found),
        next=numbers[-1] if len(numbers) == limit else None,
        whole=_whole(facts, found),  # 5.
        remarks=tuple(told),
        tallies=sums,
        alarms=tuple(one for one in raised if one.id not in hidden),
        alarm_count=count,
    )


def repo_status(node: Node, repo: Repo, rev: str = "main", *, preset: str = "", target: Target = usual) -> RepoStatus:
    """Return how one revision stands, counted by chunks, for a caller who may see it.

    Raises RevisionNotFound or Disabled, and as `node_status`.
    """
    facts = _Facts(node, preset)
    revision = resolve_revision(node, repo, rev)
    with node.db.read() as conn:
        said = sightings.holders(conn, repo.repo, revision.rev, revision.tree) if repo.public else set[Origin]()
    found = facts.repo(repo, revision, said, target)
    if not repo.public:
        return found
    lost, counted = revision_loss(node, repo, revision, found.holders)
    return replace(found, loss=lost, counted=counted)


def _members(conn: Connection, facts: _Facts) -> tuple[MemberStatus, ...]:
    logs = {one.origin: one for one in witnesses.every(conn)}
    holds = sightings.counts(conn)
    found = []
    for origin, (member, federations) in sorted(facts.members.items()):
        log = logs.get(origin)
        own = origin == facts.node.origin
        found.append(
            MemberStatus(
                origin=origin,
                title=member.title,
                address=member.addresses[0],
                static=member.static,
                capacity=member.capacity,
                federations=federations,
                size=facts.node.log.size if own else log.size if log else 0,
                mirrored=log.mirrored if log else 0,
                cosigned_at=log.time if log else 0,
                read_at=log.followed_at if log else 0,
                failure=log.failure if log else "",
                holds=holds.get(origin, 0),
                counts=origin not in facts.failing,
                audited=facts.audited.get(origin),
            )
        )
    return tuple(found)


def _cosigned(conn: Connection, logs: Sequence[str]) -> tuple[Cosigning, ...]:
    found = [one for log in dict.fromkeys(logs) for one in cosignatures.newest(conn, log)]
    return tuple(Cosigning(one.origin, one.name, one.kind, one.size, one.time) for one in found)


def _newest(conn: Connection, numbers: Sequence[int]) -> list[tuple[Repo, Revision]]:
    """Return the repositories that everybody may see and read, each with the newest revision of `main`."""
    listed = [one for one in repos.get_many(conn, numbers).values() if one.public and not one.disabled and one.head]
    rows = {one.id: revisions.get(conn, one.id, one.head or "") for one in listed}
    return [(one, row) for one in listed if (row := rows[one.id]) is not None and row.state == "live"]


def _said(conn: Connection, rows: Sequence[tuple[Repo, Revision]]) -> dict[str, dict[int, set[Origin]]]:
    """Return in whose logs each revision stands: commit id -> number of the repository -> origins."""
    places = {(repo.repo.origin, repo.repo.type.value, repo.repo.folded, row.rev, row.tree): repo.id for repo, row in rows}
    found: dict[str, dict[int, set[Origin]]] = {}
    for one in sightings.about(conn, "rev", [row.rev for _, row in rows], MAX_SAID):
        number = places.get((one.origin, one.type, one.repo, one.rev, one.tree))
        if number is not None:
            found.setdefault(one.rev, {}).setdefault(number, set()).add(one.log)
    return found


def _whole(facts: _Facts, found: Sequence[RepoStatus]) -> Whole:
    first = min(found, key=lambda one: (one.loss.number, -one.bytes), default=None)
    names = [(one.repo.path, one.ways[0]) for one in found if one.ways and one.ways[0].number is not None]
    if not names:
        names = [
            (f"any name of {facts.node.origin}", way) for way in facts.ways.of(facts.node.origin)[:1] if way.number is not None
        ]
    about, easiest = min(names, key=lambda one: one[1].number or 0, default=("", None))
    missing = sum(one.missing for one in found)
    return Whole(first, easiest, about, missing, sum(one.bytes for one in found if one.loss.number <= 1))
