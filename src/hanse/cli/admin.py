"""`hanse admin`: accounts, tokens and upkeep of a node, on its data folder and catalogue.

These commands work on the catalogue itself, so whoever may write the data folder is the operator; no token is asked for. Commands
about accounts may run while the node does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from hanse.clock import rfc3339
from hanse.errors import BadSetting
from hanse.settings import Settings, from_machine

if TYPE_CHECKING:
    from hanse.db.engine import Database

app = App(name="admin", help="Accounts, tokens and upkeep of a node.", default_parameter=Parameter(negative=()))
app.command("hanse.cli.accounts:user", name="user", help="Users: add, list, disable, enable.")
app.command("hanse.cli.accounts:org", name="org", help="Organisations and their members: add, list, member.")
app.command("hanse.cli.accounts:quota", name="quota", help="Show or set a namespace's storage quota.")
app.command("hanse.cli.tokens:token", name="token", help="Tokens: create, list, revoke.")
app.command("hanse.cli.repos:repo", name="repo", help="Repositories: list, restore, erase.")
app.command("hanse.cli.upkeep:fsck", name="fsck", help="Check every object, revision and journal record.")
app.command("hanse.cli.upkeep:gc", name="gc", help="Remove what was kept long enough and nobody can ask for.")
app.command("hanse.cli.upkeep:rebuild", name="rebuild", help="Make the catalogue again from objects and journal.")

Json = Annotated[bool, Parameter(name="--json", help="Print JSON instead of a table.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Where:
    """Which node: its data folder, settings file and catalogue, as for `hanse serve`."""

    data: Annotated[Path | None, Parameter(help="Folder of everything the node keeps.")] = None
    config: Annotated[Path | None, Parameter(help="Settings file of the node.")] = None
    database: Annotated[str | None, Parameter(help="Catalogue of the node, if it is not in the data folder.")] = None


def settings_of(where: Where | None) -> Settings:
    """Return the settings of an existing node; raises BadSetting if there is none in the data folder."""
    chosen = where or Where()
    settings = from_machine({"data": chosen.data, "database": chosen.database}, chosen.config)
    if not (settings.data / "node.json").exists():
        raise BadSetting(
            f"there is no node in {settings.data}", hint="start one with `hanse serve`, or name its folder with --data"
        )
    return settings


@contextmanager
def catalogue(where: Where | None) -> Iterator[Database]:
    """Open the catalogue of an existing node for the length of a `with` block."""
    settings = settings_of(where)
    from hanse.db.engine import Database
    from hanse.opening import database_url

    db = Database(database_url(settings))
    try:
        yield db
    finally:
        db.close()


def day(seconds: int | None) -> str | None:
    """Return a time as RFC 3339 text, None for never."""
    return None if seconds is None else rfc3339(seconds)


def show(rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Print facts: as JSON, or as a table with one row for each."""
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    if not rows:
        print("none")
        return
    lines = [list(rows[0])] + [["-" if value is None else str(value) for value in row.values()] for row in rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
