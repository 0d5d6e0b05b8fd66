"""The advisories in force in a log, as an evidence file shows them, checked against the snapshot that the log signed.

1. A list is that of the log if the map of its entries has the root of the newest shown snapshot; any other list is none.
2. Of several, as when several nodes were asked, every statement that one of them shows is taken.
3. The log is judged if every statement is there and can be read: then no advisory of it was kept from the reader. An empty map
   needs no list.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from hanse.errors import BadFormat, HanseError
from hanse.flows.shown_log import ShownLog
from hanse.model.advisory import Advisory, parse_payload
from hanse.model.listed_advisories import AdvisoriesEvidence, ListedAdvisory
from hanse.model.trust_leaf import SnapshotLeaf
from hanse.tlog.map import MerkleMap, advisory_key, advisory_value


def with_advisories(log: ShownLog, shown: Iterable[AdvisoriesEvidence]) -> ShownLog:
    """Return a log with what the lists show of its advisories in force; never raises."""
    leaf = None if log.snapshot is None else log.snapshot.leaf
    if not isinstance(leaf, SnapshotLeaf):
        return log
    root = bytes.fromhex(leaf.advisories)
    if root == MerkleMap.empty().root:
        return replace(log, judged=True)
    entries: dict[str, ListedAdvisory] = {}
    for one in shown:
        if one.origin == log.origin and root_of(one) == root:
            entries |= {row.id: row for row in one.entries if row.payload is not None or row.id not in entries}
    found = [_read(row) for row in entries.values()]
    known = tuple(one for one in found if one is not None)
    return replace(log, in_force=known, judged=bool(found) and len(known) == len(found))


def root_of(one: AdvisoriesEvidence) -> bytes:
    """Return the root of the map of advisories that has exactly the listed ones."""
    return MerkleMap.empty().apply([(advisory_key(row.id), advisory_value(row.sha256)) for row in one.entries]).root


def _read(row: ListedAdvisory) -> Advisory | None:
    if row.payload is None:
        return None
    with suppress(HanseError):
        return read_shown(row.id, row.payload)
    return None


def read_shown(name: str, payload: bytes) -> Advisory:
    """Return the advisory in a statement that a log lists under an id; raises BadFormat if it is another one, and as parsing."""
    found = parse_payload(payload)
    if found.id != name:
        raise BadFormat(f"the statement listed as {name[:120]} is about the advisory {found.id}")
    return found
