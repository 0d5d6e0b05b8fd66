"""Step 6 of `hanse.flows.fsck`: copies of other logs, grown again from their entry bundles up to the root that was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from hanse.db import witnesses
from hanse.db.witnesses import WitnessedLog
from hanse.errors import BadProof
from hanse.flows.fsck_checker import Checker
from hanse.flows.logcopy import LogCopy
from hanse.store.keys import MIRRORS, mirror_key
from hanse.tlog.hashing import EMPTY_ROOT
from hanse.tlog.tiles import edge_names, grow


def check_mirrors(checker: Checker) -> None:
    """Check every file of every copy; a copy that nobody knows of is stray."""
    with checker.node.db.read() as conn:
        logs = {log.origin_hash: log for log in witnesses.every(conn)}
    for log in logs.values():
        if log.mirrored:
            checker.guard("mirror", log.origin, partial(_check, checker, log))
    for key in checker.node.store.list(MIRRORS):
        if key.split("/")[1] not in logs:
            checker.report("stray", key, "no such log is mirrored here", key)


def _check(checker: Checker, log: WitnessedLog) -> None:
    store, copy, size = checker.node.store, LogCopy(checker.node.store, log.origin), log.mirrored
    kept = {name.path for name in edge_names(size)}
    edge: Mapping[str, bytes] = {}
    root, start = EMPTY_ROOT, 0
    for entries in copy.entries(0, size):
        growth = grow(start, edge, entries)
        for path, data in growth.objects:
            if (".p/" not in path or path in kept) and store.get(mirror_key(log.origin_hash, path)) != data:
                raise BadProof(f"{path} of the copy is not what its entry bundles make")
        edge, root, start = growth.edge, growth.root, start + len(entries)
        checker.count("bundle", sum(map(len, entries)))
    if root.hex() != log.mirrored_root:
        raise BadProof(f"the copy's {size} entries lead to root {root.hex()}, recorded is {log.mirrored_root}")
