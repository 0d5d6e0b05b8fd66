"""Names of objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.model.digest import Sha256, XetHash
from hanse.store import keys
from hanse.store.keys import ObjectKey
from hanse.store.local import LocalStore

HASH = "ab" + "0" * 62


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (keys.xorb_key(XetHash(HASH)), f"xorbs/ab/{HASH}"),
        (keys.xorb_table_key(XetHash(HASH)), f"xorb-tables/ab/{HASH}"),
        (keys.shard_key(Sha256(HASH)), f"shards/ab/{HASH}"),
        (keys.chunk_list_key(XetHash(HASH)), f"chunk-lists/ab/{HASH}"),
        (keys.blob_key(Sha256(HASH)), f"blobs/ab/{HASH}"),
        (keys.revision_key(Sha256(HASH)), f"revisions/ab/{HASH}"),
        (keys.attestation_key(Sha256(HASH), Sha256("c" * 64)), f"attestations/ab/{HASH}/{'c' * 64}"),
        (keys.log_key("tile/0/x001/067.p/5"), "log/tile/0/x001/067.p/5"),
        (keys.log_staged_key(Sha256(HASH)), f"log-staged/{HASH}"),
    ],
)
def test_layout_of_the_store(key: ObjectKey, expected: str, tmp_path: Path) -> None:
    """Every family has its own prefix, on disk as written here; backups and rebuild rely on it."""
    assert key == expected
    store = LocalStore(tmp_path / "objects")
    assert store.put(key, b"x")
    assert (tmp_path / "objects" / expected).read_bytes() == b"x"
