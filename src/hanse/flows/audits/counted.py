"""Who counts as a holder of what: members whose logs say that they hold it, without those whose audits fail."""

from __future__ import annotations

from collections.abc import Mapping

from hanse.db import attestations, audits, sightings
from hanse.db.audits import Audited
from hanse.db.repos import Repo
from hanse.flows.audits.tally import Outcome
from hanse.flows.node import Node
from hanse.model.digest import GitOid, Sha256
from hanse.model.repo import Origin
from hanse.sign.statement import OMS


def failed(node: Node) -> frozenset[Origin]:
    """Return the members who do not count as holders, because they failed audits.

    If all of several members are silent at once, the silence is taken for this node's own: none of them fails for it.
    """
    with node.db.read() as conn:
        return failing(audits.every(conn))


def failing(found: Mapping[Origin, Audited]) -> frozenset[Origin]:
    """Return the same of audits that were read."""
    if len(found) > 1 and all(one.failing and one.outcome == Outcome.SILENT.value for one in found.values()):
        return frozenset()
    return frozenset(origin for origin, one in found.items() if one.failing)


def holders(node: Node, repo: Repo, rev: GitOid, tree: Sha256) -> frozenset[Origin]:
    """Return who holds a revision by the word of his log, this node included, without members who failed audits.

    What mirrored logs say is as old as the copies of them here.
    """
    with node.db.read() as conn:
        found = sightings.holders(conn, repo.repo, rev, tree)
        own = attestations.revs_attested(conn, repo.id, OMS, [rev])
    return frozenset(found | ({node.origin} if own else set())) - failed(node)
