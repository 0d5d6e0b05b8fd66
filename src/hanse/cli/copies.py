"""`hanse copies`: whether members of a federation may hold copies of a repository while it is gated."""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import Parameter

from hanse.cli.admin import Json
from hanse.cli.expected import as_told
from hanse.cli.remote import Node, ask, node_address, split_name
from hanse.cli.usage import WrongUsage
from hanse.errors import InputError


def copies(
    name: Annotated[str, Parameter(name="name", help="[datasets/]ORG/NAME.")],
    /,
    *,
    allow: Annotated[bool, Parameter(help="Members may hold copies, for repair only, while it is gated.")] = False,
    forbid: Annotated[bool, Parameter(help="They may not any more, and let go of theirs.")] = False,
    node: Node = "",
    as_json: Json = False,
) -> None:
    """Say whether members of a federation may hold copies of your repository while it is gated, or change it.

    The home logs what is said, and every member reads it there. For whoever administers the repository.
    """
    if allow and forbid:
        raise WrongUsage("--allow and --forbid exclude each other", hint="give one of them, or none to see what holds")
    if "@" in name:
        raise InputError(f"copies are allowed of a whole repository, got {name[:120]!r}", hint="leave the revision out")
    path, _ = split_name(name)
    url = f"{node_address(node)}/api/{path}/settings"
    found = ask("PUT", url, {"copies": allow}) if allow or forbid else ask("GET", url)
    with as_told("what holds"):
        told = {"repo": path, "gated": found["gated"], "visibility": found["visibility"], "copies": found["copies"]}
    print(json.dumps(told) if as_json else _sentence(told))


def _sentence(told: dict[str, object]) -> str:
    """Return what follows for copies, in words."""
    from hanse.cli.printable import clean

    name, visibility = clean(str(told["repo"])), clean(str(told["visibility"]))
    if visibility != "public":
        return f"{name} is {visibility}: nobody holds copies"
    may = "may hold copies, for repair only" if told["copies"] else "may not hold copies"
    return f"{name}: members {may}{'' if told['gated'] else ' while it is gated; now it is not, so that rules for copies decide'}"
