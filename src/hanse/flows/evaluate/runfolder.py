"""The folder of a run: everything that a record is about, so that another can check it without asking anybody.

    suite.json, items.jsonl   the suite
    journal.jsonl             answers as they came, until the run is complete (0600)
    record.json               the statement: a bundle if it is signed, else its bare JSON; written last
    signer.pub                the public key that the bundle is by: a hint, not a proof of whose it is
    table.jsonl               the item table
    transcript.jsonl          prompts and answers (0600): never made public by Hanse

Whoever passes on a record without the transcript shows everything but prompts and answers.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hanse.errors import BadFormat, BadSignature, Conflict, NotFoundError
from hanse.evals.builtin import is_harmful
from hanse.evals.itemtable import MAX_TABLE_BYTES, ItemTable, parse_table
from hanse.evals.record import EVALUATION, CheckedRun, Record, parse_record
from hanse.evals.suite import Suite
from hanse.evals.transcript import MAX_BYTES, Spoken, parse_transcript
from hanse.flows.bounded import read_bounded
from hanse.flows.suites.folder import ITEMS, MANIFEST, read_suite
from hanse.model.publickey import PublicKey
from hanse.sign.bundle import Bundle, parse_bundle_json, verify_bundle
from hanse.sign.statement import Statement, parse_statement
from hanse.store.durable import make_directory, storage_errors, sync_directory, write_all

JOURNAL = "journal.jsonl"
RECORD, SIGNER, TABLE, TRANSCRIPT = "record.json", "signer.pub", "table.jsonl", "transcript.jsonl"
MAX_RECORD_BYTES = 1024 * 1024
_MAX_KEY = 4096


@dataclass(frozen=True, slots=True)
class Read:
    """A run as its folder has it, its numbers checked against its table.

    signer: the key that signed it, None if it is not signed; spoken: its transcript, None if that was not read.
    """

    suite: Suite
    run: CheckedRun
    statement: Statement
    signer: PublicKey | None
    spoken: tuple[Spoken, ...] | None

    @property
    def record(self) -> Record:
        """Its record."""
        return self.run.record


def keep_suite(folder: Path, suite: Suite) -> None:
    """Write a suite into the folder of a run, which is made; items that ask for harm are for its owner's eyes only (0600).

    Raises Conflict if another suite is there, or StorageError.
    """
    if (folder / MANIFEST).exists():
        if read_suite(folder).digest != suite.digest:
            raise Conflict(f"{folder} holds a run of another suite", hint="choose another folder")
        return
    with storage_errors(f"write {folder}"):
        make_directory(folder, 0o700)
    put(folder / ITEMS, suite.lines(), 0o600 if is_harmful(suite) else 0o644)
    put(folder / MANIFEST, suite.manifest())


def put(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all, durable on return; raises StorageError or StorageFull."""
    part = path.with_name(f".{path.name}.part")
    with storage_errors(f"write {path}"):
        part.unlink(missing_ok=True)
        file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        try:
            write_all(file, data)
            os.fsync(file)
        finally:
            os.close(file)
        part.replace(path)
        sync_directory(path.parent)


def write_result(folder: Path, statement: Statement, table: ItemTable, transcript: bytes, bundle: Bundle | None) -> None:
    """Write what a run came to, the record last; raises StorageError."""
    put(folder / TRANSCRIPT, transcript, 0o600)
    put(folder / TABLE, table.encode())
    if bundle is not None:
        put(folder / SIGNER, bundle.key.text.encode())
    put(folder / RECORD, statement.encode() if bundle is None else bundle.encode())


def read_run(folder: Path, *, answers: bool = True) -> Read:
    """Return the run in a folder, its record checked against its table (level V0); with its answers, if they were passed on.

    Raises VerificationFailed if numbers do not follow, BadSignature, BadFormat, TooLarge, or NotFoundError for what is missing.
    """
    suite = read_suite(folder)
    statement, signer = read_statement(folder)
    if statement.predicate_type != EVALUATION:
        raise BadFormat(f"{folder / RECORD} is no evaluation record but {statement.predicate_type[:120]!r}")
    record = parse_record(statement.predicate)
    if not statement.about("sha256", record.model):
        raise BadFormat("the record is about another model than its statement")
    table = parse_table(read_bounded(folder / TABLE, MAX_TABLE_BYTES))
    path = folder / TRANSCRIPT
    spoken = parse_transcript(read_bounded(path, MAX_BYTES)) if answers and path.exists() else None
    return Read(suite, CheckedRun.of(record, suite, table), statement, signer, spoken)


def read_statement(folder: Path) -> tuple[Statement, PublicKey | None]:
    """Return the statement of a run, and the key that signed it, None if it is not signed.

    Raises BadSignature, BadFormat, TooLarge, or NotFoundError.
    """
    data = read_bounded(folder / RECORD, MAX_RECORD_BYTES)
    try:
        bundle = parse_bundle_json(data)
    except BadFormat:
        return parse_statement(data), None
    try:
        key = PublicKey.from_text(read_bounded(folder / SIGNER, _MAX_KEY).decode("ascii", "replace"))
    except NotFoundError as error:
        raise BadSignature(f"the key that signed {folder / RECORD} is missing: {SIGNER}") from error
    return verify_bundle(bundle, key).statement, key
