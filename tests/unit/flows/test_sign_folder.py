"""A folder's files under every name that a manifest gives them, computed on the publisher's machine."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from pathlib import Path

import pytest

from hanse.content.chunking import split
from hanse.content.gitobjects import blob_id
from hanse.content.hashing import chunk_hash, file_hash
from hanse.errors import EntryNotFound, VerificationFailed
from hanse.flows.sign_folder import hash_folder, require_same, tree_of
from hanse.model.digest import EMPTY_XET
from hanse.tlog.map import MerkleMap, tree_key, tree_value

FILES = {"a.bin": random.Random(5).randbytes(1_500_000), "empty": b"", "sub/über.txt": b"x"}


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    for name, data in (FILES | {".cache/huggingface/x": b"bookkeeping", "model.sig": b"old"}).items():
        path = tmp_path / "m" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "m"


def test_every_digest_of_every_file(folder: Path) -> None:
    """Size, SHA-256, Xet hash and git id are those of the bytes; clients' bookkeeping and the signature are left out."""
    counted: list[int] = []
    found = {one.path: one for one in hash_folder(folder, [folder / "model.sig"], counted.append)}
    assert found.keys() == FILES.keys()
    for path, data in FILES.items():
        one = found[path]
        chunks = [(chunk_hash(chunk), len(chunk)) for chunk in split(data)]
        assert (one.size, one.sha256, one.git_oid) == (len(data), hashlib.sha256(data).hexdigest(), blob_id(data))
        assert one.xet == (file_hash(chunks) if data else EMPTY_XET)
    assert sum(counted) == sum(map(len, FILES.values()))
    puts = [(tree_key(one.path), tree_value(one.size, one.sha256, one.xet)) for one in found.values()]
    assert tree_of(list(found.values())) == MerkleMap.empty().apply(puts).root.hex()


def test_links_are_not_signed(folder: Path) -> None:
    """What is no file of the folder would be something else for everybody else."""
    (folder / "link").symlink_to(folder / "a.bin")
    with pytest.raises(VerificationFailed, match="link"):
        hash_folder(folder)
    with pytest.raises(EntryNotFound):
        hash_folder(folder / "none")


def test_every_difference_is_listed(folder: Path) -> None:
    """A folder that is not the revision is refused with each file that differs, is too many or missing."""
    mine = hash_folder(folder)
    require_same(mine, mine)
    theirs = [replace(mine[0], path="new"), *mine[1:-1], replace(mine[-1], size=7)]
    with pytest.raises(VerificationFailed) as caught:
        require_same(mine, theirs)
    assert len(caught.value.failed) == 3
    assert [line.partition(": ")[2][:7] for line in caught.value.failed] == ["only in", "only in", "the fol"]
