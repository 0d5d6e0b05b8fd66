"""`hanse evaluations`: what institutions found when they evaluated a revision."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import Parameter

from hanse.cli.admin import Json
from hanse.cli.remote import Node, ask, node_address, split_name


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
    found = ask("GET", f"{node_address(node)}/api/{path}/evaluations/{quote(rev, safe='')}")
    print(json.dumps(found, indent=2) if as_json else "\n".join(_lines(found)))
    return 0 if found["suites"] else 1


def _lines(found: dict[str, Any]) -> list[str]:
    from hanse.cli.verified import clean

    lines = [f"{clean(found['rev'])}" + ("" if found["suites"] else ": no evaluation is known here")]
    for suite in found["suites"]:
        called = clean(suite["name"] or suite["suite"][:16])
        bounds = f"median of the bounds {suite['medianLow']:.4f} to {suite['medianHigh']:.4f}"
        lines.append(f"\n{called}: {suite['institutions']} institutions, {suite['numericsClasses']} numerics classes, {bounds}")
        for one in suite["records"]:
            flat = ", degenerate" if one["degenerate"] else ""
            score = f"{one['score']:.4f} ({one['low']:.4f} to {one['high']:.4f}) on {one['n']:,} items{flat}"
            lines.append(f"  {clean(one['member'])}: {score}; weights {clean(one['weights'])}, checked at {clean(one['level'])}")
            for word, members in (("agrees", one["agrees"]), ("DISAGREES", one["disagrees"])):
                lines += [f"    {clean(member)} {word} at {clean(level)}" for member, level in members.items()]
    return lines
