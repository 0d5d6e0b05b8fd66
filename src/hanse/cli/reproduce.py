"""`hanse reproduce` and `hanse compare`: check another's evaluation, and lay two runs side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from hanse.cli.driving import Driving
from hanse.cli.evaluating import Json, Running, Shown
from hanse.cli.usage import WrongUsage
from hanse.clock import SystemClock
from hanse.errors import InputError

if TYPE_CHECKING:
    from hanse.evals.countersignature import Countersignature
    from hanse.flows.evaluate.reproduce import SideBySide
    from hanse.flows.evaluate.runfolder import Read

Level = Literal["V0", "V1", "V2", "V3", "V4"]
_COINS = {
    "nothing": "not checked of the checkpoint: its signature, and that it was the first one after the record (--node URL)",
    "signature, leaves, record": "the checkpoint has the record; whether it was the first one its log does not tell",
    "first": "the checkpoint is the first one after the record that anybody cosigned, as its log says",
}
EXITS = {"AGREES": 0, "INCONCLUSIVE": 3, "NOT_COMPARABLE": 3}


def reproduce(
    record: Annotated[Path, Parameter(help="Folder of the run that is checked.")],
    target: Annotated[str, Parameter(help="From V2: FOLDER or NAMESPACE/NAME[@REVISION] of the model that was evaluated.")] = "",
    /,
    *,
    level: Annotated[
        Level, Parameter(help="V0 numbers, V1 scores, V2 tokens, V3 a run of your own, V4 that was committed.")
    ] = "V1",
    to: Annotated[Path | None, Parameter(help="Where the countersignature goes; V3 and V4: folder of your own run.")] = None,
    checkpoint: Annotated[
        Path | None, Parameter(help="V2: file with the log's first checkpoint after the record; default: asked of --node.")
    ] = None,
    node: Annotated[str, Parameter(help="V2: address of the log with the record, or its node, to check the checkpoint by.")] = "",
    items: Annotated[int, Parameter(help="V2: how many items are audited.")] = 60,
    running: Running | None = None,
    driving: Driving | None = None,
    as_json: Json = False,
) -> int:
    """Check a record: its numbers, its scores, the tokens of drawn items, or by a run of your own; with --to, countersign it.

    Exits with 0 if it holds or agrees, 1 if it does not, 3 if your check cannot decide.
    """
    chosen = running or Running()
    if to is not None:
        _require_writable(to)
    if level == "V2" and to is not None:
        _signing(chosen)
    if level in ("V0", "V1"):
        return _numbers(record, level, to, chosen, as_json=as_json)
    if level == "V2":
        return _audit(record, target, to, chosen, (checkpoint, node, items), as_json=as_json)
    return _runs(record, target, level, to, (chosen, driving or Driving()), as_json=as_json)


def _numbers(record: Path, level: str, to: Path | None, chosen: Running, *, as_json: bool) -> int:
    """Check at V0 or V1."""
    from hanse.errors import VerificationFailed
    from hanse.flows.evaluate.reproduce import check_scores, run_json
    from hanse.flows.evaluate.runfolder import read_run

    read = read_run(record, answers=level != "V0")
    try:
        if level == "V1":
            check_scores(read)
    except VerificationFailed:
        if to is not None:
            _say(to, _checked(read, level, chosen, "INVALID", "scores-do-not-follow"), read, chosen)
        raise
    if to is not None:
        _say(to, _checked(read, level, chosen, "AGREES"), read, chosen)
    said = {"level": level, "holds": True} | run_json(read)
    print(json.dumps(said, indent=2, ensure_ascii=False) if as_json else f"{level} holds: {_run(read)}")
    return 0


def _checked(read: Read, level: str, chosen: Running, verdict: str, *reasons: str) -> Countersignature:
    from hanse.evals.compare import Verdict
    from hanse.evals.countersignature import Countersignature
    from hanse.evals.countersignature import Level as Reached
    from hanse.model.repo import parse_origin

    return Countersignature(read.record.digest, Reached(level), Verdict(verdict), parse_origin(chosen.evaluator), reasons)


def _audit(
    record: Path, target: str, to: Path | None, chosen: Running, drawn: tuple[Path | None, str, int], *, as_json: bool
) -> int:
    """Check at V2."""
    from hanse.flows.bounded import read_bounded
    from hanse.flows.evaluate.audit import MAX_CHECKPOINT, text_of
    from hanse.flows.evaluate.reproduce import check_if_ours
    from hanse.flows.evaluate.runfolder import read_run

    file, node = drawn[:2]
    if (file is None and not node) or chosen.api:
        raise WrongUsage(
            "an audit needs the weights and a log's checkpoint",
            hint="--node URL of the log with the record, or --checkpoint FILE: the first one after it, which chooses the items",
        )
    note = None if file is None else read_bounded(file, MAX_CHECKPOINT)
    read = read_run(record)
    note, checked = _coin(node, note, read, target) if note is None or node else (note, "nothing")
    text = text_of(note)
    unscored = check_if_ours(read)
    one, items = _audited(read, target, chosen, text, drawn[2])
    one = replace(one, reasons=(*one.reasons, *unscored))
    if to is not None:
        _say(to, one, read, chosen)
    if as_json:
        print(json.dumps(one.predicate() | {"items": list(items), "checkpointChecked": checked}, indent=2))
    else:
        print(f"{_run(read)}\n{_figures(one)}")
        if items:
            print(f"against it: {', '.join(items[:20])}")
        print(_COINS[checked])
    return EXITS.get(one.verdict.value, 1)


def _coin(url: str, note: bytes | None, read: Read, target: str) -> tuple[bytes, str]:
    """Return the checkpoint that draws, the log's own if none is given, and what was checked of it; raises as `check_coin`."""
    import os

    from hanse.flows.evaluate.coin import check_coin, fetch_coin
    from hanse.flows.inspect_log import open_log_at
    from hanse.home import home_folder
    from hanse.peers.client import PeerClient

    client = PeerClient()
    try:
        log = open_log_at(client, url, home_folder(os.environ), SystemClock().now())
        name = target.partition("@")[0]
        note = note or fetch_coin(log, read.record, name)
        found = check_coin(log, note, read.record, name)
    finally:
        client.close()
    return note, "first" if found.first else "signature, leaves, record"


def _audited(read: Read, target: str, chosen: Running, text: bytes, k: int) -> tuple[Countersignature, tuple[str, ...]]:
    """Return what an audit by an engine here comes to, and the items that speak against the record."""
    from hanse.cli.evaluating import engine_of, subject_of
    from hanse.evals.record import numerics_class
    from hanse.flows.evaluate.audit import audit
    from hanse.flows.evaluate.reproduce import require_same_model
    from hanse.jobs.engine import LocalEngine

    subject = subject_of(target, chosen)[0]
    require_same_model(read, subject)
    with engine_of(subject, chosen) as engine:
        assert isinstance(engine, LocalEngine)
        same = numerics_class(engine.observed().numerics) == read.record.numerics_class
        found = audit(read, engine, text, k)
    one = _checked(read, "V2", chosen, found.verdict.value, *found.reasons)
    return replace(one, audit=found.audit, same_numerics=same), found.items


def _figures(one: Countersignature) -> str:
    assert one.audit is not None
    audit, why = one.audit, f" ({', '.join(one.reasons)})" if one.reasons else ""
    figures = f"{audit.tokens} tokens of {audit.k} items: mean gap {audit.gap_mean}, 99 % below {audit.gap_p99}"
    numerics = "one numerics class" if one.same_numerics else "two numerics classes"
    return f"{figures}, likeliest {audit.argmax}\n{one.verdict.value}{why}, in {numerics}, by the table {audit.threshold}"


def _runs(record: Path, target: str, level: str, to: Path | None, how: tuple[Running, Driving], *, as_json: bool) -> int:
    """Check at V3 or V4."""
    from hanse.flows.evaluate import countersign
    from hanse.flows.evaluate.reproduce import check_if_ours, side_by_side, to_json
    from hanse.flows.evaluate.reproduce import countersign as say
    from hanse.flows.evaluate.runfolder import read_run

    read = read_run(record)
    if read.spoken is not None:
        check_if_ours(read)
    if to is None:
        raise WrongUsage("a run of your own needs a folder", hint="--to FOLDER")
    # At V4 one's own run was made, and committed to, before: it is not run again.
    own = _rerun(read, target, to, *how) if level == "V3" else read_run(to, answers=False)
    both = side_by_side(read, own)
    one = say(both)
    if level == "V4":
        one = countersign.blinded(one, to, own)
    _say(to, one, read, how[0])
    print(json.dumps({"level": level} | to_json(both), indent=2) if as_json else _text(both))
    return EXITS.get(both.verdict.verdict.value, 1)


def _say(to: Path, one: Countersignature, read: Read, chosen: Running) -> None:
    from hanse.cli.evaluating import signer_of
    from hanse.flows.evaluate.countersign import write

    write(to, one, read.record, signer_of(chosen.key))


def _require_writable(to: Path) -> None:
    from hanse.flows.evaluate.countersign import SAID
    from hanse.store.outfile import require_writable

    require_writable(to / SAID, folders=True)


def _signing(chosen: Running) -> None:
    """Raise what a key that cannot sign raises, before the work is done."""
    from hanse.cli.evaluating import signer_of

    signer_of(chosen.key)


def _rerun(read: Read, target: str, to: Path, chosen: Running, driving: Driving) -> Read:
    from hanse.cli.driving import run_harness
    from hanse.cli.evaluate import run_suite
    from hanse.cli.evaluating import subject_of
    from hanse.evals.harness import DRIVEN
    from hanse.flows.evaluate.reproduce import require_same_model
    from hanse.flows.evaluate.runfolder import read_run

    require_same_model(read, subject_of(target, chosen)[0])
    if driving.harness:
        run_harness(target, to, chosen, driving)
    elif DRIVEN in read.record.gaps:
        said = read.record.runner
        raise InputError(
            f"{said.get('name', '')} planned and scored this run", hint=f"--harness {said.get('name')} --task {said.get('task')}"
        )
    else:
        run_suite(target, read.suite, to, chosen)
    return read_run(to, answers=False)


def compare(
    first: Annotated[Path, Parameter(help="Folder of a run.")],
    second: Annotated[Path, Parameter(help="Folder of another run of the same suite.")],
    /,
    *,
    as_json: Json = False,
) -> int:
    """Lay two runs of one suite side by side, of one model or of two, such as open weights beside a model behind an address."""
    from hanse.flows.evaluate.reproduce import side_by_side, to_json
    from hanse.flows.evaluate.runfolder import read_run

    both = side_by_side(read_run(first, answers=False), read_run(second, answers=False))
    print(json.dumps(to_json(both), indent=2, ensure_ascii=False) if as_json else _text(both))
    return 0


def _run(read: Read) -> str:
    from hanse.cli.evaluating import corrected_text
    from hanse.cli.printable import clean
    from hanse.flows.evaluate.reproduce import run_json

    record, score = read.record, read.record.score
    signed = "not signed" if read.signer is None else f"signed by key {read.signer.fingerprint[:16]}"
    value = f"{score.value} ({score.low} to {score.high}) on {score.n} items"
    text = f"{clean(record.name)}, weights {record.weights.value}: {value}; by {record.evaluator}, {signed}"
    corrected = run_json(read).get("corrected")
    return f"{text}\n   corrected: {corrected_text(corrected)}" if corrected else text


def _text(both: SideBySide) -> str:
    found, one = both.verdict, both.pairing
    lines = [f"A  {_run(both.first)}", f"B  {_run(both.second)}"]
    if one is not None:
        lines.append(f"difference B - A: {one.difference:+.4f}, 90 % interval {one.ci90.low:+.4f} to {one.ci90.high:+.4f}")
        lines.append(f"items that agree: {one.agreement:.4f} of {one.n}; only A {one.discordant[0]}, only B {one.discordant[1]}")
    if "other-model" in found.reasons:
        lines.append("two models: their scores are compared, there is nothing to reproduce")
        return "\n".join(lines)
    why = f" ({', '.join(found.reasons)})" if found.reasons else ""
    numerics = "one numerics class" if found.same_class else "two numerics classes"
    return "\n".join([*lines, f"{found.verdict.value}{why}, in {numerics}"])


def publish(
    record: Annotated[Path, Parameter(help="Folder of a run, of a countersignature, or of both.")],
    name: Annotated[str, Parameter(help="NAMESPACE/NAME@REVISION that was evaluated, as this node has it.")],
    /,
    *,
    commitment: Annotated[bool, Parameter(help="Log only a commitment to the record, to be opened later (V4).")] = False,
    table: Annotated[Shown, Parameter(help="Who may fetch the item table from the node.")] = "member",
    transcript: Annotated[Shown, Parameter(help="Who may fetch prompts and answers from the node.")] = "member",
    data: Annotated[Path | None, Parameter(help="Folder of everything the node keeps.")] = None,
    config: Annotated[Path | None, Parameter(help="Settings file of the node.")] = None,
    database: Annotated[str | None, Parameter(help="Catalogue of the node, if it is not in the data folder.")] = None,
) -> None:
    """Log a record, or a countersignature, as this node's statement about a revision; the node may run meanwhile.

    With --table or --transcript the node keeps the files of the run, too, for those who may fetch them: hanse fetch-record.
    """
    from hanse.cli.admin import Where, settings_of
    from hanse.cli.upkeep import tended
    from hanse.flows import access
    from hanse.flows.evaluate.publish import publish_folder
    from hanse.flows.evaluations.kept import Shown as Tiers
    from hanse.flows.evaluations.kept import check_shown, keep_folder
    from hanse.model.actor import Actor
    from hanse.model.repo import RepoType
    from hanse.model.tier import Tier

    path, _, revision = name.partition("@")
    operator = Actor(account_id=0, name="operator", admin=True, role="write")
    with tended(settings_of(Where(data, config, database))) as node:
        repo = access.find_typed(node, operator, RepoType.MODEL, path)
        there = access.resolve_revision(node, repo, revision or "main")
        check_shown(record, Tiers(Tier(table), Tier(transcript)))
        found = publish_folder(node, repo, there, record, commitment=commitment)
        if (table, transcript) != ("member", "member"):
            keep_folder(node, there, record, found, Tiers(Tier(table), Tier(transcript)))
    for bundle in found:
        print(json.dumps({"payload": bundle.digest, "key": bundle.key.fingerprint}))
