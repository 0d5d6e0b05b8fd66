"""Listings: written as deltas and snapshots, read back equal, shared by threads."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from hanse.content.gitobjects import blob_id
from hanse.errors import BlobNotFound
from hanse.flows.listing import Delta, Listings, RevisionListing, kept_as, lay_out, read_listing
from hanse.flows.records import RevisionRecord, encode, load_chain, row_of, save
from hanse.model.digest import NO_SHA256, Sha256, XetHash
from hanse.model.entry import Entry
from hanse.store.keys import revision_key
from hanse.store.local import LocalStore


def entry(path: str, data: bytes = b"") -> Entry:
    """Return the entry of a small file."""
    digest = sha256(data).hexdigest()
    return Entry(path, len(data), Sha256(digest), XetHash(digest), blob_id(data), lfs=False)


def write(
    store: LocalStore, parent: RevisionListing | None, puts: list[Entry], deletes: list[str]
) -> tuple[Sha256, RevisionListing]:
    """Apply a change and keep it in a record, as publishing does."""
    listing = (parent or RevisionListing.empty()).apply(puts, deletes)
    layout = lay_out(parent, listing, Delta({**dict.fromkeys(deletes), **{one.path: row_of(one) for one in puts}}))
    fields = {"origin": "hub.example.org", "type": "model", "repo": "a/b", "salt": "", "ref": "refs/heads/main", "parent": None}
    record = RevisionRecord(**fields, rev="0" * 40, tree=listing.tree, commit="tree", files=0, bytes=0, **layout.fields())  # type: ignore[arg-type]
    digest = save(store, record)
    return digest, kept_as(parent, listing, layout, digest)


def test_random_histories_read_back(tmp_path: Path) -> None:
    """Whatever is put and deleted over 200 commits, each revision is read back with the same files and tree, by few objects."""
    store, chance = LocalStore(tmp_path), random.Random(1)
    listing: RevisionListing | None = None
    paths = [f"d{at % 5}/f{at}" for at in range(60)]
    for turn in range(200):
        present = [] if listing is None else [one.path for one in listing.directory.entries()]
        gone = chance.sample(present, min(len(present) // 10, 2))
        puts = [entry(path, b"%d" % turn) for path in chance.sample(paths, 3) if path not in gone]
        digest, listing = write(store, listing, puts, gone)
        if turn % 7 == 0:
            read = read_listing(store, digest)
            assert list(read.directory.entries()) == list(listing.directory.entries())
            assert read.tree == read.map.root.hex() == listing.tree
            assert len(load_chain(store, digest)) <= 8
            listing = read if chance.random() < 0.5 else listing


@pytest.mark.soak
def test_a_hundred_thousand_files(tmp_path: Path) -> None:
    """Twenty two-file commits to 10^5 files write no more than to few files, and the last revision reads back whole."""
    store = LocalStore(tmp_path)
    digest, listing = write(store, None, [entry(f"d{at % 100}/f{at}", b"%d" % at) for at in range(100_000)], [])
    written = 0
    for turn in range(20):
        digest, listing = write(store, listing, [entry(f"d1/f{at}", b"x%d" % turn) for at in (turn, 101)], [])
        written += store.size(revision_key(digest)) or 0
    assert written < 20 * 4096
    read = read_listing(store, digest)
    assert read.directory.count == 100_000 + sum(turn % 100 != 1 for turn in range(20))
    assert read.directory.oid() == listing.directory.oid()
    assert read.map.root.hex() == listing.tree


def test_writing_costs_what_changes(tmp_path: Path) -> None:
    """Two hundred two-file commits to two thousand files write a small multiple of their changes, not of the files."""
    store = LocalStore(tmp_path)
    _, listing = write(store, None, [entry(f"f{at}") for at in range(2000)], [])
    sizes = []
    for turn in range(200):
        digest, listing = write(store, listing, [entry("f1", b"%d" % turn), entry(f"n{turn}")], [])
        sizes.append(len(encode(load_chain(store, digest)[-1][1])[1]))
    assert sum(sizes) < 200 * 6000, "about 250 bytes for each change, written again for each bit of the step"
    assert max(sizes) < 60_000


def test_cache_is_bounded_and_shared(tmp_path: Path) -> None:
    """The cache keeps the listings used last up to a number of files; threads that ask at once get one object."""
    store, cache = LocalStore(tmp_path), Listings(max_entries=25)
    names = [write(store, None, [entry(f"{number}/{at}") for at in range(10)], [])[0] for number in range(4)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: cache.get(store, names[0]), range(16)))
    assert len({id(one) for one in found}) == 1
    for name in names:
        cache.get(store, name)
    assert cache.get(store, names[3]) is cache.get(store, names[3])
    assert cache.get(store, names[0]) is not found[0]


def test_missing_record_is_told_to_every_caller(tmp_path: Path) -> None:
    """A listing whose record is missing is missing each time it is asked for."""
    store, cache = LocalStore(tmp_path), Listings()
    for _ in range(2):
        with pytest.raises(BlobNotFound):
            cache.get(store, NO_SHA256)
