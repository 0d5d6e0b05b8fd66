"""`hanse export`: everything that may leave a node, as a folder or archive that needs nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from hanse.cli.admin import Json, Where, settings_of
from hanse.cli.usage import WrongUsage
from hanse.cli.verified import counted

if TYPE_CHECKING:
    from hanse.flows.leaving.export import Exported

_SHOWN = 20


def export(
    *repos: Annotated[str, Parameter(help="[datasets/][ORIGIN/]NAMESPACE/NAME; several may be named.")],
    to: Annotated[str, Parameter(help="Folder, archive if the name ends in .tar, or s3://BUCKET/PREFIX.")],
    everything: Annotated[bool, Parameter(name="--all", help="Every repository that everybody may read.")] = False,
    non_public_to: Annotated[
        Path | None, Parameter(help="With --all: also what not everybody may read, into this other folder or archive (0600).")
    ] = None,
    as_json: Json = False,
    where: Where | None = None,
) -> int:
    """Write repositories with their evidence, the log and the federations as plain files.

    Works on the node's data folder and may run while the node serves. Interrupted or killed, the same command goes on where it
    was; run again into a whole folder, it writes what is new. `hanse verify` and `hanse import` read it without network.
    """
    if bool(repos) == everything:
        raise WrongUsage(
            "name what is to be exported, or all", hint="hanse export ORG/NAME --to DIR, or hanse export --all --to DIR"
        )
    if non_public_to is not None and not everything:
        raise WrongUsage("what is not public is exported as a whole only", hint="add --all")
    from hanse.cli.upkeep import tended
    from hanse.flows.leaving.export import export as write

    with tended(settings_of(where)) as node:
        done: list[tuple[Path | str, Exported]] = [(to, write(node, to, repos))]
        if non_public_to is not None:
            done.append((non_public_to, write(node, non_public_to, public=False)))
    if as_json:
        print(json.dumps([_facts(path, one) for path, one in done], indent=2))
    else:
        print("\n".join(line for path, one in done for line in _lines(path, one)))
    return 0


def _facts(path: Path | str, one: Exported) -> dict[str, Any]:
    index = one.index
    left_out = [{"repo": str(row.repo), "rev": row.rev, "why": row.why} for row in index.left_out]
    repos = [{"repo": str(row.repo), "revs": list(row.revs)} for row in index.repos]
    found: dict[str, Any] = {"path": str(path), "public": index.public, "files": index.files, "bytes": index.size}
    return found | {"new": {"files": one.files, "bytes": one.bytes}, "repos": repos, "left_out": left_out}


def _lines(path: Path | str, one: Exported) -> list[str]:
    index = one.index
    revs = sum(len(row.revs) for row in index.repos)
    kind = "" if index.public else "NOT PUBLIC, "
    what = f"{counted(len(index.repos), 'repository', 'repositories')}, {counted(revs, 'revision')}"
    lines = [f"{path}: {kind}{what}, {counted(index.files, 'file')}, {index.size:,} bytes"]
    lines += [f"  left out: {row.repo}{f' {row.rev[:12]}' if row.rev else ''}: {row.why}" for row in index.left_out[:_SHOWN]]
    if len(index.left_out) > _SHOWN:
        lines.append(f"  and {len(index.left_out) - _SHOWN} more, in {path}'s export.json")
    return lines
