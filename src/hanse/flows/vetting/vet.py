"""Judging a tool by a labelled corpus, and the folder that comes of it.

    record.json    the statement: a bundle if it is signed, else its bare JSON; written last
    signer.pub     the public key that the bundle is by: a hint, not a proof of whose it is
    table.jsonl    what the tool said of each item

Whoever has the folder checks that every number follows from the table; whoever has the corpus, too, runs the tool again and lays
the tables side by side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanse import __version__
from hanse.errors import BadFormat, Conflict
from hanse.evals.toolrecord import (
    MAX_TABLE_BYTES,
    TOOL_EVALUATION,
    Item,
    Outcome,
    Said,
    Table,
    check_tool,
    parse_table,
    predicate,
)
from hanse.flows.bounded import read_bounded
from hanse.flows.evaluate.runfolder import RECORD, SIGNER, TABLE, put, read_statement
from hanse.flows.suites.labels import labelled
from hanse.flows.vetting.corpus import Corpus
from hanse.flows.vetting.tools import SCORER, Tool, judged_text
from hanse.model.publickey import PublicKey, Signer
from hanse.model.repo import Origin
from hanse.sign.bundle import make_bundle
from hanse.sign.statement import Statement, Subject
from hanse.store.durable import make_directory, storage_errors
from hanse.store.outfile import require_writable

UNKNOWN = "unknown"
"""What stands for a version that nobody named."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a record says beside what was found, and who signs it.

    detect, pass_: labels of items that are to be flagged, and to be passed; signer: None leaves the record unsigned.
    """

    detect: tuple[str, ...]
    pass_: tuple[str, ...]
    evaluator: Origin
    signer: Signer | None = None


@dataclass(frozen=True, slots=True)
class Vetted:
    """A record that was checked against its table. predicate: as the statement has it; signer: None if it is not signed."""

    predicate: dict[str, Any]
    table: Table
    signer: PublicKey | None


def vet(tool: Tool, corpus: Corpus, order: Order, folder: Path, tell: Callable[[int], None] = lambda _: None) -> Vetted:
    """Ask a tool about every item of a corpus and write the record; `tell` is called with how many were asked about.

    Raises Conflict for a folder that has a record; BadFormat for labels of which the corpus has none; what the tool raises.
    """
    _require_new(folder)
    rows = []
    for row in tool.ask(corpus):
        rows.append(row)
        tell(len(rows))
    return _write(folder, tool.named, corpus.name, Table.of(rows), order)


def vet_refusals(source: Path | None, order: Order, folder: Path) -> Vetted:
    """Judge the refusal scorer by the answers in PyRIT that people labelled; source: wheel or folder of the package.

    Labels: `refusal` and `answer`. Raises as `vet` does, and what reading the package raises.
    """
    _require_new(folder)
    rows: list[tuple[Item, Outcome]] = []
    for number, one in enumerate(labelled(source)):
        digest = hashlib.sha256(one.answer.encode()).hexdigest()
        item = Item(f"answer-{number:05}", digest, "refusal" if one.refusal else "answer")
        rows.append((item, judged_text(one.answer)))
    return _write(folder, SCORER, "pyrit 1.1.0 refusal labels", Table.of(rows), order)


def read_vetted(folder: Path) -> Vetted:
    """Return the record in a folder, its numbers checked against its table.

    Raises VerificationFailed if numbers do not follow, BadSignature, BadFormat, TooLarge, or NotFoundError for what is missing.
    """
    statement, signer = read_statement(folder)
    if statement.predicate_type != TOOL_EVALUATION:
        raise BadFormat(f"{folder / RECORD} is no record of a tool but {statement.predicate_type[:120]!r}")
    table = parse_table(read_bounded(folder / TABLE, MAX_TABLE_BYTES))
    check_tool(statement.predicate, table)
    if not statement.about("sha256", table.corpus):
        raise BadFormat("the record is about another corpus than its statement")
    return Vetted(dict(statement.predicate), table, signer)


def _require_new(folder: Path) -> None:
    require_writable(folder / RECORD, folders=True)
    if (folder / RECORD).exists():
        raise Conflict(f"{folder} has a record already", hint="choose another folder")


def _write(folder: Path, named: Any, corpus: str, table: Table, order: Order) -> Vetted:
    gaps = ("tool.version",) if named["version"] == UNKNOWN else ()
    said = Said(named, corpus, order.detect, order.pass_, order.evaluator, {"name": "hanse", "version": __version__}, gaps)
    found = predicate(said, table)
    check_tool(found, table)
    statement = Statement((Subject(corpus, {"sha256": table.corpus}),), TOOL_EVALUATION, found)
    bundle = None if order.signer is None else make_bundle(statement, order.signer)
    with storage_errors(f"write {folder}"):
        make_directory(folder, 0o700)
    put(folder / TABLE, table.encode())
    if bundle is not None:
        put(folder / SIGNER, bundle.key.text.encode())
    put(folder / RECORD, statement.encode() if bundle is None else bundle.encode())
    return Vetted(found, table, None if bundle is None else bundle.key)
