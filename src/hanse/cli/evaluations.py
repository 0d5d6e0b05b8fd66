"""`hanse evaluations`: what institutions found when they evaluated a revision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from cyclopts import Parameter

from hanse.cli.admin import Json, Where
from hanse.cli.expected import EVALUATIONS, expected
from hanse.cli.remote import Node, ask, fetch, node_address, split_name
from hanse.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hanse.model.repo import Origin

_LEAST_DIGITS = 8


def evaluations(
    name: Annotated[str, Parameter(name="name", help="ORG/NAME@REVISION; default main.")],
    /,
    *,
    node: Node = "",
    as_json: Json = False,
) -> int:
    """List what a node knows of evaluations of a revision, suite by suite, with the level at which others checked each record.

    The node says so; `hanse verify` with a policy that has [[evidence]] checks it. Exits with 1 if there are none.
    """
    path, rev = split_name(name)
    found = _listed(node_address(node), path, rev)
    print(json.dumps(found, indent=2) if as_json else "\n".join(_lines(found)))
    return 0 if found["suites"] else 1


def _listed(address: str, path: str, rev: str) -> dict[str, Any]:
    found: dict[str, Any] = expected(
        ask("GET", f"{address}/api/{path}/evaluations/{quote(rev, safe='')}"), EVALUATIONS, "evaluations"
    )
    return found


def _lines(found: dict[str, Any]) -> list[str]:
    from hanse.cli.evaluating import corrected_text
    from hanse.cli.printable import clean
    from hanse.cli.verified import counted

    lines = [f"{clean(found['rev'])}" + ("" if found["suites"] else ": no evaluation is known here")]
    for suite in found["suites"]:
        called = clean(suite["name"] or suite["suite"][:16])
        bounds = f"median of the bounds {suite['medianLow']:.4f} to {suite['medianHigh']:.4f}"
        classes = counted(suite["numericsClasses"], "numerics class", "numerics classes")
        by = f"{counted(suite['institutions'], 'institution')}, {classes}"
        lines.append(f"\n{called}: {by}, {bounds}")
        for one in suite["records"]:
            flat = ", degenerate" if one["degenerate"] else ""
            score = f"{one['score']:.4f} ({one['low']:.4f} to {one['high']:.4f}) on {one['n']:,} items{flat}"
            lines.append(f"  {clean(one['member'])}: {score}; weights {clean(one['weights'])}, checked at {clean(one['level'])}")
            if corrected := one.get("corrected"):
                lines.append(f"    corrected for the scorer's errors: {clean(corrected_text(corrected))}")
            lines.append(f"    record {clean(one['record'])[:16]}")
            for word, members in (("agrees", one["agrees"]), ("DISAGREES", one["disagrees"])):
                lines += [f"    {clean(member)} {word} at {clean(level)}" for member, level in members.items()]
    return lines


def fetch_record(
    name: Annotated[str, Parameter(name="name", help="ORG/NAME@REVISION that was evaluated; default main.")],
    record: Annotated[str, Parameter(help="Digest of the record, or its first digits: hanse evaluations.")],
    /,
    *,
    to: Annotated[Path, Parameter(help="Folder for the files.")],
    node: Node = "",
    as_member: Annotated[bool, Parameter(help="Sign the request with the key of your own node, a member.")] = False,
    as_json: Json = False,
    where: Where | None = None,
) -> int:
    """Fetch a record from the node that made it, with what that shows you of its item table and transcript.

    Everybody gets what is public; --as-member, beside your own node, what is for members of the federation. To check it: hanse
    reproduce.
    """
    from hanse.cli.evaluate_on import fetch_record as get_files
    from hanse.cli.evaluating import record_text, with_corrected

    address = node_address(node)
    path, rev = split_name(name)
    found = _listed(address, path, rev)
    digest, member = _named(found, record)
    get = _signed(where, member, digest) if as_member else fetch
    said = get_files(f"{address}/api/{path}/evaluations/{quote(found['rev'], safe='')}/{digest}", to, get)
    print(json.dumps(with_corrected(said, to), indent=2, ensure_ascii=False) if as_json else record_text(said, to))
    return 0


def _named(found: dict[str, Any], record: str) -> tuple[str, str]:
    """Return the digest of the record that is meant, and who made it; raises NotFoundError for none, or several."""
    every = {one["record"]: one["member"] for suite in found["suites"] for one in suite["records"]}
    meant = [one for one in every if len(record) >= _LEAST_DIGITS and one.startswith(record)]
    if len(meant) != 1:
        raise NotFoundError(f"{len(meant)} records are named {record[:64]!r} there", hint="hanse evaluations lists them")
    return meant[0], every[meant[0]]


def _signed(where: Where | None, member: str, record: str) -> Callable[[str, str], bytes]:
    """Return what fetches a file of a record by a request that the node here signs."""
    from hanse.cli.admin import settings_of
    from hanse.cli.upkeep import tended
    from hanse.flows.evaluations.asmember import make_request
    from hanse.model.digest import parse_sha256
    from hanse.model.repo import parse_origin

    origin: Origin = parse_origin(member)

    def get(_: str, address: str) -> bytes:
        with tended(settings_of(where)) as own:
            body = make_request(own, origin, parse_sha256(record), address.rpartition("/")[2])
        return fetch("POST", address, body)

    return get
