"""`hanse policy`: what a policy asks for, in full, and whether a file is one."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

app = App(name="policy", help="Say what must hold before a model is used.", default_parameter=Parameter(negative=()))

Json = Annotated[bool, Parameter(name="--json", help="Print one JSON object.")]
Faulty = Annotated[int, Parameter(help="So many witnesses may lie or be silent.")]


def _home() -> Path:
    from hanse.home import home_folder

    return home_folder(os.environ)


@app.command
def show(
    name: Annotated[str | None, Parameter(help="Preset, name in HANSE_HOME/policies, or file; default: the one in use.")] = None,
    /,
    *,
    as_json: Json = False,
) -> None:
    """Print a policy in full: every rule, with what it means."""
    from hanse.flows.policies import load_policy
    from hanse.policy.explain import to_json, to_toml

    loaded = load_policy(name, _home())
    if as_json:
        print(json.dumps(to_json(loaded.policy) | {"source": loaded.source}, indent=2, ensure_ascii=False))
    else:
        print(f"# From: {loaded.source}\n{to_toml(loaded.policy)}", end="")


@app.command
def check(file: Annotated[Path, Parameter(help="Policy to check.")], /, *, faulty: Faulty = 1, as_json: Json = False) -> int:
    """Say whether a file is a policy, with everything that is wrong with it, and what should be known before it is used.

    Exits with 1 if it cannot be used.
    """
    from hanse.errors import PolicyError
    from hanse.flows.policies import cautions, load_file

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    try:
        warnings = cautions(load_file(file), faulty)
    except PolicyError as error:
        problems = error.failed or (error.message,)
    if as_json:
        print(json.dumps({"usable": not problems, "problems": list(problems), "warnings": list(warnings)}, indent=2))
    else:
        for one in problems:
            print(f"wrong: {one}", file=sys.stderr)
        for one in warnings:
            print(f"warning: {one}")
        print(f"{file} cannot be used, so it refuses everything" if problems else f"{file} can be used")
    return 1 if problems else 0


@app.command(name="list")
def list_(*, as_json: Json = False) -> None:
    """List the policies that can be named, and which one is in use."""
    from hanse.flows.policies import known_policies, load_policy
    from hanse.policy.presets import MEANINGS

    home = _home()
    rows = [{"name": name, "from": place, "what": MEANINGS.get(name, "")} for name, place in known_policies(home)]
    used = load_policy(None, home).source
    if as_json:
        print(json.dumps({"policies": rows, "default": used}, indent=2, ensure_ascii=False))
        return
    for row in rows:
        print(f"{row['name']:12} {row['from']:10} {row['what']}".rstrip())
    print(f"in use: {used}")
