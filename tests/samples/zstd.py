"""Zstandard streams, as the usual tools write them and as attackers may."""

from __future__ import annotations

import struct
import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def packed(data: bytes, level: int = 3, window: int | None = None) -> bytes:
    """Return a frame. window: how far it asks its reader to look back, as a power of two; else what the level takes."""
    chosen = zstd.CompressionParameter
    options: dict[int, int] = {int(chosen.compression_level): level} | ({int(chosen.window_log): window} if window else {})
    maker = zstd.ZstdCompressor(options=options)
    return maker.compress(data) + maker.flush()


def skipped(data: bytes, kind: int = 0) -> bytes:
    """Return a frame that readers pass over. kind: 0 to 15."""
    return struct.pack("<II", 0x184D2A50 + kind, len(data)) + data


def with_dictionary(data: bytes) -> bytes:
    """Return a frame that only a reader with the same dictionary can read."""
    samples = [b"hello world %d" % number * 20 for number in range(300)]
    return zstd.compress(data, zstd_dict=zstd.train_dict(samples, 1_000))
