"""What is known here of advisories in force: the node's own, and those of logs that it mirrors.

Own ones are in the node's leaves, their statements among its objects. Those of others are in the copies of their logs; their
statements are fetched (`hanse.flows.advisories.fetch`). What is parsed once is kept until a leaf or a statement is added.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from hanse.db import foreign, logged, witnesses
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.db.witnesses import WitnessedLog
from hanse.errors import HanseError, NotFoundError
from hanse.flows import bundles
from hanse.flows.advisories.issue import current, own_leaves
from hanse.flows.advisories.kept import Issued
from hanse.flows.foreign import statements
from hanse.flows.foreign.copies import Copy
from hanse.flows.node import Node
from hanse.flows.shown_advisories import read_shown
from hanse.model.digest import Sha256
from hanse.model.listed_advisories import MAX_LISTED, AdvisoriesEvidence, ListedAdvisory
from hanse.model.repo import Origin
from hanse.model.trust_leaf import AdvisoryLeaf, AdvisoryOp
from hanse.sign.bundle import parse_bundle_json
from hanse.tlog.map import MerkleMap, advisory_key, advisory_value

MAX_TOLD = 3
"""Advisories that one warning tells of."""
MAX_LEAVES = 4096
"""Leaves about advisories in one log that are looked at, the newest."""
MAX_SHOWN_BYTES = 512 * 1024
"""Statements of one log's advisories that one evidence file shows."""


def known(node: Node) -> tuple[Issued, ...]:
    """Return the newest leaf of every advisory that is known here, by log and id, taken back ones too."""
    with node.db.read() as conn:
        state = (logged.newest_advisory(conn), foreign.advisories_known(conn))
    return node.advised.at(state, lambda: _read(node))


def of_revision(node: Node, repo: Repo, revision: Revision) -> list[Issued]:
    """Return the advisories in force, known here, about a revision that is held here: by its name, its tree, or a file in it."""
    rows = known(node)
    in_force = [(one, one.advisory) for one in rows if one.advisory is not None and not one.retracted]
    if not in_force:
        return []

    def look() -> Iterable[Issued]:
        files: frozenset[str] = frozenset()
        if any(said.files for _, said in in_force):
            entries = node.listings.get(node.store, revision.object).directory.entries()
            files = frozenset(entry.sha256 for entry in entries)
        return [one for one, said in in_force if said.concerns(repo.repo, revision.rev, revision.tree, files)]

    # Every download asks: what others make a node compare, and a large listing, it looks through once.
    return list(node.advised.about(rows, (repo.repo, revision.rev, revision.tree), look))


def warning(node: Node, repo: Repo, revision: Revision) -> str:
    """Return what to warn of when a revision, or a file of it, is asked for; "" if nobody warns of it."""
    found = of_revision(node, repo, revision)
    told = [f"{one.log} says {one.advisory.kind.value}: {one.advisory.summary} [{one.id}]" for one in found if one.advisory]
    more = f" and {len(told) - MAX_TOLD} more" if len(told) > MAX_TOLD else ""
    return f"{repo.repo.path}; {repo.repo.path}: {', '.join(told[:MAX_TOLD])}{more}" if told else ""


def find(node: Node, name: str, log: str = "") -> list[Issued]:
    """Return the advisories with an id, of one log or of any; raises NotFoundError if there is none."""
    found = [one for one in known(node) if one.id == name and log in ("", one.log)]
    if not found:
        raise NotFoundError(f"no advisory {name[:120]!r} is known here", hint="hanse advisory list")
    return found


def bundle_of(node: Node, payload: Sha256) -> bytes:
    """Return the bundle of an advisory that is known here, by the digest of its payload; raises NotFoundError."""
    for one in known(node):
        if one.payload == payload:
            if one.log == node.origin:
                return bundles.read(node.store, one.payload, one.key)
            with node.db.read() as conn:
                kept = foreign.bundle(conn, one.log, one.index or 0)
            if kept is not None:
                return statements.unpacked(kept)
    raise NotFoundError(f"no advisory with the payload {payload} is here", hint="GET /v1/advisories lists what is")


def leaves_of(node: Node, log: WitnessedLog) -> list[tuple[int, AdvisoryLeaf]]:
    """Return the leaves about advisories in the copy of a log, in their order, the newest if there are very many."""
    with node.db.read() as conn:
        indexes = foreign.advisory_leaves(conn, log.origin, log.mirrored, MAX_LEAVES)
    copy = Copy(node.db, node.store, log)
    parsed = [(index, copy.leaf(index)) for index in indexes]
    return [(index, leaf) for index, leaf in parsed if isinstance(leaf, AdvisoryLeaf)]


def _read(node: Node) -> Iterable[Issued]:
    with node.db.read() as conn:
        own, logs = own_leaves(conn), [log for log in witnesses.every(conn) if log.mirrored and log.origin != node.origin]
    rows: dict[tuple[Origin, str], tuple[int | None, AdvisoryLeaf]] = {(node.origin, leaf.id): (at, leaf) for at, leaf in own}
    for log in logs:
        with suppress(HanseError):  # a damaged copy says less, and nothing false
            newest = current(leaves_of(node, log))
            some = sorted(newest.items(), key=lambda one: -(one[1][0] or 0))[:MAX_LISTED]
            rows |= {(Origin(log.origin), name): found for name, found in some}
    parsed = {(one.log, one.id, one.payload): one.advisory for one in node.advised.last}
    for (origin, name), (index, leaf) in rows.items():
        with suppress(HanseError):
            advisory = parsed.get((origin, name, leaf.payload.sha256))
            if advisory is None:
                payload = _payload(node, origin, index, leaf)
                advisory = None if payload is None else read_shown(name, payload)
            taken = leaf.op is AdvisoryOp.RETRACT
            yield Issued(origin, name, index, leaf.time, taken, leaf.payload.sha256, leaf.key, advisory)


def _payload(node: Node, origin: Origin, index: int | None, leaf: AdvisoryLeaf) -> bytes | None:
    """Return the statement that a leaf names, None if it is not here."""
    with suppress(HanseError):
        if origin == node.origin:
            return parse_bundle_json(bundles.read(node.store, leaf.payload.sha256, leaf.key)).envelope.payload
        with node.db.read() as conn:
            kept = foreign.bundle(conn, origin, index or 0)
        return None if kept is None else parse_bundle_json(statements.unpacked(kept)).envelope.payload
    return None


def shown(node: Node, log: WitnessedLog | None, maps: MerkleMap, snapshot: int) -> AdvisoriesEvidence | None:
    """Return the list of a log's advisories in force as of the snapshot at an index, for an evidence file.

    log: None for the node's own; maps: its map of advisories there. None where the map is empty, or is more than can be listed.
    """
    if not len(maps) or len(maps) > MAX_LISTED:
        return None
    origin = node.origin if log is None else Origin(log.origin)
    with node.db.read() as conn:
        own = own_leaves(conn) if log is None else []
    rows = own if log is None else leaves_of(node, log)
    found: dict[str, tuple[int, AdvisoryLeaf]] = {}
    for index, leaf in rows:
        if index is not None and index < snapshot and maps.get(advisory_key(leaf.id)) == advisory_value(leaf.payload.sha256):
            found[leaf.id] = (index, leaf)
    if len(found) != len(maps):
        return None
    entries, room = [], MAX_SHOWN_BYTES
    for name, (index, leaf) in sorted(found.items()):
        payload = _payload(node, origin, index, leaf)
        room -= 0 if payload is None else len(payload)
        entries.append(ListedAdvisory(name, leaf.payload.sha256, payload if room >= 0 else None))
    return AdvisoriesEvidence(origin, tuple(entries))
