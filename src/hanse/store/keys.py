"""Names of objects in the store; the only place that makes them, always from parsed digests and numbers.

Two hex digits of fan-out keep folders small. Nothing a client sends becomes part of a key unparsed.
"""

from __future__ import annotations

from typing import NewType

from hanse.model.digest import Sha256, XetHash

ObjectKey = NewType("ObjectKey", str)
"""`family/…` of `[a-z0-9._-]` segments."""

XORBS = "xorbs/"
XORB_TABLES = "xorb-tables/"
SHARDS = "shards/"
CHUNK_LISTS = "chunk-lists/"
BLOBS = "blobs/"
REVISIONS = "revisions/"
LOG = "log/"
LOG_STAGED = "log-staged/"
MIRRORS = "mirrors/"


def xorb_key(xorb: XetHash) -> ObjectKey:
    """Return the key of a xorb's stored form (footer stripped)."""
    return ObjectKey(f"{XORBS}{xorb[:2]}/{xorb}")


def xorb_table_key(xorb: XetHash) -> ObjectKey:
    """Return the key of a xorb's table: digest of its stored form and offsets, lengths and hashes of its chunks."""
    return ObjectKey(f"{XORB_TABLES}{xorb[:2]}/{xorb}")


def shard_key(digest: Sha256) -> ObjectKey:
    """Return the key of an accepted upload shard, named by the SHA-256 of its bytes."""
    return ObjectKey(f"{SHARDS}{digest[:2]}/{digest}")


def chunk_list_key(file: XetHash) -> ObjectKey:
    """Return the key of a file's chunk-hash list, named by the Xet file hash it recomputes to."""
    return ObjectKey(f"{CHUNK_LISTS}{file[:2]}/{file}")


def blob_key(digest: Sha256) -> ObjectKey:
    """Return the key of a small file stored whole."""
    return ObjectKey(f"{BLOBS}{digest[:2]}/{digest}")


def revision_key(digest: Sha256) -> ObjectKey:
    """Return the key of a revision object, named by the SHA-256 of its bytes."""
    return ObjectKey(f"{REVISIONS}{digest[:2]}/{digest}")


def log_key(path: str) -> ObjectKey:
    """Return the key of a committed log object; `path` is a tlog-tiles path or `head/<size>`."""
    return ObjectKey(f"{LOG}{path}")


def log_staged_key(digest: Sha256) -> ObjectKey:
    """Return the key of a staged log batch, named by the SHA-256 of its bytes."""
    return ObjectKey(f"{LOG_STAGED}{digest}")


def mirror_key(origin_hash: str, path: str) -> ObjectKey:
    """Return the key of a file of a log that is mirrored here; `path` is a tlog-tiles path, the hash is SHA-256 of its origin."""
    return ObjectKey(f"{MIRRORS}{origin_hash}/{path}")
