"""Saying what a check of another's record came to: a countersignature, in a folder and in a log; and committing to a result.

    countersignature.json   the statement: a bundle if it is signed, else its bare JSON
    countersigner.pub       the key that the bundle is by
    commitment.json         {"commitment", "salt"}, 0600: what opens a commitment to the record in the same folder

A commitment is logged before another's result is shown, and opened afterwards by a countersignature at V4: who sees both in a
log sees that the one could not be copied from the other.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from pathlib import Path

from hanse.errors import BadFormat, BadSignature, Conflict, NotFoundError
from hanse.evals.countersignature import (
    COUNTERSIGNATURE,
    Blind,
    Countersignature,
    Level,
    commitment,
    parse_countersignature,
)
from hanse.evals.record import Record
from hanse.flows.bounded import read_bounded
from hanse.flows.evaluate.runfolder import Read, put
from hanse.model.canonical import canonical, parse_canonical
from hanse.model.digest import parse_sha256
from hanse.model.publickey import PublicKey, Signer
from hanse.sign.bundle import make_bundle, parse_bundle_json, verify_bundle
from hanse.sign.statement import Statement, Subject, parse_statement
from hanse.store.durable import make_directory, storage_errors

COMMITMENT = "https://hanse/commitment/v1"
SAID, BY, OPENING = "countersignature.json", "countersigner.pub", "commitment.json"
_MAX_BYTES = 1024 * 1024
_MAX_KEY = 4096


def statement_of(one: Countersignature, model: Subject) -> Statement:
    """Return the statement of a countersignature: about the record's digest, and the model that the record is about."""
    return Statement((Subject("evaluation record", {"sha256": one.record}), model), COUNTERSIGNATURE, one.predicate())


def write(folder: Path, one: Countersignature, record: Record, signer: Signer | None) -> Path:
    """Write a countersignature into a folder, which is made, and return its path; raises StorageError.

    Raises VerificationFailed if it is about another record.
    """
    one.require_about(record)
    statement = statement_of(one, Subject(record.name, {"sha256": record.model}))
    with storage_errors(f"write {folder}"):
        make_directory(folder, 0o700)
    if signer is None:
        put(folder / SAID, statement.encode())
        return folder / SAID
    bundle = make_bundle(statement, signer)
    put(folder / BY, bundle.key.text.encode())
    put(folder / SAID, bundle.encode())
    return folder / SAID


def read(folder: Path) -> tuple[Countersignature, PublicKey | None, Statement]:
    """Return the countersignature in a folder and the key that signed it, None if it is not signed.

    Raises NotFoundError, BadFormat, or BadSignature.
    """
    data = read_bounded(folder / SAID, _MAX_BYTES)
    try:
        bundle = parse_bundle_json(data)
    except BadFormat:
        statement, key = parse_statement(data), None
    else:
        try:
            key = PublicKey.from_text(read_bounded(folder / BY, _MAX_KEY).decode("ascii", "replace"))
        except NotFoundError as error:
            raise BadSignature(f"the key that signed {folder / SAID} is missing: {BY}") from error
        statement = verify_bundle(bundle, key).statement
    if statement.predicate_type != COUNTERSIGNATURE:
        raise BadFormat(f"{folder / SAID} is no countersignature but {statement.predicate_type[:120]!r}")
    one = parse_countersignature(statement.predicate)
    if not statement.about("sha256", one.record):
        raise BadFormat("the countersignature is about another record than its statement")
    return one, key, statement


def commit_to(folder: Path, record: Record) -> Blind:
    """Commit to a record: keep what opens the commitment in its folder (0600), and return it; made once for a record."""
    if (folder / OPENING).exists():
        found = opening(folder)
        if found.commitment == commitment(record.digest, found.salt):
            return found
    salt = secrets.token_hex(32)
    made = Blind(salt, commitment(record.digest, salt))
    put(folder / OPENING, canonical(made.to_json()) + b"\n", 0o600)
    return made


def opening(folder: Path) -> Blind:
    """Return what opens the commitment of a run; raises NotFoundError, or BadFormat."""
    said = parse_canonical(read_bounded(folder / OPENING, _MAX_KEY).rstrip(b"\n"), "an opening", _MAX_KEY)
    if said.keys() != {"commitment", "salt"} or any(type(one) is not str for one in said.values()):
        raise BadFormat(f"{folder / OPENING} has a commitment and a salt")
    return Blind(said["salt"], parse_sha256(said["commitment"]))


def commitment_statement(made: Blind, model: Subject, evaluator: str, suite: str) -> Statement:
    """Return the statement that commits: nobody learns the result from it, nor can it be another one later."""
    said = {"commitment": made.commitment, "evaluator": evaluator, "suite": suite}
    return Statement((model,), COMMITMENT, said)


def blinded(one: Countersignature, folder: Path, own: Read) -> Countersignature:
    """Return a countersignature at V4, which opens the commitment to one's own run.

    Raises NotFoundError if none was made, Conflict if it was to another record.
    """
    made = opening(folder)
    if made.commitment != commitment(own.record.digest, made.salt):
        raise Conflict(f"{folder / OPENING} commits to another record than {json.dumps(str(folder))} has now")
    return replace(one, level=Level.V4, blind=made)
