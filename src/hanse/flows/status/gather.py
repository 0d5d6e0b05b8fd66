"""How the node and its federations stand, put together from what it knows: nobody is asked for it.

1. The federations, and the policy that their readers are taken to apply.
2. The members: how their logs are followed, how audits of them went.
3. Who cosigned which log when, as far as this node gathered cosignatures.
4. Public repositories, here and, on the last page, at other members only: who holds the newest revision, which copies are
   missing, what derails it.
5. The smallest numbers of all of them.

Only what everybody may know is told. What is counted for a list of repositories is whole copies, which is never too many; of a
single one chunks are counted (`hanse.flows.status.coverage`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from hanse.db import alarms, copies, cosignatures, repos, revisions, sightings, witnesses
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.flows.access import resolve_revision
from hanse.flows.federation.outlook import remarks
from hanse.flows.node import Node
from hanse.flows.status.coverage import revision_loss
from hanse.flows.status.elsewhere import elsewhere
from hanse.flows.status.facts import Facts
from hanse.flows.status.values import Cosigning, MemberStatus, NodeStatus, Progress, RepoStatus, Whole
from hanse.model.repo import Origin, RepoId

PAGE = 1000
MAX_SAID = 50_000
MAX_ALARMS = 20


def node_status(node: Node, *, preset: str = "", after: int = 0, limit: int = PAGE) -> NodeStatus:
    """Return how the node and its federations stand, with up to `limit` repositories behind number `after`.

    preset: the policy that readers are taken to apply. Raises NotFoundError for no preset, StorageError if what is kept of a
    federation is damaged.
    """
    # 1. Federations.
    facts = Facts(node, preset)
    with node.db.read() as conn:
        # 2. and 3. Members.
        members = _members(conn, facts)
        cosigned = _cosigned(conn, [node.origin, *facts.members])
        # 4. Repositories.
        numbers = repos.live_after(conn, after, limit)
        rows = _newest(conn, numbers)
        said = _said(conn, rows)
        found = [_here(facts, repo, row, said.get(row.rev, {}).get(repo.id, set())) for repo, row in rows]
        more = len(numbers) == limit
        found += [] if more else elsewhere(conn, facts, _names(found))
        raised, count, states = alarms.headlines(conn, MAX_ALARMS), alarms.count(conn), copies.counts(conn)
        hidden = alarms.unspoken(conn, raised)
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
        next=numbers[-1] if more else None,
        whole=_whole(facts, found),  # 5.
        remarks=tuple(told),
        copies={state: Progress(*sums) for state, sums in sorted(states.items())},
        alarms=tuple(one for one in raised if one.id not in hidden),
        alarm_count=count,
    )


def repo_status(node: Node, repo: Repo, rev: str = "main", *, preset: str = "") -> RepoStatus:
    """Return how one revision stands, counted by chunks, for a caller who may see it.

    Raises RevisionNotFound or Disabled, and as `node_status`.
    """
    facts = Facts(node, preset)
    revision = resolve_revision(node, repo, rev)
    with node.db.read() as conn:
        said = sightings.holders(conn, repo.repo, revision.rev, revision.tree) if repo.public else set[Origin]()
    found = _here(facts, repo, revision, said)
    if not repo.public:
        return found
    lost, counted = revision_loss(node, repo, revision, found.holders)
    return replace(found, loss=lost, counted=counted)


def _here(facts: Facts, repo: Repo, revision: Revision, said: Collection[Origin]) -> RepoStatus:
    """Return how a revision stands that this node holds."""
    target = facts.target_here(repo, revision.bytes)
    return facts.stand(repo.repo, revision.rev, revision.bytes, {*said, facts.node.origin}, target)


def _names(found: Sequence[RepoStatus]) -> set[RepoId]:
    """Return the names of what is here, as rows of copies spell them."""
    return {replace(one.repo, namespace=one.repo.namespace.lower(), name=one.repo.name.lower()) for one in found}


def _members(conn: Connection, facts: Facts) -> tuple[MemberStatus, ...]:
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
        if number is not None and one.manifest:
            found.setdefault(one.rev, {}).setdefault(number, set()).add(one.log)
    return found


def _whole(facts: Facts, found: Sequence[RepoStatus]) -> Whole:
    first = min(found, key=lambda one: (one.loss.number, -one.bytes), default=None)
    names = [(one.repo.path, one.ways[0]) for one in found if one.ways and one.ways[0].number is not None]
    if not names:
        names = [
            (f"any name of {facts.node.origin}", way) for way in facts.ways.of(facts.node.origin)[:1] if way.number is not None
        ]
    about, easiest = min(names, key=lambda one: one[1].number or 0, default=("", None))
    missing = sum(one.missing for one in found)
    return Whole(first, easiest, about, missing, sum(one.bytes for one in found if one.loss.number <= 1))
