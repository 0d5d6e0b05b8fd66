"""`hanse find`: which names, revisions and members hold the bytes that a digest or a file stands for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from hanse.cli.admin import Json
from hanse.cli.expected import as_told, printable
from hanse.cli.remote import Node, ask, node_address
from hanse.errors import InputError, StorageError

_HEX = frozenset("0123456789abcdef")
_PIECE = 1024 * 1024


def find(
    what: Annotated[str, Parameter(name="what", help="SHA-256, Xet hash, tree or commit id; or a file, which is hashed here.")],
    /,
    *,
    node: Node = "",
    as_json: Json = False,
) -> int:
    """Say which repositories that you may see hold these bytes, in which revisions, and since when.

    A file is hashed on this machine and never sent. Exits with 1 if nobody holds them.
    """
    digest = _digest(what)
    found = ask("GET", f"{node_address(node)}/v1/find/{digest}")
    with as_told("who holds it"):
        text, held = "\n".join(_lines(printable(found))), bool(found["members"])
    print(json.dumps(found, indent=2) if as_json else text)
    return 0 if held else 1


def _digest(what: str) -> str:
    """Return the digest that is meant; raises InputError if it is neither one nor a file."""
    path = Path(what)
    if path.is_file():
        return _sha256(path)
    if len(what) in (40, 64) and _HEX.issuperset(what.lower()):
        return what.lower()
    raise InputError(f"{what[:120]!r} is neither a file nor a digest of 40 or 64 hex digits")


def _sha256(path: Path) -> str:
    state = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                state.update(piece)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    return state.hexdigest()


def _lines(found: dict[str, Any]) -> Iterator[str]:
    kinds = " and ".join(found["kinds"]) or "digest"
    yield f"{kinds} {found['digest']}"
    if not found["members"]:
        yield "nobody that this node knows holds it, as far as you may see"
    for held in found["held"]:
        kind = "datasets/" if held["type"] == "dataset" else ""
        yield f"\n{kind}{held['repo']} ({held['origin']}), since {held['since']}"
        for one in held["revisions"]:
            names = ", ".join(one["refs"]) or one["state"]
            where = f"  log index {one['index']}" if one["index"] is not None else ""
            yield f"  {one['rev']}  {names}{where}"
            for path in one["paths"]:
                yield f"    {path}"
    for member in found["members"]:
        names = ", ".join(one["repo"] for one in member["names"])
        yield f"\nheld by {member['origin']}, since {member['since']}{f' as {names}' if names else ''}"
    if not found["complete"]:
        yield "\nthere is more than is shown"
