"""`hanse federation status` and `rekey`: how a federation stands, what it does not protect yet, and the way to a better key."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from hanse.cli.admin import Json, Where, show
from hanse.cli.federation import KEY, Name, Out, chosen, opened, signer_of, write_file
from hanse.clock import SystemClock

if TYPE_CHECKING:
    from hanse.flows.federation.kept import Federation
    from hanse.model.repo import Origin

_SHOWN = 16


def status(name: Name = None, /, *, as_json: Json = False, where: Where | None = None) -> None:
    """Show members, whose keys sign changes, thresholds, versions, and what is not protected yet."""
    from hanse.flows.federation.newer import withheld
    from hanse.flows.federation.outlook import describe

    with opened(where) as (node, files, keys):
        found = [files.load(one) for one in files.names()] if name is None else [chosen(files, name)]
        told = [describe(one, SystemClock().now()) for one in found]
        for row, federation in zip(told, found, strict=True):
            row["remarks"] += _on_server(federation, keys / KEY) + withheld(node, files, federation)
    if as_json:
        print(json.dumps(told, indent=2))
        return
    for one in told:
        print(f"{one['name']}: root {one['root']}, targets {one['targets']}, {one['need']} of {len(one['keys'])} keys change it")
        print(f"fingerprint {one['fingerprint']}\nexpires {one['expires']}")
        show([_listed(row) for row in one["members"]], as_json=False)
        for key in one["others"]:
            print(f"the key {key[:_SHOWN]} signs changes, and no member is named for it")
        print("".join(f"note: {line}\n" for line in one["remarks"]), end="")


def _on_server(federation: Federation, path: Path) -> list[str]:
    """Return what is to be said about a key for changes that lies in the data folder."""
    from hanse.flows.federation.outlook import on_server
    from hanse.keys.files import read_key

    return on_server(federation, read_key(path).public.fingerprint, str(path)) if path.exists() else []


def _listed(row: dict[str, Any]) -> dict[str, object]:
    from hanse.model.amount import amount_text

    static = "yes" if row["static"] else "no"
    capacity = amount_text(row["capacity"]) if row["capacity"] else "none"
    keys = ",".join(key[:_SHOWN] for key in row["keys"]) or "-"
    return {**row, "namespaces": ",".join(row["namespaces"]) or "-", "capacity": capacity, "static": static, "keys": keys}


def rekey(
    name: Name = None,
    /,
    *,
    key: Annotated[str, Parameter(help="The new key for changing the federation: a PEM file, or `hsm:KEYID?label=TOKEN`.")],
    out: Out = None,
    where: Where | None = None,
) -> None:
    """Write a request to be listed as before, with another key for changes; once it is published the one before signs no more."""
    from hanse.errors import NotFoundError
    from hanse.flows.federation.change import make_request

    with opened(where) as (node, files, keys):
        found = chosen(files, name)
        member = found.members.members.get(node.origin)
        if member is None:
            raise NotFoundError(f"{node.origin} is no member of {found.name}", hint="hanse federation join")
        request = make_request(found.name, member, signer_of(key, keys, where), node.keys.log)
    path = out or Path(f"{node.origin}.request")
    write_file(path, request)
    proposal = f"{found.name}.{found.trusted.targets_version + 1}.proposal"
    retiring = _retiring(found, node.origin, keys / KEY)
    before = "" if (keys / KEY).exists() else " --key KEY-BEFORE"
    print(f"{path}: the key before still signs the change to the new one:")
    for step in (
        f"hanse federation propose {found.name} --add {shlex.quote(str(path))}{retiring}{before}",
        f"hanse federation sign {proposal} --key {shlex.quote(key)}     # and other members, until enough did",
        f"hanse federation publish {proposal}",
    ):
        print(f"  {step}")
    print(_afterwards(key, keys / KEY))


def _afterwards(key: str, path: Path) -> str:
    """Return what to do with the keys once the change is published. path: where the one before lies by default."""
    from hanse.keys.custody import is_address

    removed = f"remove {path}, unless another federation needs it" if path.exists() else "the key before signs no more"
    kept = f"changes are signed with --key {shlex.quote(key)}" if is_address(key) else f"keep a copy of {key} where no server is"
    return f"once it is published: {removed}; {kept}"


def _retiring(federation: Federation, origin: Origin, path: Path) -> str:
    """Return the flag that gives up the key before, where it is written nowhere whose it is. path: where it lies by default."""
    from hanse.flows.federation.change import key_owners, root_keys
    from hanse.keys.files import read_key

    if origin in key_owners(federation).values():
        return ""
    here = read_key(path).public.fingerprint if path.exists() else ""
    known = here and here in {one.fingerprint for one in root_keys(federation.trusted)}
    return f" --retire {here[:_SHOWN] if known else 'FINGERPRINT-OF-THE-KEY-BEFORE'}"
