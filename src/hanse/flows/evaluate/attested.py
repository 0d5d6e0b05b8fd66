"""Whether a member's attestation of its endpoint is to be believed: whose key, which files, this caller, now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hanse.errors import BadFormat, NotAllowed, VerificationFailed
from hanse.evals.endpoint import ENDPOINT, MAX_ATTESTATION_BYTES, check_attestation, parse_attestation
from hanse.evals.record import Record, WeightsClass
from hanse.flows.bounded import read_bounded
from hanse.flows.evaluate.runfolder import put
from hanse.model.decision import Signed
from hanse.model.digest import Sha256
from hanse.model.publickey import PublicKey
from hanse.peers.attested import Attested
from hanse.sign.bundle import parse_bundle_json, verify_bundle
from hanse.sign.statement import parse_statement

ATTESTATION = "attestation.json"
"""In the folder of a run: the attestation that the first answers of its last call came under."""
_MAX_KEY_FILE = 4096


@dataclass(frozen=True, slots=True)
class Believed:
    """Whose attestations count. keys: fingerprint -> origin of the member, "" where only the key is known."""

    keys: Mapping[str, str]

    @classmethod
    def of_signers(cls, signers: Iterable[Signed]) -> Believed:
        """Return those who signed the revision and whom the policy believes (`View.vouching`)."""
        return cls({one.key: one.member for one in signers})

    @classmethod
    def of_file(cls, path: Path) -> Believed:
        """Return the holder of the key in a PEM file; raises BadFormat, NotFoundError, TooLarge."""
        return cls({PublicKey.from_pem(read_bounded(path, _MAX_KEY_FILE)).fingerprint: ""})


def check(shown: tuple[bytes, str], challenge: str, tree: Sha256, believed: Believed, now: int) -> Attested:
    """Return the attestation in a bundle, checked.

    shown: the bundle, and the public key that it is said to be by, which counts only if it is one that is believed; tree: of the
    files that are evaluated. Raises NotAllowed for another key, BadSignature, BadFormat, TooLarge; VerificationFailed for another
    model, another member than the key's, another challenge, or a time that is over.
    """
    # 1. By a key that counts.
    data, key = shown
    public = PublicKey.from_text(key)
    member = believed.keys.get(public.fingerprint)
    if member is None:
        raise NotAllowed(
            f"the attestation is by the key {public.fingerprint}: no signer of the revision whom your policy believes has it",
            hint="if you know whose it is, name its file: --attested-by FILE (there: hanse key export attest); "
            "a key that was met for the first time just now counts from the next time on",
        )
    # 2. Signed.
    if len(data) > MAX_ATTESTATION_BYTES:
        raise BadFormat(f"an attestation has at most {MAX_ATTESTATION_BYTES:,} bytes")
    verified = verify_bundle(parse_bundle_json(data), public)
    # 3. About these files, by this member, for this caller, now.
    statement = verified.statement
    if statement.predicate_type != ENDPOINT:
        raise BadFormat(f"this is no attestation of an endpoint but {statement.predicate_type[:120]!r}")
    found = parse_attestation(statement.predicate)
    failed = [] if statement.about("sha256", tree) else [f"it is about other files than those with the tree {tree}"]
    if member and found.member != member:
        failed.append(f"it speaks for {found.member}, and the key is one of {member}")
    if failed:
        raise VerificationFailed(f"the attestation does not hold: {failed[0]}", failed=tuple(failed))
    check_attestation(found, challenge, now)
    return Attested(found, public.fingerprint, data, verified.digest)


def runner_of(one: Attested) -> dict[str, str]:
    """Return what a record says of the attestation that its answers came under."""
    return {"attestation": one.payload, "attestedBy": str(one.attestation.member), "attestedKey": one.key}


def keep(folder: Path, one: Attested) -> None:
    """Write the attestation into the folder of a run; raises StorageError."""
    put(folder / ATTESTATION, one.bundle)


def check_kept(folder: Path, record: Record) -> None:
    """Hold the attestation that was kept beside a `bound` record, if there is one, against what the record says of it.

    Its signature was checked when it came; the key itself is not kept. Raises VerificationFailed, BadFormat, TooLarge.
    """
    path = folder / ATTESTATION
    if record.weights is not WeightsClass.BOUND or not path.exists():
        return
    payload = parse_bundle_json(read_bounded(path, MAX_ATTESTATION_BYTES)).envelope.payload
    failed = []
    if hashlib.sha256(payload).hexdigest() != record.runner.get("attestation"):
        failed.append("the record names an attestation with another digest")
    statement = parse_statement(payload)
    if statement.predicate_type != ENDPOINT:
        raise BadFormat(f"{path} is no attestation of an endpoint but {statement.predicate_type[:120]!r}")
    found = parse_attestation(statement.predicate)
    if not statement.about("sha256", record.model):
        failed.append(f"it is about other files than those with the tree {record.model}")
    if found.member != record.runner.get("attestedBy"):
        failed.append(f"it speaks for {found.member}")
    if dict(found.numerics) != dict(record.numerics):
        failed.append("the record names another engine or device than it does")
    if failed:
        raise VerificationFailed(
            f"{path} is not the attestation that the record is under: {failed[0]}",
            failed=tuple(failed),
            hint="after a run that was not ended: the same hanse evaluate again",
        )
