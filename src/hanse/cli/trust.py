"""`hanse trust`: which federations a reader takes the word of; kept in HANSE_HOME, no node is needed."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from hanse.cli.admin import Json, show
from hanse.clock import SystemClock

if TYPE_CHECKING:
    from hanse.flows.federation.kept import Federation, FederationFiles

app = App(name="trust", help="Federations whose members you take the word of.", default_parameter=Parameter(negative=()))


def _files() -> FederationFiles:
    from hanse.flows.federation.kept import FederationFiles
    from hanse.flows.federation.seen import FOLDER
    from hanse.home import home_folder

    return FederationFiles(home_folder(os.environ) / FOLDER)


@app.command(name="add")
def add(
    url: str,
    /,
    *,
    fingerprint: Annotated[str, Parameter(help="Fingerprint of the federation's first root, at least 32 digits of it.")],
) -> None:
    """Trust a federation that any of its members, a web server, or an export (a folder or an archive) has at URL.

    Compare the fingerprint with what several members publish: it is all that stands between you and another federation.
    """
    found = _from_export(Path(url), fingerprint) if "://" not in url and Path(url).exists() else _from_server(url, fingerprint)
    members = found.members.members.values()
    print(f"{found.name} with {len(members)} members is trusted from now on:")
    for one in members:
        print(f"    {one.title} ({one.origin})")


def _from_server(url: str, fingerprint: str) -> Federation:
    from hanse.flows.federation.follow import meet
    from hanse.peers.client import PeerClient

    with closing(PeerClient()) as client:
        return meet(client, _files(), url.rstrip("/"), fingerprint)


def _from_export(path: Path, fingerprint: str) -> Federation:
    from hanse.flows.federation.follow import meet_shown
    from hanse.flows.leaving.federations import ExportedFederations
    from hanse.flows.leaving.sources import open_export

    with closing(open_export(path)) as source:
        return meet_shown(ExportedFederations(source), _files(), fingerprint)


@app.command(name="list")
def list_(*, as_json: Json = False) -> None:
    """Show the federations that are trusted, their members, and what they do not protect against."""
    from hanse.flows.federation.outlook import describe

    files = _files()
    told = [describe(files.load(name), SystemClock().now()) for name in files.names()]
    if as_json:
        print(json.dumps(told, indent=2))
        return
    rows: list[dict[str, object]] = []
    for one in told:
        rows += [{"federation": one["name"], **_listed(row)} for row in one["members"]]
    show(rows, as_json=False)
    print("\n".join(f"note on {one['name']}: {line}" for one in told for line in one["remarks"]))


def _listed(row: dict[str, Any]) -> dict[str, object]:
    from hanse.model.amount import amount_text

    told = {name: row[name] for name in ("member", "title", "address")} | {"namespaces": ",".join(row["namespaces"]) or "-"}
    capacity = amount_text(row["capacity"]) if row["capacity"] else "none"
    return told | {"capacity": capacity, "static": "yes" if row["static"] else "no"}


@app.command(name="update")
def update() -> int:
    """Walk to the newest state of every trusted federation. Exits with 1 if somebody showed something false."""
    from hanse.flows.federation.follow import update as walk
    from hanse.peers.client import PeerClient

    files, wrong = _files(), 0
    with closing(PeerClient()) as client:
        for name in files.names():
            trip, now = walk(client, files, name), SystemClock().now()
            files.look(name, now if trip.enough else files.looked(name)[0], now)
            trusted = trip.federation.trusted
            print(f"{name}: root version {trusted.root_version}, targets version {trusted.targets_version}")
            for at, says in trip.wrong.items():
                print(f"FALSE at {at}: {says}")
            wrong += len(trip.wrong)
    return 1 if wrong else 0


@app.command(name="remove")
def remove(name: str, /) -> None:
    """Trust a federation no more; what was pinned at first use stays."""
    from hanse.model.repo import parse_origin

    files, origin = _files(), parse_origin(name)
    files.load(origin)
    files.forget(origin)
    print(f"{name} is trusted no more")
