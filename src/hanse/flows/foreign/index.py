"""Looking through copies of others' logs for leaves about keys, refs, repositories, copies, advisories, federations' lists.

What a copy held before this was done, or before the catalogue was lost, is looked through later, statements included.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hanse.db import foreign
from hanse.db.engine import Database
from hanse.db.foreign import ADVISORY, COPY, KEY, LIST, REF, REPO, Listed, place_of
from hanse.errors import HanseError
from hanse.flows import sightings
from hanse.flows.logcopy import LogCopy
from hanse.model.copies_leaf import CopiesLeaf
from hanse.model.leaf import LEAF_VERSION, parse_leaf
from hanse.model.repo import Origin, RepoType
from hanse.model.trust_leaf import AdvisoryLeaf, MemberLeaf
from hanse.store.base import BlobStore
from hanse.tlog.map import ref_key

_KINDS = tuple(b'"kind":"%s"' % kind for kind in (b"key", b"ref", b"repo", b"member", b"copies", b"advisory"))


_PLACED = {"repo": REPO, CopiesLeaf.kind: COPY}


class _Fields(msgspec.Struct, frozen=True):
    v: int
    kind: str
    origin: str = ""
    type: str = ""
    repo: str = ""
    ref: str = ""


_decode = msgspec.json.Decoder(_Fields).decode


def take(db: Database, store: BlobStore, log: str, start: int, entries: Sequence[bytes]) -> None:
    """Record what the last entries of a copy, from index `start` on, are about; what was not looked through before comes first.

    Doing it again changes nothing. Raises BlobNotFound if the copy lacks something.
    """
    with db.read() as conn:
        done = foreign.indexed(conn, log)
    if not entries and done >= start:
        return
    if done < start:
        copy = LogCopy(store, log)
        for some in copy.entries(done, start + len(entries)):
            sightings.note(db, log, done, some[: start - done])
            _put(db, log, done, some[: start - done])
            done = min(start, done + len(some))
    _put(db, log, start, entries)


def subject_of(role: str, version: int, digest: str) -> str:
    """Return what a leaf about a version of a federation's list is found by."""
    return f"{role}/{version}/{digest[:32]}"


def _put(db: Database, log: str, start: int, entries: Sequence[bytes]) -> None:
    rows = [one for at, data in enumerate(entries, start) if (one := _listed(at, data)) is not None]
    with db.write() as conn:
        done = foreign.indexed(conn, log)
        foreign.put_leaves(conn, log, rows, max(done, start + len(entries)))


def _listed(index: int, data: bytes) -> Listed | None:
    """Return what a leaf is about, None if it is nothing that is looked for here."""
    if not any(kind in data for kind in _KINDS):
        return None
    try:
        leaf = _decode(data)
        if leaf.kind == MemberLeaf.kind and isinstance(member := parse_leaf(data), MemberLeaf):
            subject = subject_of(member.role.value, member.version, member.payload.sha256)
            return Listed(index, LIST, subject, member.federation or "")
        if leaf.v != LEAF_VERSION:
            return None
        if leaf.kind == KEY:
            return Listed(index, KEY)
        if leaf.kind == AdvisoryLeaf.kind:
            return Listed(index, ADVISORY)
        if leaf.kind == REF:
            subject = ref_key(Origin(leaf.origin), RepoType(leaf.type), leaf.repo, leaf.ref).hex()
            return Listed(index, REF, subject, place_of(leaf.origin, leaf.type, leaf.repo))
        if leaf.kind in _PLACED:
            return Listed(index, _PLACED[leaf.kind], "", place_of(leaf.origin, leaf.type, leaf.repo))
    except (msgspec.DecodeError, ValueError, HanseError):  # carried along by the mirror as it is
        return None
    return None
