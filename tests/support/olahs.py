"""Stores of olah mirrors, written after olah's description of its format."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

REV = "c" * 40


def write_file(
    store: Path,
    path: str,
    data: bytes,
    *,
    block: int = 1000,
    algorithm: int = 0,
    etag: str = "d" * 64,
    repo: str = "org/model",
    rev: str = REV,
) -> Path:
    """Write a file into a store as olah does, in blocks of so many bytes, and return its folder."""
    folder = store / "files" / "models" / repo / "resolve" / rev / path
    (folder / "blocks").mkdir(parents=True)
    said = f'"{etag}"'.encode()
    length = 43 + len(said) + 8
    head = struct.pack("<4sHHIQQBIH8s", b"OLAH", 10, 1, length, block, len(data), algorithm, 1 << 20, len(said), bytes(8))
    body = head + said + struct.pack("<I", 0)
    (folder / "meta.bin").write_bytes(body + struct.pack("<I", zlib.crc32(body)))
    for number, at in enumerate(range(0, len(data), block)):
        (folder / "blocks" / f"block_{number:08}.bin").write_bytes(data[at : at + block])
    return folder
