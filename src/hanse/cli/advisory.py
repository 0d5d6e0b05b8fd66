"""`hanse advisory`: warning of models, for the operator of a node; and what a node knows of warnings, for anybody.

Issuing and withdrawing work on the node's own data folder, so whoever may write it is the operator. The leaf is logged when the
node next runs; the commands may run beside it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from hanse.cli.admin import Json, Where, day, settings_of, show
from hanse.errors import BadFormat, NotFoundError

if TYPE_CHECKING:
    from hanse.flows.advisories.kept import Issued

app = App(name="advisory", help="Warn of models, and say who warns of what.", default_parameter=Parameter(negative=()))
Url = Annotated[str, Parameter(help="Ask the node at this address instead of one on this machine.")]
_MAX_BYTES = 4 * 1024 * 1024


@app.command
def issue(
    file: Path | None = None,
    /,
    *,
    id_: Annotated[str, Parameter(name="--id", help="Its id; default HANSE-, the year and a part of a digest.")] = "",
    kind: Annotated[str, Parameter(help="What it warns of: malicious, vulnerable, license, ...")] = "",
    summary: Annotated[str, Parameter(help="What is wrong, in one line.")] = "",
    details: Annotated[str, Parameter(help="What is wrong and what to do, at any length.")] = "",
    affects: Annotated[
        tuple[str, ...], Parameter(help="What is affected: NAMESPACE/NAME[@REV] of this node, or a package URL.")
    ] = (),
    tree: Annotated[tuple[str, ...], Parameter(help="Tree of an affected revision, whatever it is called.")] = (),
    sha256: Annotated[tuple[str, ...], Parameter(help="SHA-256 of an affected file, wherever it is.")] = (),
    where: Where | None = None,
) -> None:
    """Warn of a model: an OSV record in FILE, or one made of the options, is signed and logged."""
    from hanse.cli.upkeep import tended
    from hanse.flows.advisories.issue import issue as enter
    from hanse.flows.advisories.issue import record_of

    record = {} if file is None else _read(file)
    with tended(settings_of(where)) as node:
        made = record_of(
            node, record, name=id_, kind=kind, summary=summary, details=details, affects=affects, trees=tree, files=sha256
        )
        done = enter(node, made)
    print(f"{done.id} is signed and waits for the log: payload {done.payload}")


@app.command
def withdraw(name: str, /, *, where: Where | None = None) -> None:
    """Take back an advisory of this node: it is in force no more, and stays in the log as one that was withdrawn."""
    from hanse.cli.upkeep import tended
    from hanse.flows.advisories.issue import withdraw as take_back

    with tended(settings_of(where)) as node:
        done = take_back(node, name)
    print(f"{done.id} is withdrawn: payload {done.payload}")


@app.command(name="list")
def list_(
    *,
    every: Annotated[bool, Parameter(name="--all", help="Also those that were withdrawn.")] = False,
    url: Url = "",
    as_json: Json = False,
    where: Where | None = None,
) -> None:
    """List the advisories that a node knows of, its own and those of the logs that it mirrors, the newest first."""
    rows = [one for one in _known(url, where) if every or one["state"] == "in force"]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    show([_row(one) for one in rows], as_json=False)


@app.command(name="show")
def show_(name: str, /, *, url: Url = "", as_json: Json = False, where: Where | None = None) -> None:
    """Show an advisory by its id: who issued it, what is affected, what it says."""
    rows = [one for one in _known(url, where, name) if one["id"] == name]
    if not rows:
        raise NotFoundError(f"no advisory {name[:120]!r} is known there", hint="hanse advisory list")
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for one in rows:
        print("\n".join(_told(one)))


def _row(one: dict[str, Any]) -> dict[str, object]:
    record = one["record"] or {}
    kind = _plain(record.get("database_specific", {}).get("kind"))
    return {
        "id": one["id"],
        "log": one["log"],
        "kind": kind,
        "state": one["state"],
        "summary": _plain(record.get("summary")),
    }


def _told(one: dict[str, Any]) -> list[str]:
    record = one["record"] or {}
    place = "waiting for the log" if one["index"] is None else f"leaf {one['index']} of {one['log']}"
    lines = [f"{one['id']}: {_plain(record.get('summary')) or 'its statement is not here'}"]
    lines += [f"  issued by  {one['log']}", f"  logged     {place}, {one['time']}", f"  state      {one['state']}"]
    lines += [f"  kind       {_plain(record.get('database_specific', {}).get('kind'))}"] if record else []
    for part in record.get("affected", []):
        said = part.get("database_specific", {})
        named = [part.get("package", {}).get("purl"), *_each(part.get("versions")), *_each(said.get("tree"))]
        named += _each(said.get("sha256"))
        lines += [f"  affects    {_plain(name)}" for name in named if name]
    if record.get("details"):
        lines += ["", *(f"  {_plain(line)}" for line in str(record["details"]).splitlines())]
    return lines


def _each(said: object) -> list[Any]:
    """Return the texts of a field that may have one, several or none."""
    return list(said) if isinstance(said, list) else [said] if said else []


def _plain(text: object) -> str:
    """Return a text of others without what could move a terminal's cursor."""
    return "".join(one if one.isprintable() else " " for one in str(text or ""))


def _known(url: str, where: Where | None, name: str = "") -> list[dict[str, Any]]:
    if url:
        return _asked(url, name)
    from hanse.cli.upkeep import tended
    from hanse.flows.advisories.book import known

    with tended(settings_of(where)) as node:
        rows = sorted(known(node), key=lambda one: (-one.time, one.log, one.id))
    return [_json(one) for one in rows]


def _json(one: Issued) -> dict[str, Any]:
    state = "withdrawn" if one.retracted else "in force"
    record = None if one.advisory is None else dict(one.advisory.record)
    found = {"log": one.log, "id": one.id, "time": day(one.time), "index": one.index, "state": state}
    return found | {"payload": one.payload, "key": one.key, "record": record}


def _asked(url: str, name: str) -> list[dict[str, Any]]:
    from contextlib import closing
    from urllib.parse import urlencode

    from hanse.errors import PeerRefused
    from hanse.model.strictjson import MAX_DEPTH, parse_strict
    from hanse.peers.client import PeerClient, parse_base

    query = urlencode({"id": name} if name else {})
    with closing(PeerClient()) as peers:
        answer = peers.get(f"{parse_base(url)}/v1/advisories?{query}", limit=_MAX_BYTES)
    if answer.status != 200:
        raise PeerRefused(f"{url} answers {answer.status} about advisories", status=answer.status)
    fields = parse_strict(answer.body, "a list of advisories", _MAX_BYTES, depth=MAX_DEPTH + 3)
    try:
        return [_shown(one) for one in fields["advisories"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise BadFormat(f"{url} does not answer with a list of advisories") from error


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    """Return a row of another node's list with nothing in it that is not as it should be."""
    from contextlib import suppress

    from hanse.errors import HanseError
    from hanse.model.advisory import read_record

    found: dict[str, Any] = {name: _plain(one[name])[:300] for name in ("log", "id", "time", "state", "payload", "key")}
    found |= {"index": one["index"] if type(one["index"]) is int else None, "record": None}
    with suppress(HanseError):
        found["record"] = None if one["record"] is None else dict(read_record(one["record"]).record)
    return found


def _read(file: Path) -> dict[str, Any]:
    from hanse.flows.bounded import read_bounded
    from hanse.model.advisory import MAX_RECORD_BYTES
    from hanse.model.strictjson import parse_strict

    data = sys.stdin.buffer.read(MAX_RECORD_BYTES + 1) if str(file) == "-" else read_bounded(file, MAX_RECORD_BYTES)
    return parse_strict(data, "an advisory", MAX_RECORD_BYTES)
