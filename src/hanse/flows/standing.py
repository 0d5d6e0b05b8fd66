"""How much a statement of this node is worth, for people who look at its pages: who signed it, where it is logged, who saw it.

Nothing here is proof: whoever wants that takes the evidence file and verifies it on a machine of his own (`hanse verify`).
"""

from __future__ import annotations

from dataclasses import dataclass

from hanse.db import (
    alarms,
    attestations,
    cosignatures,
    cosigners,
    leaves,
    logged,
    logkeys,
    mirrors,
    notices,
    sightings,
    witnesses,
)
from hanse.db.alarms import Alarm
from hanse.db.attestations import Attestation
from hanse.db.notices import Noticed
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.db.witnesses import WitnessedLog
from hanse.flows.foreign.holders import Voucher, silent_since, vouchers
from hanse.flows.mirror.observation import basis_of
from hanse.flows.node import Node
from hanse.model.decision import AGREED, Rung
from hanse.model.key_leaf import Holder, KeyUse
from hanse.model.repo import Origin
from hanse.sign.statement import OBSERVATION, OMS

WITNESS, MIRROR = "witness", "mirror"
MAX_ALARMS = 10
MAX_NOTICES = 20
MAX_SIGHTINGS = 200
MAX_POSITIONS = 200


@dataclass(frozen=True, slots=True)
class Vouching:
    """A cosigner of this node's log, and how far it got.

    kind: witness or mirror; size: the largest size that it cosigned, 0 for none; time: when it last cosigned that size, seconds;
    asked: this node asks it still; failure: what it answered last instead of a cosignature, "" for nothing.
    """

    name: str
    kind: str
    size: int
    time: int
    asked: bool
    failure: str


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed a revision's manifest. key: fingerprint; by_node: the node did, else the publisher; at: seconds."""

    key: str
    by_node: bool
    at: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A signed observation of an upstream's ref at a revision. ref: full name; at: when it was signed, seconds."""

    ref: str
    at: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a revision stands.

    rung: what this node can say of it; signatures: of its manifest; holder: who holds the key of the namespace, None while none
    is registered, which for a repository that is not public is so for ever; index: of the leaf that logs the manifest, else of
    the one that names the revision, None before; size: of the log now; witnesses, mirrors: those whose cosignature covers that
    leaf; waiting: names of those who are asked and did not get there yet; elsewhere: members in whose mirrored logs it stands
    that they hold these files, which no reader has to believe before he verified it; silent_since: when the publisher's log was
    last read, or another hub last answered, if the name is theirs and they cannot be reached; observed: what this
    node signed that it saw upstream.
    """

    rung: Rung
    signatures: tuple[Signature, ...]
    holder: Holder | None
    namespace_key: str
    index: int | None
    size: int
    witnesses: tuple[Vouching, ...]
    mirrors: tuple[Vouching, ...]
    waiting: tuple[str, ...]
    elsewhere: tuple[Origin, ...]
    notices: tuple[Noticed, ...]
    silent_since: int | None = None
    observed: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class LogStanding:
    """How the node's log stands.

    vkey: its verifier key; keys: use -> fingerprint of the node's keys; watched: logs of others that it cosigns; alarms:
    the newest open ones; alarm_count: of all that are open.
    """

    origin: str
    size: int
    vkey: str
    keys: tuple[tuple[str, str], ...]
    cosigners: tuple[Vouching, ...]
    watched: tuple[WitnessedLog, ...]
    alarms: tuple[Alarm, ...]
    alarm_count: int
    now: int


def revision_standing(node: Node, repo: Repo, revision: Revision) -> Standing:
    """Return how a revision that the caller may see stands."""
    with node.db.read() as conn:
        every = attestations.of_revision(conn, repo.id, revision.rev)
        rows = [row for row in every if row.predicate == OMS]
        found = [(row, leaf.index) for row in rows if (leaf := leaves.get(conn, row.leaf_id)) is not None]
        named = logged.first_logged(conn, repo.id, [revision.rev]).get(revision.rev)
        named_here = repo.public and not repo.mirrored
        keys = logkeys.of_use(conn, KeyUse.NAMESPACE.value, repo.repo.namespace.lower()) if named_here else []
        noticed = notices.of_repo(conn, repo.id, revision.rev, MAX_NOTICES)
        said = sightings.about(conn, "tree", [revision.tree], MAX_SIGHTINGS) if repo.public else []
    signed = [(row, index) for row, index in found if index is not None]
    index = min((index for _, index in signed), default=named)
    vouching = _cosigners(node)
    covering = [] if index is None else [one for one in vouching if one.size > index]
    owner = next((key for key in reversed(keys) if key.state == "active"), None)
    signatures, holder = tuple(_signature(node, row) for row, _ in signed), None if owner is None else Holder(owner.holder)
    by_owner = any(holder is not Holder.OWNER or not one.by_node for one in signatures)
    seen = any(one.kind == WITNESS for one in covering)
    return Standing(
        rung=_rung(node, repo, revision, by_owner=by_owner, seen=seen),
        signatures=signatures,
        holder=holder,
        namespace_key="" if owner is None else owner.key,
        index=index,
        size=node.log.size,
        witnesses=tuple(one for one in covering if one.kind == WITNESS),
        mirrors=tuple(one for one in covering if one.kind == MIRROR),
        waiting=tuple(one.name for one in vouching if one.asked and one not in covering),
        elsewhere=tuple(dict.fromkeys(one.log for one in said if one.manifest)),
        notices=tuple(noticed),
        silent_since=None if repo.repo.origin == node.origin else _silent_since(node, repo),
        observed=_observed(node, repo, [row for row in every if row.predicate == OBSERVATION]),
    )


def _observed(node: Node, repo: Repo, rows: list[Attestation]) -> tuple[Seen, ...]:
    """Return the refs of an upstream that this node signed to have seen at a revision, by its observations of that revision."""
    if not rows:
        return ()
    with node.db.read() as conn:
        known = logged.positions_of(conn, repo.id, rows[0].rev, MAX_POSITIONS)
    places = {basis_of(ref, seq): ref for ref, seq in known}
    return tuple(Seen(places[row.basis], row.created_at) for row in rows if row.basis in places)


def _rung(node: Node, repo: Repo, revision: Revision, *, by_owner: bool, seen: bool) -> Rung:
    """Return how many institutions agree, as far as this node can tell.

    by_owner: this node signed, or who answers for its name; seen: witnesses cosigned that here.
    """
    others = vouchers(node, repo, revision)
    with node.db.read() as conn:
        elsewhere = repo.repo.origin != node.origin and witnesses.find(conn, repo.repo.origin) is not None
    owned = by_owner if repo.repo.origin == node.origin else any(one.log == repo.repo.origin for one in others)
    if not (owned if elsewhere or repo.repo.origin == node.origin else by_owner or others):
        return Rung.LOCAL
    if by_owner + len(others) < AGREED:
        return Rung.ATTESTED
    strong = (by_owner and seen) + sum(one.witnessed for one in others)
    home = (by_owner and seen) if repo.repo.origin == node.origin else not elsewhere or _witnessed(others, repo.repo.origin)
    return Rung.WITNESSED if strong >= AGREED and home else Rung.AGREED


def _silent_since(node: Node, repo: Repo) -> int | None:
    """Return since when whoever answers for a name is silent, seconds; None if he is not, or never was asked."""
    with node.db.read() as conn:
        row = mirrors.get(conn, repo.id)
    if row is None:
        return silent_since(node, repo.repo.origin)
    return row.seen_at if row.failure and row.seen_at else None


def _witnessed(others: tuple[Voucher, ...], origin: Origin) -> bool:
    return any(one.witnessed for one in others if one.log == origin)


def log_standing(node: Node) -> LogStanding:
    """Return how the node's log stands."""
    with node.db.read() as conn:
        raised = alarms.headlines(conn, MAX_ALARMS)
        count = alarms.count(conn)
        watched = witnesses.every(conn)
    return LogStanding(
        origin=node.origin,
        size=node.log.size,
        vkey=node.log.key.text,
        keys=tuple((name, key.public.fingerprint) for name, key in node.keys.named.items()),
        cosigners=tuple(_cosigners(node)),
        watched=tuple(watched),
        alarms=tuple(raised),
        alarm_count=count,
        now=node.clock.now(),
    )


def _signature(node: Node, row: Attestation) -> Signature:
    return Signature(row.key, row.key == node.keys.attest.public.fingerprint, row.created_at)


def _cosigners(node: Node) -> list[Vouching]:
    """Return everybody who is asked for cosignatures of this node's log, and those who once were and cosigned it."""
    with node.db.read() as conn:
        asked = {(row.name, row.kind): row for row in cosigners.every(conn)}
        signed = {(row.name, row.kind): row for row in cosignatures.newest(conn, node.origin)}
    found = []
    for key in sorted(asked.keys() | signed.keys()):
        row, line = asked.get(key), signed.get(key)
        size, time = (0, 0) if line is None else (line.size, line.time)
        found.append(Vouching(*key, size, time, row is not None, "" if row is None else row.failure))
    return found
