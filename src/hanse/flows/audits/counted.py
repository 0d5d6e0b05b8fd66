"""Who does not count as a holder of what his log says that he holds: members whose audits fail."""

from __future__ import annotations

from collections.abc import Mapping

from hanse.db import audits
from hanse.db.audits import Audited
from hanse.flows.audits.tally import Outcome
from hanse.flows.node import Node
from hanse.model.repo import Origin


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
