"""`hanse waive`: a person lets a file pass in spite of what the scanner found, with a reason and until a date."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from hanse.cli.admin import Json, Where, settings_of, show
from hanse.cli.upkeep import tended
from hanse.errors import InputError

_DAY = 86400


def waive(
    kind: Literal["model", "dataset"],
    name: str,
    sha256: str = "",
    /,
    *,
    rule: Annotated[tuple[str, ...], Parameter(help="Rule to put aside, as the refusal names it; may be repeated.")] = (),
    reason: Annotated[str, Parameter(help="Why the file may pass; everybody can read it.")] = "",
    until: Annotated[str, Parameter(help="Last day on which it holds, as YYYY-MM-DD (UTC).")] = "",
    author: Annotated[str, Parameter(help="Whose decision it is; default the user of this command.")] = "",
    remove: Annotated[int | None, Parameter(help="Take back the waiver with this number instead.")] = None,
    endpoint: Annotated[str, Parameter(help="Address of a node elsewhere, as whom you logged in there (hanse login).")] = "",
    as_json: Json = False,
    where: Where | None = None,
) -> None:
    """Let the file with this content pass in a repository, although rules say otherwise.

    Without a content the waivers of the repository are listed. On the node's own machine whoever may write its data folder is its
    operator; elsewhere, name the node by --endpoint. Findings that say "malicious" need an operator.
    """
    given = _Waiver(kind, name, sha256, rule, reason, author)
    rows = _remote(endpoint, given, until, remove) if endpoint else _local(where, given, until, remove)
    show(rows, as_json=as_json)


@dataclass(frozen=True)
class _Waiver:
    """What the command line says about the waiver."""

    kind: str
    name: str
    sha256: str
    rules: tuple[str, ...]
    reason: str
    author: str


def end_of(day: str) -> int:
    """Return the last second of a day, in seconds since 1970; raises InputError."""
    try:
        start = dt.datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=dt.UTC)
    except ValueError:
        raise InputError(f"--until takes a day such as 2027-03-31, got {day[:40]!r}") from None
    return int(start.timestamp()) + _DAY - 1


def _local(where: Where | None, given: _Waiver, until: str, remove: int | None) -> list[dict[str, Any]]:
    """Act on the node's own data folder, as its operator."""
    from hanse.clock import hub_time
    from hanse.flows import access, waivers
    from hanse.model.actor import Actor
    from hanse.model.digest import parse_sha256
    from hanse.model.repo import RepoType, parse_repo_id

    author = given.author or os.environ.get("USER", "operator")
    operator = Actor(account_id=0, name=author, admin=True, role="write")
    with tended(settings_of(where)) as node:
        repo = access.resolve(node, operator, parse_repo_id(node.origin, RepoType(given.kind), given.name))
        if remove is not None:
            waivers.withdraw(node, operator, repo, remove)
        elif given.sha256:
            digest, ends = parse_sha256(given.sha256), end_of(until)
            waivers.waive(node, operator, repo, digest, rules=given.rules, reason=given.reason, ends_at=ends, author=author)
        found = waivers.list_waivers(node, operator, repo)
    return [_row(one.id, one.sha256, list(one.rules), one.reason, author=one.author, ends=hub_time(one.ends_at)) for one in found]


def _row(number: int, sha256: str, rules: list[str], reason: str, *, author: str, ends: str) -> dict[str, Any]:
    return {"id": number, "sha256": sha256, "rules": " ".join(rules), "author": author, "until": ends[:10], "reason": reason}


def _remote(endpoint: str, given: _Waiver, until: str, remove: int | None) -> list[dict[str, Any]]:
    """Ask a node elsewhere, as the account that is logged in there."""
    from hanse.cli.expected import as_told, printable
    from hanse.cli.remote import ask, node_address

    address = f"{node_address(endpoint)}/api/{given.kind}s/{given.name}/waivers"
    if remove is not None:
        ask("DELETE", f"{address}/{remove}")
    elif given.sha256:
        body = {"sha256": given.sha256, "rules": list(given.rules), "reason": given.reason, "endsAt": end_of(until)}
        ask("POST", address, body)
    found = ask("GET", address)
    with as_told("the waivers"):
        return [
            _row(one["id"], one["sha256"], one["rules"], one["reason"], author=one["author"], ends=one["endsAt"])
            for one in printable(found)
        ]
