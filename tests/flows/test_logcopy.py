"""Copies of logs in the object store, read in every width."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.memorylog import MemoryLog

from hanse.errors import BadProof, BlobNotFound
from hanse.flows.logcopy import LogCopy
from hanse.store.local import LocalStore
from hanse.tlog.proof import consistency_proof
from hanse.tlog.tiles import TileName


def _grown(copy: LogCopy, sizes: list[int]) -> list[bytes]:
    entries = [b"entry %d" % number for number in range(sizes[-1])]
    at = 0
    for size in sizes:
        growth = copy.grow(at, entries[at:size])
        copy.put(growth)
        copy.put(growth)  # a repeated step changes nothing
        copy.sweep(at, size)
        at = size
    return entries


def test_a_copy_is_the_log(tmp_path: Path) -> None:
    """Grown in steps, it has the entries, tiles and proofs of the log, partial files of former sizes included."""
    copy, log, sizes = LogCopy(LocalStore(tmp_path), "example.com/log"), MemoryLog(), [3, 255, 256, 300, 700]
    entries = _grown(copy, sizes)
    for start, end in zip([0, *sizes], sizes, strict=False):
        log.append(entries[start:end])
    assert [entry for bundle in copy.entries(0, 700) for entry in bundle] == entries
    assert [entry for bundle in copy.entries(299, 700) for entry in bundle] == entries[299:]
    for path, data in log.files.items():
        level = None if "entries" in path else int(path.split("/")[1])
        index, _, width = path.split("/", 2)[2].partition(".p/")
        assert copy.read(TileName(level, int(index), int(width or 256)), 700) == data
    assert consistency_proof(255, 700, copy.reader(700)) == log.prove(255)


def test_what_a_copy_lacks(tmp_path: Path) -> None:
    """Beyond its end there is nothing, also where a file of that name could exist."""
    copy = LogCopy(LocalStore(tmp_path), "example.com/log")
    _grown(copy, [300])
    for name in (TileName(0, 1, 45), TileName(None, 2, 1), TileName(1, 0, 2), TileName(5, 0, 1)):
        with pytest.raises(BlobNotFound):
            copy.read(name, 300)


def test_copies_do_not_mix(tmp_path: Path) -> None:
    """Each origin has a place of its own; another log under the same origin is refused."""
    store = LocalStore(tmp_path)
    copy, other = LogCopy(store, "example.com/log"), LogCopy(store, "example.com/other")
    _grown(copy, [5])
    other.put(other.grow(0, [b"other"] * 5))
    with pytest.raises(BadProof, match="another log"):
        copy.put(copy.grow(0, [b"other"] * 5))
