"""What the data path keeps in memory."""

from __future__ import annotations

import pytest
from tests.support.rawxet import raw_file
from tests.support.xetflows import send_xorb

from hanse.content.compression import Scheme
from hanse.content.xorb import HEADER_BYTES
from hanse.db.repos import Repo
from hanse.errors import BlobNotFound, Busy
from hanse.flows.node import Node
from hanse.flows.transfers import TableCache, Tables, require_stored, stored_table
from hanse.model.digest import XetHash
from hanse.store.keys import xorb_key, xorb_table_key


def test_tables_imply_the_headers_that_are_stored() -> None:
    """Headers computed from a table are those of the serialised chunks, for every scheme."""
    for scheme in (Scheme.NONE, Scheme.LZ4, Scheme.BG4_LZ4):
        file = raw_file(b"abcd" * 60_000, scheme=scheme)
        starts = file.table.stored[:-1].tolist()
        stored = b"".join(file.xorb_bytes[start : start + HEADER_BYTES] for start in starts)
        assert stored_table(file.table).headers == stored


def test_the_cache_keeps_the_last_used_within_its_bound(lite: Node, repo: Repo) -> None:
    """Old tables make room for new ones, and come back from the store when they are needed."""
    cache, files = TableCache(limit=57 * 3), [raw_file(bytes([number]) * 9000) for number in range(5)]
    for file in files:
        send_xorb(lite, repo, file.xorb, file.xorb_bytes)
        assert cache.get(lite.store, file.xorb).table.encode() == file.table.encode()
    assert list(cache._tables) == [file.xorb for file in files[2:]]
    cache.get(lite.store, files[2].xorb)
    cache.get(lite.store, files[0].xorb)
    assert list(cache._tables) == [files[4].xorb, files[2].xorb, files[0].xorb]
    cache.forget(files[0].xorb)
    lite.store.delete(xorb_table_key(files[0].xorb))
    with pytest.raises(BlobNotFound):
        cache.get(lite.store, files[0].xorb)


def test_tables_are_looked_up_one_by_one(lite: Node) -> None:
    """The mapping of all tables cannot be listed: it is as large as the store."""
    tables = Tables(lite.store, lite.transfers.tables)
    for ask in (lambda: list(tables), lambda: len(tables)):
        with pytest.raises(TypeError):
            ask()
    with pytest.raises(BlobNotFound):
        tables[XetHash("a" * 64)]


def test_objects_that_are_gone_are_missed(lite: Node, repo: Repo) -> None:
    """One missing object is enough to have the upload sent again."""
    file = raw_file(b"x" * 9000)
    send_xorb(lite, repo, file.xorb, file.xorb_bytes)
    require_stored(lite.store, [xorb_key(file.xorb), xorb_table_key(file.xorb)])
    with pytest.raises(Busy):
        require_stored(lite.store, [xorb_key(file.xorb), xorb_key(XetHash("a" * 64))])
