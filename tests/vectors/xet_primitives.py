"""Slow, plain reference of the Xet formats, checked against hf_xet.hash_files and real uploads: the oracle of the content tests.

It shares no code with `hanse.content`; it trusts its input and is written to be compared, line by line, with the
specification.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lz4.frame
from blake3 import blake3

Sized = tuple[bytes, int]

DATA_KEY = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
RANGE_KEY = bytes.fromhex("7f1857d6ce56ed66127ff913e7a5c3f3a4cd26d5b5db49e64124987f28fb94c3")
TAG = b"HFRepoMetaData\x00" + bytes([85, 105, 103, 69, 106, 123, 129, 87, 131, 165, 189, 217, 92, 205, 209, 74, 169])
TABLE = [
    int(line, 16)
    for line in Path(__file__).with_name("gear_table.txt").read_text("ascii").splitlines()
    if not line.startswith("#")
]
BOOKEND = b"\xff" * 32 + b"\0" * 16
MIN, MAX, MASK = 8192, 131072, 0xFFFF000000000000


def to_text(raw: bytes) -> str:
    """Return the string form of a hash."""
    return "".join(raw[at : at + 8][::-1].hex() for at in (0, 8, 16, 24))


def keyed(key: bytes, data: bytes) -> bytes:
    """Return keyed BLAKE3."""
    return blake3(data, key=key).digest()


def chunk_hash(data: bytes) -> bytes:
    """Return the hash of a chunk."""
    return keyed(DATA_KEY, data)


def boundaries(data: bytes) -> list[int]:
    """Return the end of every chunk, byte by byte."""
    ends = []
    start = gear = 0
    for end, byte in enumerate(data, 1):
        gear = ((gear << 1) + TABLE[byte]) & 0xFFFFFFFFFFFFFFFF
        size = end - start
        if size >= MAX or (size >= MIN and gear & MASK == 0):
            ends.append(end)
            start, gear = end, 0
    return [*ends, len(data)] if start < len(data) else ends


def chunks(data: bytes) -> list[bytes]:
    """Return the chunks of `data`."""
    ends = boundaries(data)
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def node(children: Sequence[Sized]) -> Sized:
    """Return hash and size of an inner node."""
    text = "".join(f"{to_text(value)} : {size}\n" for value, size in children)
    return keyed(NODE_KEY, text.encode()), sum(size for _, size in children)


def group(level: Sequence[Sized]) -> int:
    """Return how many of the first entries belong together."""
    if len(level) <= 2:
        return len(level)
    end = min(9, len(level))
    for at in range(2, end):
        if struct.unpack("<Q", level[at][0][24:])[0] % 4 == 0:
            return at + 1
    return end


def tree(leaves: Sequence[Sized]) -> bytes:
    """Return the root: the xorb hash."""
    if not leaves:
        return bytes(32)
    level = list(leaves)
    while len(level) > 1:
        above = []
        at = 0
        while at < len(level):
            count = group(level[at : at + 9])
            above.append(node(level[at : at + count]))
            at += count
        level = above
    return level[0][0]


def file_hash(leaves: Sequence[Sized]) -> bytes:
    """Return the file hash."""
    return keyed(bytes(32), tree(leaves)) if leaves else bytes(32)


def range_hash(hashes: Sequence[bytes]) -> bytes:
    """Return the verification hash of a term."""
    return keyed(RANGE_KEY, b"".join(hashes))


def bg4_split(data: bytes) -> bytes:
    """Return bytes grouped by position modulo four."""
    return data[0::4] + data[1::4] + data[2::4] + data[3::4]


def bg4_join(data: bytes) -> bytes:
    """Undo `bg4_split`."""
    size, at = len(data), 0
    out = bytearray(size)
    for group_no in range(4):
        count = (size - group_no + 3) // 4
        out[group_no::4] = data[at : at + count]
        at += count
    return bytes(out)


def parse_xorb(data: bytes) -> tuple[list[tuple[int, int, bytes, int]], bytes]:
    """Return (start, end, raw, scheme) of every chunk, and the footer."""
    found = []
    at = 0
    while at < len(data) and data[at : at + 7] != b"XETBLOB":
        assert data[at] == 0
        stored, scheme, raw_size = (
            int.from_bytes(data[at + 1 : at + 4], "little"),
            data[at + 4],
            int.from_bytes(data[at + 5 : at + 8], "little"),
        )
        end = at + 8 + stored
        raw = data[at + 8 : end] if scheme == 0 else lz4.frame.decompress(data[at + 8 : end])
        raw = bg4_join(raw) if scheme == 2 else raw
        assert len(raw) == raw_size
        found.append((at, end, raw, scheme))
        at = end
    return found, data[at:]


def make_xorb(raws: Sequence[bytes], scheme: int = 0) -> bytes:
    """Return a serialised xorb."""
    out = b""
    for raw in raws:
        payload = raw if scheme == 0 else lz4.frame.compress(raw if scheme == 1 else bg4_split(raw))
        out += b"\0" + len(payload).to_bytes(3, "little") + bytes([scheme]) + len(raw).to_bytes(3, "little") + payload
    return out


def parse_shard(data: bytes) -> dict[str, Any]:
    """Return the files, xorbs and trailing bytes of a shard."""
    assert data[:32] == TAG
    assert struct.unpack("<Q", data[32:40]) == (2,)
    at = 48
    files: list[dict[str, Any]] = []
    while data[at : at + 32] != b"\xff" * 32:
        flags, count = struct.unpack("<II", data[at + 32 : at + 40])
        name, at = data[at : at + 32], at + 48
        terms = [(data[p : p + 32], *struct.unpack("<IIII", data[p + 32 : p + 48])) for p in range(at, at + 48 * count, 48)]
        at += 48 * count
        ranges = []
        if flags & (1 << 31):
            ranges = [data[p : p + 32] for p in range(at, at + 48 * count, 48)]
            at += 48 * count
        sha256 = None
        if flags & (1 << 30):
            sha256, at = data[at : at + 32], at + 48
        files.append({"hash": name, "flags": flags, "terms": terms, "ranges": ranges, "sha256": sha256})
    at += 48
    xorbs: list[dict[str, Any]] = []
    while data[at : at + 32] != b"\xff" * 32:
        flags, count, unpacked, on_disk = struct.unpack("<IIII", data[at + 32 : at + 48])
        name, at = data[at : at + 32], at + 48
        rows = [(data[p : p + 32], *struct.unpack("<IIII", data[p + 32 : p + 48])) for p in range(at, at + 48 * count, 48)]
        at += 48 * count
        xorbs.append({"hash": name, "flags": flags, "unpacked": unpacked, "on_disk": on_disk, "chunks": rows})
    return {"files": files, "xorbs": xorbs, "rest": data[at + 48 :]}


def make_dedup_shard(xorbs: Sequence[dict[str, Any]], key: bytes, now: int, expires: int) -> bytes:
    """Return the answer to a deduplication query."""
    out = TAG + struct.pack("<QQ", 2, 200) + BOOKEND
    start = len(out)
    for item in xorbs:
        out += item["hash"] + struct.pack("<IIII", item["flags"], len(item["chunks"]), item["unpacked"], item["on_disk"])
        for value, offset, size, flags, spare in item["chunks"]:
            out += (value if key == bytes(32) else keyed(key, value)) + struct.pack("<IIII", offset, size, flags, spare)
    out += BOOKEND
    end = len(out)
    out += struct.pack("<QQQ", 1, 48, start) + struct.pack("<6Q", end, 0, end, 0, end, 0) + key
    return out + struct.pack("<QQ", now, expires) + bytes(48) + struct.pack("<QQQ", 0, 0, 0) + struct.pack("<Q", end)
