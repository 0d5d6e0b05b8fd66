"""`hanse mirror` of what members of a federation published: copies with what they signed, fetched from whoever holds them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hanse.cli.admin import Where, settings_of
from hanse.cli.taking import opened, parse_subject, stopping
from hanse.errors import HanseError

if TYPE_CHECKING:
    from hanse.db.copies import Copy
    from hanse.flows.replicate.background import Copier
    from hanse.flows.replicate.fellows import View
    from hanse.flows.replicate.signed import Asked
    from hanse.flows.replicate.take import Copied
    from hanse.model.repo import Origin


def copy_from(name: str, member: str | None, where: Where | None, *, as_json: bool = False) -> int | None:
    """Copy a member's repository, or everything that a member settled; return the exit status, None if it is no member's.

    name: `[datasets/]NAMESPACE/NAME[@REV]`, or empty; member: whose it is as the user says it, None for whose namespace it is.
    """
    settings = settings_of(where)
    folder = settings.data / "federation"
    if not folder.is_dir() or not (name or member):
        return None
    from hanse.app import replicate_setup
    from hanse.flows.replicate.background import Copier

    with opened(where) as node, stopping() as stop:
        copier = Copier(node, replicate_setup(settings))
        copier.stop = stop
        try:
            view = copier.look()
            origin = None if view is None else _member(view, name, member)
            if view is None or origin is None or origin == node.origin:
                return None
            return _copy(copier, view, origin, name, as_json=as_json)
        finally:
            copier.close()


def _member(view: View, name: str, member: str | None) -> Origin | None:
    """Return whose repository is meant."""
    from hanse.errors import NotFoundError
    from hanse.flows.replicate.fellows import member_named

    try:
        return member_named(view, member or parse_subject(name)[1].partition("/")[0]).origin
    except NotFoundError:
        return None


def _copy(copier: Copier, view: View, origin: Origin, name: str, *, as_json: bool) -> int:
    from hanse.flows.replicate.fellows import addresses
    from hanse.flows.replicate.signed import Asked

    home = addresses(view, [origin])
    urls = (*home, *addresses(view, [one for one in view.members if one != origin]))
    if name:
        kind, path, revision = parse_subject(name)
        asked = [Asked(origin, kind, path, revision)]
    else:
        asked = list(_settled(copier, origin))
    failed = 0
    for one in asked:
        try:
            done, row = copier.fetch(view, one, urls, home)
        except HanseError as error:
            if name:
                raise
            failed += 1
            print(json.dumps({"error": error.code, "message": error.message}) if as_json else f"{error.code}: {error.message}")
            continue
        print(_left(row, as_json=as_json) if done is None else _facts(done, as_json=as_json), flush=True)
    return 1 if failed else 0


def _settled(copier: Copier, origin: Origin) -> Iterator[Asked]:
    """Yield every revision that a member settled in its log, as it is known here."""
    from hanse.db import copies
    from hanse.flows.replicate.plan import BATCH
    from hanse.flows.replicate.signed import Asked
    from hanse.model.repo import RepoType

    with copier.node.db.write() as conn:
        while new := copies.unplanned(conn, [origin], BATCH):
            copies.put_new(conn, new)
        rows, after = list[copies.Copy](), None
        while some := copies.in_state(conn, [copies.WANTED, copies.LEFT, copies.HELD], BATCH, after):
            rows += [one for one in some if one.origin == origin]
            after = some[-1]
    for one in rows:
        yield Asked(one.origin, RepoType(one.type), one.repo, one.rev, one.tree)


def _left(row: Copy, *, as_json: bool) -> str:
    said = f"{row.repo} at {row.rev[:12]} is not copied: its home shows it only to those it chose"
    return json.dumps({"left": row.repo, "rev": row.rev}) if as_json else said


def _facts(done: Copied, *, as_json: bool) -> str:
    told = {"repo": str(done.repo.repo), "rev": done.revision.rev, "tree": done.revision.tree, "files": done.revision.files}
    told |= {"bytes": done.revision.bytes, "fetched": done.moved, "leaf": done.index}
    if as_json:
        return json.dumps(told)
    named = f"{done.repo.repo}@{done.revision.rev[:12]}"
    size = f"{done.revision.files} files, {done.revision.bytes:,} bytes, of which {done.moved:,} were fetched"
    return f"{named}: {size}{'' if done.index is None else f'; attested, leaf {done.index}'}"
