"""Which files a repository holds, by what its revisions name: the part of collection and rebuild that decides."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from hanse.db import blobs, garbage, leaves, revisions, usage
from hanse.flows import effects
from hanse.flows.records import load_revision
from hanse.model.digest import Sha256, XetHash
from hanse.store.base import BlobStore


class Named:
    """The files that records name, each record read once.

    A listing is what its record and those below it put; every file put in a record of a revision is in that revision.
    """

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._read: dict[Sha256, tuple[Sha256 | None, frozenset[XetHash]]] = {}

    def files(self, objects: Iterable[Sha256]) -> set[XetHash]:
        """Return the Xet hashes of all files in the listings kept in these records."""
        found, seen = set[XetHash](), set[Sha256]()
        for digest in objects:
            at: Sha256 | None = digest
            while at is not None and at not in seen:
                seen.add(at)
                base, named = self._record(at)
                found |= named
                at = base
        return found

    def _record(self, digest: Sha256) -> tuple[Sha256 | None, frozenset[XetHash]]:
        if digest not in self._read:
            record = load_revision(self._store, digest)
            named = frozenset(XetHash(row[3]) for row in record.puts)
            self._read[digest] = (None if record.base is None else Sha256(record.base), named)
        return self._read[digest]


def settle_files(conn: Connection, named: Named, repo: int, stale: int) -> int:
    """Bring what a locked repository holds in line with what its revisions name; return how many files it gave up.

    Files of live and pending revisions are live, those of retired or withdrawn ones only are retired, and what nothing names
    is given up, uploads not before they are older than the time `stale`. What the repository is charged for is counted anew.
    """
    live = named.files(row.object for row in revisions.all_of(conn, repo, ["pending", "live"]))
    kept = named.files(row.object for row in revisions.all_of(conn, repo, ["retired", "withdrawn"])) - live
    states: dict[str, list[int]] = {"live": [], "retired": []}
    gone: list[int] = []
    for held in garbage.held_files(conn, repo):
        wanted = "live" if held.xet in live else "retired" if held.xet in kept else ""
        if wanted and wanted != held.state:
            states[wanted].append(held.file_id)
        elif not wanted and (held.state != "staged" or held.added_at < stale):
            gone.append(held.file_id)
    for state, ids in states.items():
        blobs.set_file_state(conn, repo, ids, state)
    garbage.release_files(conn, repo, gone)
    usage.recount(conn, repo)
    return len(gone)


def record_names(conn: Connection, repo: int) -> set[Sha256]:
    """Return the names of all records of a repository: of its revisions, and those beside its leaves."""
    found = {row.object for row in revisions.all_of(conn, repo, ["pending", "live", "retired", "withdrawn", "erased"])}
    told = (effects.parse(effect).record for effect in leaves.effects_of(conn, repo) if effect != effects.NONE)
    return found | {Sha256(record) for record in told if record}
