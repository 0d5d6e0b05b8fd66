"""Revision objects: strict, bounded, named by their digest."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hanse.errors import BadDigest, BadFormat, BadPath, BadRepoId, BlobNotFound, DigestMismatch
from hanse.flows.records import RefsRecord, encode, entry_of, load, load_chain, load_revision, parse, save
from hanse.model.digest import NO_SHA256, Sha256
from hanse.store.keys import revision_key
from hanse.store.local import LocalStore

HEAD = {"v": 1, "origin": "hub.example.org", "type": "model", "repo": "Org/Name", "salt": ""}
ROW = ["a", 1, "0" * 64, "1" * 64, "2" * 40, False]


def _revision(**changes: Any) -> bytes:
    fields = HEAD | {"kind": "revision", "ref": "refs/heads/main", "parent": None, "rev": "3" * 40, "tree": "4" * 64}
    fields |= {
        "commit": "tree",
        "files": 1,
        "bytes": 1,
        "step": 0,
        "weight": 0,
        "size": 1,
        "base": None,
        "puts": [ROW],
        "deletes": [],
    }
    return json.dumps(fields | changes).encode()


def test_round_trip(tmp_path: Path) -> None:
    """What was saved is loaded, and its name is the digest of its bytes."""
    store = LocalStore(tmp_path)
    record = RefsRecord(origin="hub.example.org", type="dataset", repo="Org/Name", salt="ab", refs=[("r", "1", "2", "m\n€")])
    name = save(store, record)
    assert (load(store, name), save(store, record), name) == (record, name, sha256(encode(record)[1]).hexdigest())
    assert record.repo_id.path == "Org/Name"
    with pytest.raises(BadFormat):
        load_revision(store, name)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        _revision()[:-1],
        _revision(v=2),
        _revision(kind="other"),
        _revision(more=1),
        _revision(step=-1),
        _revision(step=1),
        _revision(step=2**20, base="0" * 64),
        _revision(base="0" * 64),
        _revision(step=1, base="x"),
        _revision(deletes=["a"]),
        _revision(puts=[ROW[:-1]]),
        _revision(puts=[[1, *ROW[1:]]]),
        b"[" * 100_000,
    ],
)
def test_hostile_bytes_are_refused(data: bytes) -> None:
    """Anything but exactly a known record is refused with the error of a format or digest."""
    with pytest.raises((BadFormat, BadDigest)):
        parse(data)


@pytest.mark.parametrize("changes", [{"origin": "No"}, {"type": "space"}, {"repo": "a"}])
def test_repository_of_a_record_is_checked(changes: dict[str, str]) -> None:
    """The repository that a record names is parsed like any other."""
    with pytest.raises((BadFormat, BadRepoId)):
        _ = parse(_revision(**changes)).repo_id


@pytest.mark.parametrize("row", [("../a", 1), ("a", -1), ("a", 2**53)])
def test_rows_are_checked(row: tuple[str, int]) -> None:
    """A file of a record has an allowed path and a size below 2^53."""
    with pytest.raises((BadPath, BadFormat)):
        entry_of((*row, "0" * 64, "1" * 64, "2" * 40, False))


def test_damage_is_noticed(tmp_path: Path) -> None:
    """A record whose bytes are not those of its name is not used; a missing one is missing."""
    store = LocalStore(tmp_path)
    store.put(revision_key(NO_SHA256), _revision())
    with pytest.raises(DigestMismatch):
        load(store, NO_SHA256)
    with pytest.raises(BlobNotFound):
        load(store, Sha256("1" * 64))


def test_chains_must_skip(tmp_path: Path) -> None:
    """A delta whose base is not the one it must be is refused, so that no chain is long."""
    store = LocalStore(tmp_path)

    def put(**changes: Any) -> Sha256:
        data = _revision(**changes)
        name = Sha256(sha256(data).hexdigest())
        store.put(revision_key(name), data)
        return name

    snapshot = put()
    one = put(step=1, base=snapshot)
    two = put(step=2, base=snapshot)
    assert [record.step for _, record in load_chain(store, put(step=3, base=two))] == [0, 2, 3]
    for name in (put(step=2, base=one), put(step=3, base=one), put(step=1, base=two)):
        with pytest.raises(BadFormat):
            load_chain(store, name)
