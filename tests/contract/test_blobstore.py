"""What every `BlobStore` promises (module docstring of hanse.store.base)."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hanse.errors import BadPath, BadRange, BlobNotFound
from hanse.model.digest import Sha256
from hanse.store.base import BlobStore
from hanse.store.keys import ObjectKey, blob_key, log_key

KEY = blob_key(Sha256(hashlib.sha256(b"key").hexdigest()))
OTHER = log_key("tile/0/x001/067.p/5")


def test_put_then_get(store: BlobStore) -> None:
    """An object reads back as it was put."""
    assert store.put(KEY, b"hello world")
    assert store.get(KEY) == b"hello world"
    assert store.size(KEY) == 11


def test_empty_object(store: BlobStore) -> None:
    """An object may be empty."""
    assert store.put(KEY, b"")
    assert (store.get(KEY), store.size(KEY)) == (b"", 0)


def test_first_writer_wins(store: BlobStore) -> None:
    """A second put or adopt of a key changes nothing and says so."""
    assert store.put(KEY, b"first")
    assert not store.put(KEY, b"second")
    assert store.get(KEY) == b"first"


def test_adopt_takes_the_staged_file(store: BlobStore, staged: Path) -> None:
    """A staged file becomes the object and is gone from staging."""
    assert store.adopt(KEY, staged)
    assert store.get(KEY) == b"staged bytes"
    assert not staged.exists()


def test_adopt_loses_to_an_existing_object(store: BlobStore, staged: Path) -> None:
    """Adopting under a taken key keeps the old bytes and still removes the staged file."""
    store.put(KEY, b"first")
    assert not store.adopt(KEY, staged)
    assert store.get(KEY) == b"first"
    assert not staged.exists()


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, 3, b"012"), (3, 4, b"3456"), (8, None, b"89"), (8, 100, b"89"), (9, 1, b"9"), (4, 0, b""), (0, None, b"0123456789")],
)
def test_ranges(store: BlobStore, start: int, length: int | None, expected: bytes) -> None:
    """A range returns exactly its bytes, cut at the end of the object."""
    store.put(KEY, b"0123456789")
    assert store.get(KEY, start, length) == expected


@pytest.mark.parametrize(("start", "length"), [(10, None), (10, 1), (11, 1), (-1, 2), (0, -1), (2**70, 1)])
def test_range_outside(store: BlobStore, start: int, length: int | None) -> None:
    """A range that starts at or after the end, or is negative, is refused."""
    store.put(KEY, b"0123456789")
    with pytest.raises(BadRange):
        store.get(KEY, start, length)


def test_missing_key(store: BlobStore) -> None:
    """A key that was never put is not found and has no size."""
    assert store.size(KEY) is None
    with pytest.raises(BlobNotFound):
        store.get(KEY)
    with pytest.raises(BlobNotFound):
        store.local_path(KEY)


def test_delete_is_idempotent(store: BlobStore) -> None:
    """A deleted object is gone, deleting it again is fine, and the key can be put afresh."""
    store.put(KEY, b"old")
    store.delete(KEY)
    store.delete(KEY)
    assert store.size(KEY) is None
    assert store.put(KEY, b"new")
    assert store.get(KEY) == b"new"


def test_list_by_prefix(store: BlobStore) -> None:
    """List yields exactly the keys under a prefix of whole segments."""
    keys = {KEY, OTHER, log_key("checkpoint")}
    for key in keys:
        store.put(key, b"x")
    assert set(store.list("")) == keys
    assert set(store.list("log/")) == {OTHER, log_key("checkpoint")}
    assert set(store.list("log/tile/")) == {OTHER}
    assert list(store.list("xorbs/")) == []


@pytest.mark.parametrize("prefix", ["log", "lo", "/", "../", "log//", "LOG/"])
def test_list_refuses_other_prefixes(store: BlobStore, prefix: str) -> None:
    """A prefix that is no whole number of segments is refused."""
    with pytest.raises(BadPath):
        list(store.list(prefix))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "a",
        "/a/b",
        "a//b",
        "a/../b",
        "a/./b",
        "../a/b",
        "a/b/",
        "A/b",
        "a/b\n",
        "a/\0",
        "a\\b/c",
        "a/.hidden",
        "a/" + "b" * 200,
    ],
)
def test_bad_keys_reach_nothing(store: BlobStore, key: str) -> None:
    """No operation accepts a key that is not lower-case segments."""
    bad = ObjectKey(key)
    for act in (lambda: store.put(bad, b""), lambda: store.get(bad), lambda: store.size(bad), lambda: store.delete(bad)):
        with pytest.raises(BadPath):
            act()


def test_twenty_writers_of_one_key(store: BlobStore) -> None:
    """Of twenty concurrent writers exactly one is told that it stored, and its bytes are what everybody reads."""
    barrier = threading.Barrier(20)

    def write(number: int) -> tuple[bool, bytes]:
        data = bytes([number]) * 100_000
        barrier.wait()
        stored = store.put(KEY, data)
        assert store.size(KEY) == len(data), "visible and whole as soon as put returned"
        return stored, data

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(write, range(20)))
    winners = [data for stored, data in results if stored]
    assert winners == [store.get(KEY)]


def test_concurrent_writers_of_many_keys(store: BlobStore) -> None:
    """Writers of different keys in the same new folders do not disturb each other."""
    keys = [log_key(f"tile/{n % 3}/x{n % 5:03}/{n:03}") for n in range(60)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda key: store.put(key, key.encode()), keys))
    assert {key: store.get(key) for key in store.list("log/")} == {key: key.encode() for key in keys}


def test_local_path_names_the_bytes(store: BlobStore) -> None:
    """Where objects are files, the file holds exactly the object."""
    store.put(KEY, b"hello")
    path = store.local_path(KEY)
    assert path is None or path.read_bytes() == b"hello"
