"""`hanse suite vet`, `tools` and `log`: scanners and scorers judged by labelled corpora, and the list of their records."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from hanse.cli.evaluating import EVALUATOR, Json
from hanse.cli.usage import WrongUsage
from hanse.errors import InputError

if TYPE_CHECKING:
    from hanse.flows.vetting.tools import Tool
    from hanse.flows.vetting.vet import Order

_STEP = 100
Data = Annotated[Path | None, Parameter(help="Folder of everything the node keeps.")]
Config = Annotated[Path | None, Parameter(help="Settings file of the node.")]
Catalogue = Annotated[str | None, Parameter(help="Catalogue of the node, if it is not in the data folder.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Vetting:
    """What is asked, and who says so."""

    command: Annotated[str, Parameter(help="Command of another scanner, {file} for the file: exit 0 passed, 1 flagged.")] = ""
    tool_version: Annotated[str, Parameter(help="Version of that scanner, as its record will say.")] = ""
    seconds: Annotated[int, Parameter(help="Most seconds of that command for one file.")] = 300
    detect: Annotated[tuple[str, ...], Parameter(help="Label that is to be flagged; may be repeated.")] = ()
    pass_: Annotated[tuple[str, ...], Parameter(name="--pass", help="Label that is to be passed; may be repeated.")] = ()
    source: Annotated[Path | None, Parameter(name="--from", help="refusal without CORPUS: wheel or folder of pyrit.")] = None
    key: Annotated[str, Parameter(help="Your private key, as for hanse sign; without one the record is not signed.")] = ""
    evaluator: Annotated[str, Parameter(name="--as", help="Origin of your institution.")] = EVALUATOR


def vet(
    tool: Annotated[str, Parameter(help="hanse, picklescan, modelaudit, refusal, or a name of yours with --command.")],
    corpus: Annotated[Path | None, Parameter(help="Folder with labels.tsv; refusal: default the labels of pyrit.")] = None,
    /,
    *,
    to: Annotated[Path, Parameter(help="New folder of the record.")],
    vetting: Vetting | None = None,
    as_json: Json = False,
) -> None:
    """Judge a scanner or scorer by a labelled corpus and write a record with its rates, which anybody can check.

    Files are read as bytes; what another scanner does with its copy of a file is its own matter, within limits.
    """
    from hanse.flows.vetting.corpus import read_corpus
    from hanse.flows.vetting.vet import vet as judged
    from hanse.flows.vetting.vet import vet_refusals

    chosen = vetting or Vetting()
    order = _order(tool, chosen)
    if corpus is None:
        if tool != "refusal" or chosen.command:
            raise WrongUsage("no corpus is named", hint="give the folder with labels.tsv; only refusal has labels in a package")
        found = vet_refusals(chosen.source, order, to)
    else:
        found = judged(_tool(tool, chosen), read_corpus(corpus), order, to, _tell)
    key = None if found.signer is None else str(found.signer.fingerprint)
    print(json.dumps(found.predicate, indent=2, ensure_ascii=False) if as_json else _line(found.predicate, key))


def tools(
    folders: Annotated[tuple[Path, ...], Parameter(help="Folders of records; default: those in this node's log.")] = (),
    /,
    *,
    data: Data = None,
    config: Config = None,
    database: Catalogue = None,
    as_json: Json = False,
) -> None:
    """List vetted tools by their records.

    Of a folder the numbers are checked against the table, and the signature by the key beside it; of the node's log, what it
    signed is shown.
    """
    if folders:
        from hanse.flows.vetting.vet import read_vetted

        found = [read_vetted(one) for one in folders]
        rows = [(one.predicate, None if one.signer is None else str(one.signer.fingerprint)) for one in found]
    else:
        from hanse.cli.admin import Where, settings_of
        from hanse.cli.upkeep import tended
        from hanse.flows.vetting.publish import catalogue

        with tended(settings_of(Where(data, config, database))) as node:
            rows = [(one.predicate, one.key) for one in catalogue(node)]
    if as_json:
        print(json.dumps({"tools": [said | {"key": key} for said, key in rows]}, indent=2, ensure_ascii=False))
        return
    for said, key in rows:
        print(_line(said, key))


def log(
    record: Annotated[Path, Parameter(help="Folder of the record.")],
    name: Annotated[str, Parameter(help="NAMESPACE/NAME[@REVISION] of the data set with labels.tsv, as this node has it.")],
    /,
    *,
    data: Data = None,
    config: Config = None,
    database: Catalogue = None,
) -> None:
    """Log the record of a tool as this node's statement about the revision with the labels. May run while the node does."""
    from hanse.cli.admin import Where, settings_of
    from hanse.cli.upkeep import tended
    from hanse.flows import access
    from hanse.flows.vetting.publish import publish
    from hanse.flows.vetting.vet import read_vetted
    from hanse.model.actor import Actor
    from hanse.model.repo import RepoType, parse_repo_id

    found = read_vetted(record)
    path, _, revision = name.partition("@")
    operator = Actor(account_id=0, name="operator", admin=True, role="write")
    with tended(settings_of(Where(data, config, database))) as node:
        repo = access.resolve(node, operator, parse_repo_id(node.origin, RepoType.DATASET, path))
        bundle = publish(node, repo, access.resolve_revision(node, repo, revision or "main"), found)
    print(json.dumps({"payload": bundle.digest, "key": bundle.key.fingerprint}))


def _order(tool: str, chosen: Vetting) -> Order:
    from hanse.cli.sign import passphrase
    from hanse.flows.vetting.vet import Order
    from hanse.model.repo import parse_origin

    signer = None
    if chosen.key:
        from hanse.keys.custody import open_signer

        signer = open_signer(chosen.key, passphrase())
    scorer = tool == "refusal" and not chosen.command
    detect = chosen.detect or ("refusal" if scorer else "malicious",)
    passing = chosen.pass_ or ("answer" if scorer else "benign",)
    return Order(detect, passing, parse_origin(chosen.evaluator), signer)


def _tool(name: str, chosen: Vetting) -> Tool:
    from hanse.flows.vetting.tools import COMMANDS, command, own_scanner, refusal_scorer
    from hanse.flows.vetting.vet import UNKNOWN
    from hanse.jobs.external import PLACE, CommandLimits

    if not chosen.command and name in {"hanse", "refusal"}:
        return own_scanner() if name == "hanse" else refusal_scorer()
    words: Sequence[str] = _words(chosen.command) or COMMANDS.get(name, ())
    if not words or not any(PLACE in word for word in words):
        raise InputError(
            f"{name[:60]!r} is not a tool that is known, and no command with {PLACE} says how to run it",
            hint=f"there are hanse, refusal, {', '.join(COMMANDS)}; for another: --command 'PROGRAM {PLACE}'",
        )
    if not 0 < chosen.seconds <= 3600:
        raise InputError(f"a command gets 1 to 3,600 seconds for a file, not {chosen.seconds}")
    return command(name, words, chosen.tool_version or UNKNOWN, CommandLimits(seconds=chosen.seconds))


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InputError(f"--command is no command: {error}") from error


def _tell(count: int) -> None:
    if count % _STEP == 0:
        print(f"asked about {count:,} files", file=sys.stderr, flush=True)


def _line(said: dict[str, Any], key: str | None) -> str:
    from hanse.cli.printable import clean

    tool, corpus = said["tool"], said["corpus"]
    signed = "not signed" if key is None else f"signed by key {key[:16]}"
    lines = [f"{clean(tool['name'])} {clean(tool['version'])} on {clean(corpus['name'])} ({corpus['sha256'][:12]}), {signed}"]
    names = {"detection": "detects", "falseAlarm": "false alarms", "notPassed": "not passed"}
    for rate, what in names.items():
        found = said["rates"][rate]
        lines.append(f"  {what:13} {found['value']}, 95 % interval {found['low']} to {found['high']}, of {found['n']}")
    return "\n".join(lines)
