"""`hanse reproduce` and `hanse compare`: check another's evaluation, and lay two runs side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from hanse.cli.evaluate import Json, Running
from hanse.errors import InputError

if TYPE_CHECKING:
    from hanse.flows.evaluate.reproduce import SideBySide
    from hanse.flows.evaluate.runfolder import Read

Level = Literal["V0", "V1", "V3"]


def reproduce(
    record: Annotated[Path, Parameter(help="Folder of the run that is checked.")],
    target: Annotated[str, Parameter(help="V3: FOLDER or NAMESPACE/NAME[@REVISION] of the model that was evaluated.")] = "",
    /,
    *,
    level: Annotated[Level, Parameter(help="V0: its numbers; V1: and its scores; V3: and a run of your own.")] = "V1",
    to: Annotated[Path | None, Parameter(help="V3: folder of your own run.")] = None,
    running: Running | None = None,
    as_json: Json = False,
) -> int:
    """Check a record: that its numbers follow from its items, its scores from the answers, and that a run of your own agrees.

    Exits with 0 if it holds (V3: AGREES), 1 if it does not, 3 if a run of your own cannot decide.
    """
    from hanse.flows.evaluate.reproduce import check_scores, run_json, side_by_side, to_json
    from hanse.flows.evaluate.runfolder import read_run

    read = read_run(record, answers=level != "V0")
    if level != "V0" and (level == "V1" or read.spoken is not None):
        check_scores(read)
    if level != "V3":
        said = {"level": level, "holds": True} | run_json(read)
        print(json.dumps(said, indent=2, ensure_ascii=False) if as_json else f"{level} holds: {_run(read)}")
        return 0
    both = side_by_side(read, _rerun(read, target, to, running or Running()))
    print(json.dumps({"level": level} | to_json(both), indent=2) if as_json else _text(both))
    return {"AGREES": 0, "INCONCLUSIVE": 3, "NOT_COMPARABLE": 3}.get(both.verdict.verdict.value, 1)


def _rerun(read: Read, target: str, to: Path | None, chosen: Running) -> Read:
    from hanse.cli.evaluate import run_suite, subject_of
    from hanse.flows.evaluate.reproduce import require_same_model
    from hanse.flows.evaluate.runfolder import read_run

    if to is None:
        raise InputError("a run of your own needs a folder", hint="--to FOLDER")
    require_same_model(read, subject_of(target, chosen)[0])
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
    from hanse.cli.verified import clean

    record, score = read.record, read.record.score
    signed = "not signed" if read.signer is None else f"signed by key {read.signer.fingerprint[:16]}"
    value = f"{score.value} ({score.low} to {score.high}) on {score.n} items"
    return f"{clean(record.name)}, weights {record.weights.value}: {value}; by {record.evaluator}, {signed}"


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
    record: Annotated[Path, Parameter(help="Folder of the run.")],
    name: Annotated[str, Parameter(help="NAMESPACE/NAME@REVISION that was evaluated, as this node has it.")],
    /,
    *,
    data: Annotated[Path | None, Parameter(help="Folder of everything the node keeps.")] = None,
    config: Annotated[Path | None, Parameter(help="Settings file of the node.")] = None,
    database: Annotated[str | None, Parameter(help="Catalogue of the node, if it is not in the data folder.")] = None,
) -> None:
    """Log a record as this node's statement about a revision. May run while the node does, which then sequences the leaf."""
    from hanse.cli.admin import Where, settings_of
    from hanse.cli.upkeep import tended
    from hanse.flows import access
    from hanse.flows.evaluate.publish import publish as log
    from hanse.flows.evaluate.reproduce import check_scores
    from hanse.flows.evaluate.runfolder import read_run
    from hanse.model.actor import Actor
    from hanse.model.repo import RepoType, parse_repo_id

    read = read_run(record)
    check_scores(read)
    path, _, revision = name.partition("@")
    operator = Actor(account_id=0, name="operator", admin=True, role="write")
    with tended(settings_of(Where(data, config, database))) as node:
        repo = access.resolve(node, operator, parse_repo_id(node.origin, RepoType.MODEL, path))
        bundle = log(node, repo, access.resolve_revision(node, repo, revision or "main"), read)
    said: dict[str, Any] = {"payload": bundle.digest, "key": bundle.key.fingerprint}
    print(json.dumps(said))
