"""Writing a run card beside the record of a run, with the anchor sample.

card.json    the statement: a bundle if it is signed (by the key in signer.pub), else its bare JSON
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hanse.errors import BadFormat
from hanse.evals.anchor import is_reference, output_digest, sample
from hanse.evals.engine import Ask, Engine, Usage
from hanse.evals.itemtable import SCORED
from hanse.evals.runcard import RUN_CARD, RunCard, measured, parse_card
from hanse.flows.bounded import read_bounded
from hanse.flows.evaluate.runfolder import SIGNER, Read, put
from hanse.model.digest import Sha256
from hanse.model.publickey import PublicKey, Signer
from hanse.sign.bundle import make_bundle, parse_bundle_json, verify_bundle
from hanse.sign.statement import Statement, Subject, parse_statement

CARD = "card.json"
_MAX_BYTES = 1024 * 1024
_MAX_KEY = 4096


def anchor_of(read: Read, reference: Engine | None) -> dict[str, str]:
    """Return the digests of the anchor sample's answers: from the run itself if its class is the reference, else by an engine.

    reference: an engine of that class; None leaves the anchor empty. Raises BadFormat if it is of another class.
    """
    suite = read.suite
    if is_reference(read.record.numerics):
        said = {one.item: one.answer for one in read.spoken or () if one.epoch == 0 and one.answer.status in SCORED}
        return {one.id: output_digest(said[one.id].text) for one in sample(suite) if one.id in said}
    if reference is None:
        return {}
    if not is_reference(reference.observed().numerics):
        raise BadFormat("the engine of the anchor sample is not of the reference class")
    answers = {one.id: reference.answer(Ask(one, 0, suite.request, suite.decoding)) for one in sample(suite)}
    return {item: output_digest(answer.text) for item, answer in answers.items() if answer.status in SCORED}


def write_card(
    folder: Path,
    read: Read,
    usage: Usage,
    joules: Mapping[str, float],
    *,
    price_per_hour: float | None = None,
    anchor: Mapping[str, str] | None = None,
    signer: Signer | None = None,
) -> RunCard:
    """Write the card of a run into its folder, and return it; raises StorageError."""
    record = read.record
    card = RunCard(
        model=Sha256(record.model),
        name=record.name,
        suite=record.suite,
        numerics=record.numerics,
        hardware=record.hardware,
        evaluator=record.evaluator,
        anchor=anchor or {},
        **measured(usage, joules, price_per_hour),
    )
    statement = Statement((Subject(card.name, {"sha256": card.model}),), RUN_CARD, card.predicate())
    put(folder / CARD, statement.encode() if signer is None else make_bundle(statement, signer).encode())
    return card


def read_card(folder: Path) -> tuple[RunCard, PublicKey | None]:
    """Return the card in a folder, and the key that signed it; raises NotFoundError, BadFormat or BadSignature."""
    data = read_bounded(folder / CARD, _MAX_BYTES)
    key = None
    try:
        bundle = parse_bundle_json(data)
    except BadFormat:
        statement = parse_statement(data)
    else:
        key = PublicKey.from_text(read_bounded(folder / SIGNER, _MAX_KEY).decode("ascii", "replace"))
        statement = verify_bundle(bundle, key).statement
    card = parse_card(statement.predicate)
    if statement.predicate_type != RUN_CARD or not statement.about("sha256", card.model):
        raise BadFormat(f"{folder / CARD} is no run card of the model it is about")
    return card, key
