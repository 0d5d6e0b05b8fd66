"""The signed statements of an evidence file, checked, with the place in a log where each is listed.

A statement counts for a member if the member's log has an `attest` leaf with the digest of the payload, the very signature of
the bundle, and a key that the log registered for this and that was in force there. A statement that no shown log lists counts
only for a key that was named by hand. What nobody vouches for is left aside, and said; a signature that names a known key and
does not verify is a failure, as is a leaf that says something else than its statement.

Members who attest the same revision sign the same bytes. Such a payload is shown once, in one bundle; the other bundles follow
from it and from the leaves, which have the signatures (`implied`). Of scans that differ in their times, these are shown.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from hanse.errors import BadFormat, BadProof, BadSignature
from hanse.flows.scan_times import payloads_at
from hanse.flows.shown_keys import KeyRecord
from hanse.flows.shown_log import ShownLog
from hanse.flows.trust import Trust
from hanse.flows.veil import CLEAR, Veil
from hanse.model.digest import GitOid, Sha256
from hanse.model.finding import Coverage, Verdict
from hanse.model.key_leaf import Holder, KeyUse
from hanse.model.ref_statement import REF_PREDICATE, ref_payload, ref_signed
from hanse.model.repo import RefName
from hanse.model.scan_times import ScanTimes
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.bundle import Bundle, UnverifiedBundle, VerifiedStatement, key_hint, parse_bundle_json, verify_bundle
from hanse.sign.statement import OBSERVATION, OMS, REVIEW, SCAN, Statement

HELD = "HANSE_BYTES_HELD"
"""Property of a review that says: its verifier held these bytes and hashed them himself."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a statement is listed. veil: how the leaf is written."""

    log: ShownLog
    index: int
    leaf: AttestLeaf
    veil: Veil = CLEAR


@dataclass(frozen=True, slots=True)
class Attested:
    """A verified statement. place, record: where it is listed and the key's registration; None: its key was named by hand."""

    verified: VerifiedStatement
    place: Place | None = None
    record: KeyRecord | None = None

    @property
    def log(self) -> ShownLog | None:
        """The log that lists it."""
        return self.place.log if self.place else None

    @property
    def statement(self) -> Statement:
        """What was signed."""
        return self.verified.statement

    @property
    def member(self) -> str:
        """The origin of the log that lists it, empty if none does."""
        return self.place.log.origin if self.place else ""

    def about(self, rev: str, tree: str) -> bool:
        """Tell whether it is about this revision."""
        return (rev, tree) in self._subjects()

    def agrees(self, leaf: AttestLeaf, veil: Veil) -> bool:
        """Tell whether it is about what its leaf says; an observation names its repository and who saw it, too."""
        said = self.statement.predicate
        if self.statement.predicate_type == OBSERVATION:
            names = (said.get("origin"), said.get("type"), veil.hide("repo", str(said.get("repo")).lower()))
            if names != (leaf.origin, leaf.type.value, leaf.repo) or said.get("observer") != self.member:
                return False
        return any((veil.hide("rev", rev), veil.hide("tree", tree)) == (leaf.rev, leaf.tree) for rev, tree in self._subjects())

    def _subjects(self) -> list[tuple[str, str]]:
        if self.statement.predicate_type == OMS:
            said = self.statement.predicate
            return [(str(said.get("rev")), str(said.get("tree")))]
        pairs = [(one.digest.get("gitCommit"), one.digest.get("sha256")) for one in self.statement.subjects]
        return [(rev, tree) for rev, tree in pairs if rev and tree]

    @property
    def observed(self) -> tuple[str, str] | None:
        """The ref of an upstream that was seen at the revision, and when (RFC 3339); None for other statements."""
        said = self.statement.predicate
        kind = self.statement.predicate_type
        return None if kind != OBSERVATION else (str(said.get("ref"))[:256], str(said.get("observedOn"))[:32])

    @property
    def vouches(self) -> bool:
        """Whether it says that its signer holds these bytes under this name: a manifest, an observation, or such a review."""
        kind, predicate = self.statement.predicate_type, self.statement.predicate
        properties = predicate.get("properties")
        return kind in (OMS, OBSERVATION) or (kind == REVIEW and type(properties) is list and HELD in properties)

    def scan(self) -> tuple[Verdict, Coverage] | None:
        """Return what a scan found, None for other statements; raises BadFormat if it does not say."""
        if self.statement.predicate_type != SCAN:
            return None
        try:
            return Verdict(self.statement.predicate.get("verdict")), Coverage(self.statement.predicate.get("coverage"))
        except ValueError as error:
            raise BadFormat("the statement of a scan has no known verdict and coverage") from error


@dataclass(frozen=True, slots=True)
class Aside:
    """A bundle that counts for nothing, and why."""

    says: str


def implied(attested: Sequence[Attested], logs: Sequence[ShownLog], times: Sequence[ScanTimes] = ()) -> list[bytes]:
    """Return the bundles that shown leaves list, that are not shown themselves, and whose payload a statement that counts has.

    times: of scans that have the payload of one that counts, but for its time.

    Nothing of it is verified; leaves of repositories that are not public have no signature to make a bundle of.
    """
    payloads = {one.verified.digest: one.verified.payload for one in attested}
    payloads |= payloads_at(payloads, times)
    shown = {(str(one.verified.digest), base64.b64encode(one.verified.signature).decode()) for one in attested}
    found = []
    for log in logs:
        keys = {one.public.fingerprint: one.public for one in log.book.of(KeyUse.ATTEST, KeyUse.NAMESPACE)}
        for _, leaf in log.attests():
            digest = leaf.payload.sha256
            if digest in payloads and (digest, leaf.sig) not in shown and leaf.key in keys and not leaf.concealed:
                found.append(Bundle(payloads[digest], base64.b64decode(leaf.sig), keys[Sha256(leaf.key)]).encode())
    return found


def open_bundle(data: bytes, logs: Sequence[ShownLog], trust: Trust, veils: Sequence[Veil] = (CLEAR,)) -> Attested | Aside:
    """Return the checked statement of a bundle, or why it counts for nothing.

    veils: how its repository may stand in a log.

    Raises BadFormat or TooLarge if it is malformed, BadSignature or BadProof if it is not what a log or a key says it is.
    """
    bundle = parse_bundle_json(data)
    digest = hashlib.sha256(bundle.envelope.payload).hexdigest()
    signature = base64.b64encode(bundle.envelope.signature).decode()
    places = [
        Place(log, index, leaf, veil)
        for veil in veils
        for log in logs
        for index, leaf in log.attests()
        if leaf.payload.sha256 == veil.hide("payload", digest)
        and leaf.concealed is bool(veil.salt)
        # Members who attest the same revision sign the same bytes: the signature tells whose leaf is whose.
        and leaf.sig == veil.hide("sig", signature)
    ]
    return _listed(bundle, places[0]) if places else _named(bundle, trust)


def _named(bundle: UnverifiedBundle, trust: Trust) -> Attested | Aside:
    """Return the statement of a key that was named by hand."""
    for key in trust.keys:
        if key_hint(key) == bundle.hint:
            return Attested(verify_bundle(bundle, key))
    for key in trust.keys:
        with suppress(BadSignature):
            return Attested(verify_bundle(bundle, key))
    return Aside(f"a statement by key {bundle.hint[:16]} is left aside: no shown log lists it, and its key was not named")


def _listed(bundle: UnverifiedBundle, place: Place) -> Attested | Aside:
    log, index, leaf, veil = place.log, place.index, place.leaf, place.veil
    where = f"leaf {index} of {log.origin}"
    uses = (KeyUse.ATTEST, KeyUse.NAMESPACE)
    # A hidden leaf hides its key, too: it is one of those that the log registers.
    keys = [one.public.fingerprint for one in log.book.of(*uses) if veil.hide("key", one.public.fingerprint) == leaf.key]
    try:
        record = log.book.valid(keys[0] if keys else leaf.key, index, *uses)
    except BadSignature as error:
        return Aside(f"a statement in {log.origin} is left aside: {error.message}")
    if bundle.hint != key_hint(record.public):
        raise BadSignature(f"{where} lists a statement of key {record.public.fingerprint[:16]}, and this names another")
    found = Attested(verify_bundle(bundle, record.public), place, record)
    if found.statement.predicate_type != leaf.predicate or not found.agrees(leaf, veil):
        raise BadProof(f"{where} says something else than the statement that it lists")
    if record.use is KeyUse.NAMESPACE and not _owns(record, leaf):
        raise BadSignature(f"{where} is signed with the key of the namespace {record.namespace}")
    return found


def _owns(record: KeyRecord, leaf: AttestLeaf) -> bool:
    return record.namespace == leaf.repo.partition("/")[0]


def check_position(log: ShownLog, leaf: AttestLeaf, index: int) -> KeyRecord:
    """Check the owner's signature over a position of a ref, which is rebuilt from its leaf; return the owner's key.

    Raises BadSignature if it is not by the key of the namespace, BadFormat if the leaf is of no position.
    """
    if leaf.predicate != REF_PREDICATE or leaf.ref is None or leaf.seq is None or leaf.concealed:
        raise BadFormat(f"leaf {index} of {log.origin} is no owner's position")
    record = log.book.valid(leaf.key, index, KeyUse.NAMESPACE)
    if not _owns(record, leaf) or record.holder is not Holder.OWNER:
        raise BadSignature(f"leaf {index} of {log.origin} is not signed by the owner of {leaf.repo}")
    ref, rev = RefName(leaf.ref), GitOid(leaf.rev)
    payload = ref_payload(leaf.origin, leaf.type, leaf.repo, ref, seq=leaf.seq, rev=rev, tree=leaf.tree)
    record.public.verify(base64.b64decode(leaf.sig), ref_signed(payload))
    return record
