"""Advisories in a world of members: what one issues and takes back, and evidence that shows it, whole or not."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence

from tests.support.evidence import Revision
from tests.support.federation import World
from tests.support.parties import Institution, Served

from hanse.model.advisory import PREDICATE, AffectedName
from hanse.model.canonical import canonical
from hanse.model.digest import Sha256
from hanse.model.evidence import LogEvidence, encode_evidence
from hanse.model.key_leaf import KeyUse
from hanse.model.leaf_fields import Payload
from hanse.model.listed_advisories import AdvisoriesEvidence, ListedAdvisory
from hanse.model.trust_leaf import AdvisoryLeaf, AdvisoryOp
from hanse.tlog.map import advisory_key, advisory_value

ID = "HANSE-2027-1"
InForce = Mapping[str, bytes]
"""Statements of the advisories in force in a log, by id."""


def statement(revision: Revision, name: str = ID, kind: str = "malicious", *, alone: bool = False) -> bytes:
    """Return what is signed of an advisory about a revision's repository; alone: about this revision only."""
    package = {"purl": AffectedName(revision.repo, frozenset({revision.rev} if alone else ())).purl}
    record = {"id": name, "summary": "it runs code", "modified": "2027-01-01T00:00:00Z", "affected": [{"package": package}]}
    return canonical({"predicateType": PREDICATE, "predicate": record | {"database_specific": {"kind": kind}}})


def warn(member: Institution, said: bytes, name: str = ID) -> InForce:
    """Let a member issue an advisory; return what is in force then, if it is the only one."""
    payload = _log(member, said, name, AdvisoryOp.PUBLISH)
    member.advisories = member.advisories.apply([(advisory_key(name), advisory_value(payload.sha256))])
    member.snapshot()
    return {name: said}


def take_back(member: Institution, said: bytes, name: str = ID) -> InForce:
    """Let a member withdraw an advisory; return what is in force then, if there was no other."""
    _log(member, said, name, AdvisoryOp.RETRACT)
    member.advisories = member.advisories.apply([], [advisory_key(name)])
    member.snapshot()
    return {}


def _log(member: Institution, said: bytes, name: str, op: AdvisoryOp) -> Payload:
    payload = Payload(Sha256(hashlib.sha256(said).hexdigest()), len(said))
    sig = base64.b64encode(member.attest.sign(said)).decode()
    member.append(AdvisoryLeaf(member.time, name, op, payload, member.attest.public.fingerprint, sig))
    return payload


def serve(world: World, revision: Revision, lists: Mapping[str, InForce], *, but: Iterable[str] = ()) -> Served:
    """Return what a node would show of a revision: all logs and the lists of advisories; but: whose logs are not."""
    given = world.seconds.get(revision.rev, [])
    attested = {one.origin: index for one, _, index in given}
    left = set(but)
    logs = [
        _shown(world, one, [attested[one.origin]] if one.origin in attested else [])
        for name, one in world.members.items()
        if name != world.home.origin and name not in left
    ]
    home = world.home
    logs.append(home.shown(home.needed(revision), world.cosign(home)))
    bundles = [revision.bundle.encode(), *(bundle for _, bundle, _ in given)]
    proof = home.map_proof(revision.repo, revision.ref, (revision.seq, revision.rev, revision.tree))
    told = [listed(world.members[name], said) for name, said in lists.items() if said]
    return Served(encode_evidence(bundles, logs, [proof], advisories=told), home.branch(), revision)


def _shown(world: World, member: Institution, more: Sequence[int]) -> LogEvidence:
    tail = range(member.last_snapshot(), len(member.log.leaves))
    return member.shown([member.keys[KeyUse.ATTEST], *more, *tail], world.cosign(member))


def listed(member: Institution, said: InForce) -> AdvisoriesEvidence:
    """Return the line of an evidence file that says that these are in force in a member's log."""
    rows = (ListedAdvisory(name, Sha256(hashlib.sha256(data).hexdigest()), data) for name, data in sorted(said.items()))
    return AdvisoriesEvidence(member.origin, tuple(rows))
