"""Xet uploads spelled out: xorbs, shards and commit bodies as bytes, so that tests can lie about any part of them."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from hanse.content.chunking import split
from hanse.content.compression import Scheme, compress, compress_best
from hanse.content.hashing import chunk_hash, file_hash, range_hash, xorb_hash
from hanse.content.shard import FileBlock, Shard, encode_shard, xorb_block
from hanse.content.terms import Term
from hanse.content.xorb import ChunkHeader, XorbTable, parse_xorb
from hanse.model.digest import Sha256, XetHash


@dataclass(frozen=True)
class RawFile:
    """One file in one xorb: its bytes, names, the xorb with its table, and the shard that registers it."""

    data: bytes
    file: XetHash
    sha256: Sha256
    xorb: XetHash
    xorb_bytes: bytes
    table: XorbTable
    block: FileBlock
    shard: bytes
    chunks: tuple[tuple[bytes, int], ...]


def xorb_of(chunks: list[bytes], *, scheme: Scheme | None = None) -> bytes:
    """Return the stored form of a xorb of raw chunks, each in the given scheme or the one that makes it smallest."""
    parts = []
    for raw in chunks:
        used, payload = compress_best(raw) if scheme is None else (scheme, compress(raw, scheme))
        parts.append(ChunkHeader(used, len(payload), len(raw)).encode() + payload)
    return b"".join(parts)


def raw_file(data: bytes, *, sha256: str | None = None, scheme: Scheme | None = None) -> RawFile:
    """Return everything a client sends to store `data` by Xet; `sha256` is what its shard claims."""
    raw = split(data)
    chunks = tuple((chunk_hash(one), len(one)) for one in raw)
    stored = xorb_of(raw, scheme=scheme)
    name = xorb_hash(chunks)
    table, _ = parse_xorb(stored, name)
    digest = Sha256(sha256 or hashlib.sha256(data).hexdigest())
    term = Term(name, 0, len(chunks), len(data))
    block = FileBlock(file_hash(chunks), (term,), (range_hash(value for value, _ in chunks),), digest)
    shard = encode_shard(Shard((block,), (xorb_block(table),)))
    return RawFile(data, block.file, digest, name, stored, table, block, shard, chunks)


def commit_body(*operations: dict[str, Any], summary: str = "test", **header: Any) -> bytes:
    """Return the NDJSON of a commit."""
    lines = [{"key": "header", "value": {"summary": summary, "description": "", **header}}, *operations]
    return b"\n".join(json.dumps(line).encode() for line in lines)


def put_bytes(path: str, data: bytes) -> dict[str, Any]:
    """Return the operation that puts a small file."""
    return {"key": "file", "value": {"path": path, "content": base64.b64encode(data).decode(), "encoding": "base64"}}


def put_file(path: str, sha256: str, size: int | None = None) -> dict[str, Any]:
    """Return the operation that names an uploaded file."""
    value: dict[str, Any] = {"path": path, "algo": "sha256", "oid": sha256}
    return {"key": "lfsFile", "value": value if size is None else value | {"size": size}}
