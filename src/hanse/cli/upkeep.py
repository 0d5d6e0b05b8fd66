"""`hanse admin fsck`, `gc` and `rebuild`: checking, clearing up, and making the catalogue again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hanse.cli.admin import Json, Where, settings_of
from hanse.cli.inplace import clear, show
from hanse.errors import BadSetting, StorageError
from hanse.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import URL

    from hanse.flows.node import Node

_ASIDE = ("", "-wal", "-shm")


@contextmanager
def tended(settings: Settings) -> Iterator[Node]:
    """Open a node that may be serving in another process; this one writes no journal."""
    from hanse.app import close_node, open_node

    opened = open_node(settings, sequence=False)
    try:
        yield opened.node
    finally:
        close_node(opened)


def _progress(kind: str, count: int) -> None:
    """Show on a terminal how far a check has come."""
    if count % 500 == 0:
        show(f"{kind}: {count:,}")


def fsck(
    *,
    quarantine: Annotated[bool, Parameter(help="Move damaged objects to the folder quarantine in the data folder.")] = False,
    deep: Annotated[bool, Parameter(help="Also read every file as a whole and recompute its SHA-256.")] = False,
    as_json: Json = False,
    where: Where | None = None,
) -> int:
    """Check every object against its name, every revision against its objects, and the journal against its root.

    May run while the node does. Nothing is deleted. Exits with 1 if anything is not what it should be.
    """
    from hanse.flows.fsck import fsck as check

    settings = settings_of(where)
    with tended(settings) as node:
        report = check(node, quarantine=settings.data / "quarantine" if quarantine else None, deep=deep, progress=_progress)
    clear()
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
        return 0 if report.clean else 1
    for problem in report.problems:
        print(f"{problem.kind} {problem.name}: {problem.message}{' (moved to quarantine)' if problem.quarantined else ''}")
    checked = ", ".join(f"{count:,} {kind}" for kind, count in report.checked.items()) or "nothing"
    print(f"checked {checked}; read {report.read:,} bytes; {len(report.problems) + report.more:,} problems")
    return 0 if report.clean else 1


def gc(*, as_json: Json = False, where: Where | None = None) -> int:
    """Remove retired revisions, abandoned uploads and unreferenced bytes that were kept long enough (docs/settings.md).

    May run while the node does; run it daily.
    """
    from hanse.flows.collect import collect

    with tended(settings_of(where)) as node:
        done = asdict(collect(node))
    print(
        json.dumps(done, indent=2)
        if as_json
        else ", ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in done.items())
    )
    return 0


def rebuild(
    *,
    replace: Annotated[bool, Parameter(help="Put an existing SQLite catalogue aside first, under another name.")] = False,
    as_json: Json = False,
    where: Where | None = None,
) -> int:
    """Make the catalogue again from objects and journal; the node must be stopped.

    Accounts, tokens, memberships, access requests, discussions, gates and waivers cannot come back; a new token for the
    administrator is shown. What the node cosigned is taken over from the catalogue that is put aside; if it cannot be read, the
    node cosigns with new keys. Exits with 1 if anything was missing or damaged on the way.
    """
    from hanse.app import close_node, open_node
    from hanse.flows.rebuild import rebuild as make_again
    from hanse.flows.witness_state import put_keys_away, read_state, write_state

    settings = settings_of(where)
    state = read_state(_put_aside(settings)) if replace else None
    opened = open_node(settings, sequence=False, rebuilding=True)
    try:
        done = make_again(opened.node)
        if state is not None:
            write_state(opened.node.db, state)
        for path in put_keys_away(settings.data) if state is None else ():
            print(f"what was cosigned is not known any more: {path} is put away, the next start makes a new key", file=sys.stderr)
    finally:
        close_node(opened)
    facts = asdict(done) | {"problems": list(done.problems), "token": opened.first_token}
    if as_json:
        print(json.dumps(facts, indent=2))
        return 1 if done.problems else 0
    for problem in done.problems:
        print(problem)
    print(f"{done.leaves:,} journal records, {done.repos:,} repositories, {done.revisions:,} revisions, {done.files:,} files")
    if opened.first_token:
        print(f"the administrator's new token, shown only now:\n    {opened.first_token}")
    return 1 if done.problems else 0


def _put_aside(settings: Settings) -> URL:
    """Rename the SQLite catalogue and its companions to the first free `hanse.db.N`, and return its new address."""
    from hanse.opening import database_url

    url = database_url(settings)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise BadSetting("only a SQLite catalogue can be put aside", hint="name an empty PostgreSQL database with --database")
    path = Path(url.database)
    number = next(n for n in range(1, 10_000) if not path.with_name(f"{path.name}.{n}").exists())
    try:
        for suffix in _ASIDE:
            file = path.with_name(path.name + suffix)
            if file.exists():
                # The companions keep the name that SQLite looks for, so that what they hold is not lost.
                file.rename(path.with_name(f"{path.name}.{number}{suffix}"))
    except OSError as error:
        raise StorageError(f"cannot put {path} aside: {error}") from error
    return url.set(database=str(path.with_name(f"{path.name}.{number}")))
