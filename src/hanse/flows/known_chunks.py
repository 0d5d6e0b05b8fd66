"""Where an incoming file's chunks are stored already, among what the sender may refer to.

Two sources: the newest xorbs of the repository, which hold earlier versions of the same files, and xorbs found by chunks that
are eligible for global deduplication (the first of a file, and one in 1,024), anywhere the actor may read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement

from hanse.content.hashing import HASH_BYTES
from hanse.content.shard import is_dedup_eligible
from hanse.content.xorb import XorbTable
from hanse.db import xorbs
from hanse.db.repos import Repo
from hanse.flows.node import Node
from hanse.flows.scope import usable_scope
from hanse.flows.transfers import Tables
from hanse.model.actor import Actor
from hanse.model.digest import XetHash

_XORB_BYTES = 64 * 1024 * 1024
_MOST_RECENT = 1024
_MOST_FOUND = 64


class KnownChunks:
    """Finds chunks by hash. Memory: 16 bytes per chunk of the recent xorbs, and the tables of at most 64 found ones."""

    def __init__(self, node: Node, scope: ColumnElement[bool] | None, recent: list[XetHash]) -> None:
        self._node = node
        self._scope = scope
        self._tables = Tables(node.store, node.transfers.tables)
        self._recent = recent
        self._words, self._places = self._index(recent)
        self._found: dict[bytes, tuple[XetHash, int]] = {}
        self._loaded: set[XetHash] = set(recent)
        self._asked = False

    def _index(self, recent: list[XetHash]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Return the first words of all chunk hashes, sorted, and beside each its xorb's number << 16 and chunk number."""
        words: list[NDArray[np.uint64]] = []
        places: list[NDArray[np.uint64]] = []
        for number, xorb in enumerate(recent):
            table = self._tables[xorb]
            words.append(np.frombuffer(table.hashes, dtype="<u8").reshape(-1, 4)[:, 0])
            places.append(np.arange(table.count, dtype=np.uint64) + np.uint64(number << 16))
        if not words:
            return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint64)
        flat = np.concatenate(words)
        order = np.argsort(flat, kind="stable")
        return flat[order], np.concatenate(places)[order]

    def find(self, value: bytes) -> tuple[XetHash, int] | None:
        """Return xorb and number of a chunk with this 32-byte hash, or None."""
        found = self._found.get(value) or self._find_recent(value)
        if found is None and (not self._asked or is_dedup_eligible(value)):
            self._ask(value)
            found = self._found.get(value)
        self._asked = True
        return found

    def _find_recent(self, value: bytes) -> tuple[XetHash, int] | None:
        word = np.uint64(int.from_bytes(value[:8], "little"))
        at = int(np.searchsorted(self._words, word))
        while at < len(self._words) and self._words[at] == word:
            number, index = divmod(int(self._places[at]), 1 << 16)
            if self._tables[self._recent[number]].hash_at(index) == value:
                return self._recent[number], index
            at += 1
        return None

    def _ask(self, value: bytes) -> None:
        """Look an eligible chunk up everywhere in scope, and learn all chunks of the xorb that has it."""
        if self._scope is None or len(self._loaded) >= len(self._recent) + _MOST_FOUND:
            return
        with self._node.db.read() as conn:
            rows = xorbs.find_chunk(conn, self._scope, value, 1)
        for row in rows:
            if row.hash not in self._loaded:
                self._loaded.add(row.hash)
                self._learn(self._tables[row.hash])

    def _learn(self, table: XorbTable) -> None:
        for index in range(table.count):
            value = table.hashes[HASH_BYTES * index : HASH_BYTES * (index + 1)]
            self._found.setdefault(value, (table.xorb, index))


def known_chunks(node: Node, actor: Actor, repo: Repo, size: int) -> KnownChunks:
    """Return what a file of about `size` bytes, sent to `repo` by `actor`, may share chunks with."""
    limit = min(_MOST_RECENT, 64 + 4 * (size // _XORB_BYTES))
    with node.db.read() as conn:
        recent = [row.hash for row in xorbs.recent_xorbs(conn, repo.id, limit)]
    return KnownChunks(node, usable_scope(actor, repo), recent)


def nothing_known(node: Node) -> KnownChunks:
    """Return an empty index: every chunk is stored anew."""
    return KnownChunks(node, None, [])
