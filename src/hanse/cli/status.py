"""`hanse status`: how a node and its federations stand, and what it would take to derail them."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import Parameter

from hanse.cli.admin import Json, show
from hanse.cli.expected import as_told, printable
from hanse.cli.remote import Node, ask, node_address, split_name

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def status(
    repo: Annotated[str, Parameter(help="One repository: [datasets/]ORG/NAME[@REV]; its chunks are counted.")] = "",
    /,
    *,
    policy: Annotated[
        str, Parameter(help="Preset by which readers judge: open, careful, strict. Default: the federation's policy.")
    ] = "",
    node: Node = "",
    as_json: Json = False,
) -> int:
    """Say who holds what, which copies are missing, and how many must disappear or collude before something is lost or false.

    A running node is asked; it tells what everybody may know. Exits with 1 if something is held by one member only, a copy is
    missing, or an alarm is open.
    """
    base, query = node_address(node), f"?policy={quote(policy, safe='')}" if policy else ""
    if repo:
        path, rev = split_name(repo)
        found = ask("GET", f"{base}/api/{quote(path)}/status/{quote(rev, safe='')}{query}")
    else:
        found = ask("GET", f"{base}/v1/status{query}")
    with as_told("how it stands"):
        well = _shown(found, one=bool(repo), as_json=as_json)
    return 0 if well else 1


def _shown(found: Any, *, one: bool, as_json: bool) -> bool:
    """Print what a node tells, and return whether all is well."""
    if one:
        well = not found["missing"] and found["lost"]["members"] != 1
    else:
        whole = found["whole"]
        well = not (found["alarms"]["open"] or whole["missing"] or whole["unprotectedBytes"])
    if as_json:
        print(json.dumps(found, indent=2))
    elif one:
        _print_one(printable(found))
    else:
        _print(printable(found))
    return bool(well)


def _print(found: dict[str, Any]) -> None:
    print(f"{found['origin']} at {found['time']}, policy {found['policy']['name']} ({found['policy']['source']})")
    _print_whole(found["whole"])
    for line in found["remarks"]:
        print(f"note: {line}")
    _table("members:", "in no federation", [_member(one) for one in found["members"]])
    _table("cosignatures:", "no cosignatures", found["cosigned"])
    _table("copies:", "nothing public", [_repo(one) for one in found["repos"]])
    for state, one in found["copies"].items():
        fetched = f", {_size(one['moved'])} fetched, {_size(one['spared'])} were here already" if one["moved"] else ""
        print(f"copies for others, {state}: {one['revisions']} revisions of {_size(one['bytes'])}{fetched}")
    for one in found["alarms"]["newest"]:
        print(f"ALARM {one['kind']} {one['log']}: {one['says']}")
    if found["next"] is not None:
        print("there is more than is shown")


def _table(title: str, none: str, rows: list[dict[str, Any]]) -> None:
    print(f"\n{title if rows else none}")
    if rows:
        show(rows, as_json=False)


def _print_whole(whole: dict[str, Any]) -> None:
    lost, deceived = whole["lost"], whole["deceived"]
    if lost is not None:
        who = f" ({', '.join(lost['who'])})" if lost["who"] else ""
        print(f"to lose bytes:        {lost['members']} must disappear{who}: {lost['repo']}")
    if deceived is not None:
        print(f"to deceive a reader:  {deceived['members']} must collude about {deceived['about']}: {deceived['says']}")
        if deceived["better"]:
            print(f"                      to raise it: {deceived['better']}")
    print(f"copies missing:       {whole['missing']}; {_size(whole['unprotectedBytes'])} are held by one member only")


def _member(one: dict[str, Any]) -> dict[str, object]:
    log, audit = one["log"], one["audit"]
    told = "" if audit is None else f"{audit['served']} of {audit['asked']} served, last {audit['outcome']}"
    state = "" if one["counts"] else "does not count as a holder"
    stand = {"entries": log["size"], "mirrored": log["mirrored"], "read": log["readAt"], "holds": one["holds"]}
    return {"member": one["origin"], **stand, "audits": told, "state": log["failure"][:60] or state}


def _repo(one: dict[str, Any]) -> dict[str, object]:
    counts = {"size": _size(one["bytes"]), "held by": ", ".join(one["holders"]), "missing": one["missing"]}
    deceived = one["deceived"]["members"] if one["deceived"] else None
    kind = "datasets/" if one["type"] == "dataset" else ""
    return {"repository": kind + one["repo"], **counts, "lost with": one["lost"]["members"], "deceived by": deceived}


def _print_one(found: dict[str, Any]) -> None:
    lost = found["lost"]
    print(f"{found['repo']} ({found['origin']}) at {found['rev']}, {_size(found['bytes'])}")
    print(f"held by {len(found['holders'])} of {found['target']} wanted: {', '.join(found['holders']) or 'nobody'}")
    if found["failing"]:
        print(f"not counted, because audits failed: {', '.join(found['failing'])}")
    print(f"lost when {lost['members']} disappear, counted by {lost['counted']}: {', '.join(lost['who'])}")
    if lost["could"]:
        print(f"  to raise it: a copy at {', '.join(lost['could'])}")
    for way in found["ways"]:
        print(f"deceived by {'nobody' if way['members'] is None else way['members']} ({way['way']}): {way['says']}")
        if way["better"]:
            print(f"  to raise it: {way['better']}")


def _size(size: int) -> str:
    """Return a number of bytes for people, in powers of 1,000."""
    value, at = float(size), 0
    while value >= 1000 and at < len(_UNITS) - 1:
        value, at = value / 1000, at + 1
    return f"{value:.1f} {_UNITS[at]}" if at else f"{size} B"
