"""Taking down what the logs of other members say about public revisions: who holds what, and what else is signed about it.

A manifest says that its signer holds the files. Other statements (a scan, an owner's position) do not. Audits, which are about a
member, and observations of an upstream, which its member's map of refs repeats, are not taken down.
"""

from __future__ import annotations

from collections.abc import Sequence

from hanse.db import sightings
from hanse.db.engine import Database
from hanse.db.sightings import Said
from hanse.errors import HanseError
from hanse.model.digest import GitOid
from hanse.model.leaf import parse_leaf
from hanse.model.predicates import AUDIT, OBSERVATION
from hanse.model.repo import Origin
from hanse.model.trust_leaf import AttestLeaf
from hanse.sign.statement import OMS

_KIND = b'"kind":"attest"'


def note(db: Database, origin: str, start: int, entries: Sequence[bytes]) -> int:
    """Take down the statements among verified leaves of a log, the first of which has the index `start`; return their number.

    Doing it again changes nothing. Leaves about repositories that are not public name nothing, and are passed over.
    """
    rows = [said for at, data in enumerate(entries, start) if _KIND in data and (said := _read(origin, at, data)) is not None]
    if rows:
        with db.write() as conn:
            sightings.put(conn, rows)
    return len(rows)


def _read(origin: str, index: int, data: bytes) -> Said | None:
    try:
        leaf = parse_leaf(data)
    except HanseError:  # carried along by the mirror as it is
        return None
    if not isinstance(leaf, AttestLeaf) or leaf.concealed or leaf.predicate in (AUDIT, OBSERVATION):
        return None
    place = (Origin(origin), index, leaf.origin, leaf.type.value, leaf.repo)
    return Said(*place, GitOid(leaf.rev), leaf.tree, leaf.time, manifest=leaf.predicate == OMS)
