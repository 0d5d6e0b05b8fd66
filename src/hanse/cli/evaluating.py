"""What the commands about evaluations share: flags, the model, engine and signer they name, a record as text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from hanse.cli.usage import WrongUsage
from hanse.errors import BadSetting, InputError

if TYPE_CHECKING:
    from hanse.evals.engine import Engine
    from hanse.evals.suite import Suite
    from hanse.flows.evaluate.subject import Subject
    from hanse.model.decision import Signed

EVALUATOR = "unnamed.invalid"
_MAX_KEY = 4096
Shown = Literal["public", "federation", "member"]
Json = Annotated[bool, Parameter(name="--json", help="Print one JSON object.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Running:
    """What runs the model, and who says so."""

    api: Annotated[str, Parameter(help="Address that speaks the OpenAI form, instead of an engine here.")] = ""
    model: Annotated[str, Parameter(help="What the model is called at that address.")] = ""
    api_key_file: Annotated[Path | None, Parameter(help="File with the key for it; default HANSE_API_KEY.")] = None
    attested_by: Annotated[
        Path | None, Parameter(help="Public key of the member who attests which files answer at that address.")
    ] = None
    engine: Annotated[Literal["xllamacpp", "transformers"], Parameter(help="Engine for weights on this machine.")] = "xllamacpp"
    python: Annotated[str, Parameter(help="Interpreter of the environment that has the engine.")] = ""
    threads: Annotated[int, Parameter(help="Threads of computing.")] = 1
    context: Annotated[int, Parameter(help="Tokens of context.")] = 4096
    key: Annotated[str, Parameter(help="Your private key, as for hanse sign; without one the record is not signed.")] = ""
    evaluator: Annotated[str, Parameter(name="--as", help="Origin of your institution.")] = EVALUATOR
    max_seconds: Annotated[float, Parameter(help="Stop after so long; the same command goes on.")] = 0.0
    max_tokens: Annotated[int, Parameter(help="Stop after so many tokens; the same command goes on.")] = 0


@Parameter(name="*")
@dataclass(frozen=True)
class Carding:
    """Whether a run card is written, and what a run costs."""

    run_card: Annotated[bool, Parameter(help="Write a run card: speed, memory, energy, cost.")] = False
    price_per_hour: Annotated[float | None, Parameter(help="What an hour of this machine costs, in your currency.")] = None
    price_per_million: Annotated[float | None, Parameter(help="What a million tokens of answers cost.")] = None
    max_cost: Annotated[float, Parameter(help="Stop there, at these prices; the same command goes on.")] = 0.0
    anchor: Annotated[str, Parameter(help="Interpreter with xllamacpp, for the card's anchor sample.")] = ""


@Parameter(name="*")
@dataclass(frozen=True)
class Asking:
    """Which node makes the evaluation instead of this machine, and whom it shows what lies behind the record."""

    on: Annotated[str, Parameter(help="Address of a node that is to make it; see hanse login.")] = ""
    detach: Annotated[bool, Parameter(help="With --on: do not wait; the same command waits later.")] = False
    table: Annotated[Shown, Parameter(help="With --on: who may fetch the item table.")] = "member"
    transcript: Annotated[Shown, Parameter(help="With --on: who may fetch prompts and answers.")] = "member"


def subject_of(target: str, chosen: Running) -> tuple[Subject, dict[str, str]]:
    """Return the model that is named, and further digests of it; raises WrongUsage if nothing names one."""
    found = named(target, chosen)
    return found.subject, found.digests


@dataclass(frozen=True, slots=True)
class Named:
    """A model that is named. digests: further ones of it; vouching: who signed it and is believed, where it was pulled."""

    subject: Subject
    digests: dict[str, str]
    vouching: tuple[Signed, ...] = ()


def named(target: str, chosen: Running) -> Named:
    """Return the model that is named, behind an address as a claim about it; raises WrongUsage if nothing names one."""
    from hanse.flows.evaluate.subject import claimed, of_endpoint, of_folder

    if (chosen.model and not chosen.api) or (chosen.api and not (chosen.model or target)):
        raise WrongUsage("an address needs a model's name, and the other way round", hint="--api URL --model NAME")
    if chosen.attested_by is not None and not (chosen.api and target):
        raise WrongUsage("which files are attested is for you to name", hint="NAMESPACE/NAME@REV --api URL --attested-by FILE")
    if not target:
        if not chosen.api:
            raise WrongUsage("no model is named", hint="give a folder, NAMESPACE/NAME, or --api URL --model NAME")
        return Named(of_endpoint(chosen.api, chosen.model), {})
    found = Named(of_folder(Path(target)), {}) if Path(target).exists() else _pulled(target)
    return replace(found, subject=claimed(found.subject)) if chosen.api else found


def suite_of(name: str, source: Path | None = None) -> Suite:
    """Return the suite with this name, in this folder, or of a revision, datasets/NAMESPACE/NAME@REVISION, which is pulled.

    source: as for `hanse.flows.suites.find.find_suite`, which raises.
    """
    from hanse.flows.suites.find import find_suite

    if not name.startswith("datasets/") or Path(name).exists():
        return find_suite(name, source)
    from hanse.cli.pull import pull_verified

    return find_suite(str(pull_verified(name.removeprefix("datasets/"), dataset=True).path), source)


def _pulled(target: str) -> Named:
    """Pull a revision and return it, hashed once more from where the engine reads it."""
    from hanse.cli.pull import pull_verified
    from hanse.errors import VerificationFailed
    from hanse.flows.evaluate.subject import of_folder

    pulled = pull_verified(target)
    one = pulled.receipt
    found = of_folder(pulled.path, f"{one.repo.path}@{one.rev}")
    if one.tree and found.tree != one.tree:
        raise VerificationFailed(f"{pulled.path} holds the tree {found.tree}, the revision has {one.tree}")
    return Named(found, {"gitCommit": one.rev}, pulled.vouching)


def signer_of(key: str) -> Any:
    """Return the signer of a key that a person names, None for none; raises BadFormat for one that signs no statements."""
    from hanse.cli.sign import passphrase

    if not key:
        return None
    from hanse.keys.custody import open_signer
    from hanse.sign.dsse import require_signing

    signer = open_signer(key, passphrase())
    require_signing(signer)
    return signer


@contextmanager
def engine_of(subject: Subject, chosen: Running) -> Iterator[Engine]:
    """Give what runs a model, which is ended at the end."""
    from hanse.jobs.engine import EngineLimits, LocalEngine
    from hanse.peers.openai import Endpoint

    engine: Engine
    if chosen.api:
        engine = Endpoint(chosen.api, name_at(subject, chosen), key=api_key(chosen.api_key_file))
    else:
        if subject.file is None or not 0 < chosen.threads <= 1024 or not 0 < chosen.context <= 2**20:
            raise InputError("an engine runs with 1 to 1,024 threads and 1 to 1,048,576 tokens of context")
        engine = LocalEngine(chosen.engine, subject.file, EngineLimits(chosen.threads, chosen.context), chosen.python)
    try:
        yield engine
    finally:
        engine.close()


def name_at(subject: Subject, chosen: Running) -> str:
    """Return what a model is called at an address: as the caller says, or as it is called everywhere."""
    return chosen.model or subject.name.partition("@")[0]


def api_key(file: Path | None) -> str:
    """Return the key in a file, or in HANSE_API_KEY where none is named; raises BadSetting, NotFoundError, TooLarge."""
    from hanse.flows.bounded import read_bounded

    if file is None:
        return os.environ.get("HANSE_API_KEY", "").strip()
    try:
        return read_bounded(file, _MAX_KEY).decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise BadSetting(f"{file} holds no key: it is not ASCII text") from error


def record_text(record: dict[str, Any], to: Path) -> str:
    """Return what a record says, for a person."""
    from hanse.cli.printable import clean
    from hanse.cli.verified import rows

    score, counts = record["score"], record["counts"]
    flat = "; within one item of 0 or 1: agreement alone says nothing" if score["degenerate"] else ""
    lines = [f"score: {score['value']}, 95 % interval {score['low']} to {score['high']}, {score['n']} items{flat}"]
    by = f", as {clean(record['runner']['attestedBy'])} attests" if "attestedBy" in record["runner"] else ""
    lines += rows("model", [f"{clean(record['model']['name'])}, weights {record['model']['weights']}{by}"])
    if corrected := _corrected(record, to):
        lines += rows("corrected", [corrected_text(corrected)])
    ended = ", ".join(f"{count} {name}" for name, count in counts.items() if count and name != "total")
    lines += rows("ended", [ended])
    lines += rows("record", [str(to / "record.json")])
    return "\n".join(lines)


def with_corrected(record: dict[str, Any], to: Path) -> dict[str, Any]:
    """Return what a record says, for programs: with the rate corrected for the scorer's errors, where that is known."""
    found = _corrected(record, to)
    return record if found is None else record | {"corrected": found}


def _corrected(record: dict[str, Any], to: Path) -> dict[str, str] | None:
    from hanse.evals.scorers.correction import corrected_json
    from hanse.flows.suites.find import calibration_in

    calibration = calibration_in(record["suite"], to)
    return None if calibration is None else corrected_json(calibration, record["score"])


def corrected_text(said: dict[str, str]) -> str:
    """Return a corrected rate, for a person."""
    errs = f"sensitivity {said['sensitivity']}, specificity {said['specificity']}"
    return f"{said['value']}, 95 % interval {said['low']} to {said['high']}; the scorer has {errs} on people's labels"
