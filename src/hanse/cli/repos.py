"""`hanse admin repo`: what became of repositories, undoing a deletion, and erasing what was deleted."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter

from hanse.cli.admin import Json, Where, catalogue, day, settings_of, show
from hanse.cli.upkeep import tended
from hanse.errors import InputError

repo = App(name="repo", help="Repositories: list, restore, erase.", default_parameter=Parameter(negative=()))
State = Literal["live", "retired", "withdrawn", "erased"]
Kind = Literal["model", "dataset"]
Number = Annotated[int | None, Parameter(name="--id", help="Number of the repository, if several had the name.")]


@repo.command(name="list")
def list_repos(
    *,
    state: Annotated[State | None, Parameter(help="Only repositories in this state.")] = None,
    as_json: Json = False,
    where: Where | None = None,
) -> None:
    """List the repositories. Deleted ones are retired if they were public, else withdrawn, and later erased."""
    from hanse.db import repos

    with catalogue(where) as db, db.read() as conn:
        found = repos.in_state(conn, state)
    rows = [
        {
            "id": one.id,
            "type": one.repo.type.value,
            "name": one.repo.path.removeprefix("/"),
            "origin": str(one.repo.origin),
            "visibility": one.visibility.value,
            "state": one.state,
            "bytes": one.used_bytes,
            "updated": day(one.updated_at),
        }
        for one in found
    ]
    show(rows, as_json=as_json)


@repo.command(name="restore")
def restore(kind: Kind, name: str, /, *, number: Number = None, where: Where | None = None) -> None:
    """Undo the deletion of a repository whose bytes are still here: it comes back under its name.

    May run while the node does.
    """
    from hanse.flows.restore import find_deleted, restore_repo
    from hanse.model.repo import RepoType, parse_repo_id

    with tended(settings_of(where)) as node:
        found = find_deleted(node.db, parse_repo_id(node.origin, RepoType(kind), name), number)
        node.sequencer.start()
        restored = restore_repo(node, found.id)
    print(f"{kind} {restored.repo.path} is {restored.state} again ({restored.visibility.value})")


@repo.command(name="erase")
def erase(
    kind: Kind,
    name: str,
    /,
    *,
    number: Number = None,
    yes: Annotated[bool, Parameter(help="Erase; without it nothing is done, since this cannot be undone.")] = False,
    where: Where | None = None,
) -> None:
    """Erase a deleted repository now: its bytes go, also out of what it shares with others; its journal records stay.

    May run while the node does.
    """
    from hanse.flows.erase import erase_repo
    from hanse.flows.restore import find_deleted
    from hanse.model.repo import RepoType, parse_repo_id

    with tended(settings_of(where)) as node:
        found = find_deleted(node.db, parse_repo_id(node.origin, RepoType(kind), name), number)
        if not yes:
            raise InputError(f"erasing {kind} {found.repo.path} (number {found.id}) cannot be undone", hint="add --yes to do it")
        erase_repo(node, found.id)
    print(f"{kind} {found.repo.path} (number {found.id}) is erased")
