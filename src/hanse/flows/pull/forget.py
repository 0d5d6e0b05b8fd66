"""Forgetting what was pinned at first use of a name or revision, because what was seen first was false.

Only what an upstream merely claimed can be forgotten. What was signed or logged stays, and so does every recall: that a name is a
node's, and what its log showed, must not be lost by a command.
"""

from __future__ import annotations

from dataclasses import dataclass

from hanse.errors import NotFoundError, PolicyError
from hanse.flows.pull.known import Known, Records
from hanse.model.repo import Origin, RepoType, parse_repo_id

_ANY = Origin("any")
_REV = ("revision", "alarm")
_NAME = ("ref", "name")


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten of a name. revisions: as `ORIGIN/TYPE/NAMESPACE/NAME@REV`; refs: likewise with `#REF`."""

    revisions: tuple[str, ...]
    refs: tuple[str, ...]


def forget(records: Records, kind: RepoType, name: str, rev: str = "") -> Forgotten:
    """Forget the pins of a revision (an id, or its beginning), or of all revisions and refs of a name, whoever saw them.

    name: `NAMESPACE/NAME`, or `ORIGIN/NAMESPACE/NAME`. Raises BadRepoId; PolicyError if the name is a node's, NotFoundError if
    nothing is pinned.
    """
    origin, path = "/".join(name.split("/")[:-2]), "/".join(name.split("/")[-2:])
    repo = parse_repo_id(_ANY, kind, path)
    known = Known(records).name(repo)
    if known is not None and known.node:
        raise PolicyError(
            f"{path} is of {known.origin}, whose log says what its revisions are: that is not forgotten",
            hint="what a log shows is checked anew each time",
        )
    own = f"{kind.value}/{repo.folded}"
    found: dict[str, list[str]] = {}
    for record in (*_REV, *_NAME):
        if record in _NAME and rev:
            continue
        for key in list(records.keys(record)):
            plain = key.rpartition("|")[2]
            where, mark, what = plain.partition("#" if record == "ref" else "@")
            server, _, named = ("", "", where) if record == "name" else where.partition("/")
            if named != own or (origin and server and origin != server) or (mark and not what.startswith(rev)):
                continue
            if record in _REV and records.get("evidence", key) is not None:
                continue
            records.delete(record, key)
            found.setdefault(record, []).append(plain)
    if not found:
        raise NotFoundError(
            f"nothing is pinned of {name[:200]}{'@' if rev else ''}{rev[:60]}", hint="check the name and --repo-type"
        )
    return Forgotten(tuple(sorted(set(found.get("revision", [])))), tuple(sorted(set(found.get("ref", [])))))
