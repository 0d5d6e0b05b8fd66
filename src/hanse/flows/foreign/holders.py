"""Which members say in their logs that they hold a revision, as this node's copies tell, and whether others saw that."""

from __future__ import annotations

from dataclasses import dataclass

from hanse.db import cosignatures, sightings, witnesses
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.errors import HanseError, PeerDown, PeerMisbehaved, PeerTooSlow
from hanse.flows.foreign.checkpoints import WITNESS
from hanse.flows.foreign.copies import Copy
from hanse.flows.foreign.shown import MAX_SAID
from hanse.flows.node import Node
from hanse.model.decision import runs
from hanse.model.repo import Origin
from hanse.sign.statement import OMS

_AWAY = tuple(f"{one.code}:" for one in (PeerDown, PeerTooSlow, PeerMisbehaved))


@dataclass(frozen=True, slots=True)
class Voucher:
    """A member who signed a revision's manifest. index: of the leaf in its log; witnessed: others cosigned that log since."""

    log: Origin
    index: int
    witnessed: bool


def vouchers(node: Node, repo: Repo, revision: Revision) -> tuple[Voucher, ...]:
    """Return the other members who signed the manifest of a revision of a public repository, by origin."""
    if not repo.public:
        return ()
    place = (repo.repo.origin, repo.repo.type.value, repo.repo.folded)
    with node.db.read() as conn:
        said = sightings.of_revision(conn, place, revision.rev, MAX_SAID)
        logs = {log.origin: log for log in witnesses.every(conn)}
    found: dict[Origin, Voucher] = {}
    for one in said:
        log = logs.get(one.log)
        if log is None or one.log in found or one.log == node.origin or one.tree != revision.tree:
            continue
        if _is_manifest(Copy(node.db, node.store, log), one.index):
            found[one.log] = Voucher(one.log, one.index, _seen(node, one.log, one.index))
    return tuple(found.values())


def _is_manifest(copy: Copy, index: int) -> bool:
    try:
        leaf = copy.attest(index)
    except HanseError:  # the copy lacks it
        return False
    return leaf is not None and leaf.predicate == OMS


def _seen(node: Node, log: Origin, index: int) -> bool:
    """Tell whether a witness other than the log's operator cosigned a checkpoint that has the leaf at `index`."""
    with node.db.read() as conn:
        newest = cosignatures.newest(conn, log)
    return any(one.kind == WITNESS and one.size > index and not runs(log, one.name) for one in newest)


def silent_since(node: Node, origin: Origin) -> int | None:
    """Return when the log of another member was last read, if it cannot be reached now; None if it can, or is not followed."""
    with node.db.read() as conn:
        log = witnesses.find(conn, origin)
    if log is None or not log.followed_at or not log.failure.startswith(_AWAY):
        return None
    return log.followed_at
