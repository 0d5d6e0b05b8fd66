"""Which commit last changed a file or folder.

Commits are walked backwards through their revision objects without reading whole listings. A delta names every path that any
commit between it and its base touched, so a path that it does not name was last changed at the base or before: the walk skips
there, which takes O(log²) objects for a path that was not changed lately. Answers never change and are kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hanse.content.directory import Folder
from hanse.db import revisions
from hanse.db.repos import Repo
from hanse.db.revisions import Revision
from hanse.flows.node import Node
from hanse.flows.records import EntryRow, load_revision
from hanse.model.digest import GitOid, Sha256
from hanse.model.entry import Entry

MAX_COMMITS = 2000
"""Commits back from the revision that are looked at."""
MAX_ITEMS = 1000
_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class LastCommit:
    """The newest commit that changed a path; `exact` is False where the walk ended before it: that commit or an older one."""

    rev: GitOid
    title: str
    created_at: int
    exact: bool


class _Answers:
    """Answers by (repository, revision, path)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[int, GitOid, str], LastCommit] = OrderedDict()

    def get(self, key: tuple[int, GitOid, str]) -> LastCommit | None:
        with self._lock:
            return self._found.get(key)

    def put(self, key: tuple[int, GitOid, str], value: LastCommit) -> None:
        with self._lock:
            self._found[key] = value
            while len(self._found) > _KEPT:
                self._found.popitem(last=False)


_answers = _Answers()


@dataclass(frozen=True, slots=True)
class _Record:
    rev: str
    base: Sha256 | None
    changes: Mapping[str, EntryRow | None]


class _Walk:
    """The history of one revision, with the objects read so far."""

    def __init__(self, node: Node, history: Sequence[Revision]) -> None:
        self._node = node
        self._rows = {row.rev: row for row in history}
        self._order = {row.rev: at for at, row in enumerate(history)}
        self._records: dict[Sha256, _Record] = {}

    def last(self, rev: GitOid, item: Entry | Folder) -> LastCommit:
        """Return the newest commit from `rev` back that changed `item`."""
        while True:
            row = self._rows[rev]
            parent = None if row.parent is None else self._rows.get(row.parent)
            if parent is None:
                return LastCommit(row.rev, row.title, row.created_at, row.parent is None)
            record = self._record(row.object)
            touched = _touched(record, item)
            base = self._ancestor(row, record)
            if base is not None and not touched:
                rev = base
            elif self._changed(row, parent, record, touched, item):
                return LastCommit(row.rev, row.title, row.created_at, True)
            else:
                rev = parent.rev

    def _ancestor(self, row: Revision, record: _Record) -> GitOid | None:
        """Return the commit of the delta's base if it is an ancestor (it is not after a squash)."""
        if record.base is None:
            return None
        rev = GitOid(self._record(record.base).rev)
        return rev if self._order.get(rev, -1) > self._order[row.rev] else None

    def _changed(self, row: Revision, parent: Revision, record: _Record, touched: list[str], item: Entry | Folder) -> bool:
        if record.base is None or not touched:
            listings, store = self._node.listings, self._node.store
            before, after = (listings.get(store, one.object).directory.get(item.path) for one in (parent, row))
            return before != after
        return any(record.changes[path] != self._value(parent.object, path) for path in touched)

    def _value(self, digest: Sha256, path: str) -> EntryRow | None:
        """Return the row of a path in the listing kept in a record."""
        record = self._record(digest)
        while path not in record.changes and record.base is not None:
            record = self._record(record.base)
        return record.changes.get(path)

    def _record(self, digest: Sha256) -> _Record:
        found = self._records.get(digest)
        if found is None:
            read = load_revision(self._node.store, digest)
            changes: dict[str, EntryRow | None] = {**dict.fromkeys(read.deletes), **{row[0]: row for row in read.puts}}
            found = self._records[digest] = _Record(read.rev, None if read.base is None else Sha256(read.base), changes)
        return found


def _touched(record: _Record, item: Entry | Folder) -> list[str]:
    if isinstance(item, Entry):
        return [item.path] if item.path in record.changes else []
    prefix = f"{item.path}/"
    return [path for path in record.changes if path.startswith(prefix)]


def last_commits(node: Node, repo: Repo, revision: Revision, items: Sequence[Entry | Folder]) -> dict[str, LastCommit]:
    """Return path -> the newest commit, from `revision` back, that changed it, for items of that revision.

    At most MAX_COMMITS are looked at; beyond them the oldest one is named, with `exact` False.
    """
    found: dict[str, LastCommit] = {}
    wanted: list[Entry | Folder] = []
    for item in items[:MAX_ITEMS]:
        kept = _answers.get((repo.id, revision.rev, item.path))
        if kept is None:
            wanted.append(item)
        else:
            found[item.path] = kept
    if wanted:
        with node.db.read() as conn:
            walk = _Walk(node, revisions.history(conn, repo.id, revision.rev, MAX_COMMITS))
        for item in wanted:
            found[item.path] = walk.last(revision.rev, item)
            _answers.put((repo.id, revision.rev, item.path), found[item.path])
    return found
