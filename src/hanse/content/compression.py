"""How the payload of a chunk is compressed in a xorb: as it is, LZ4 frame, or byte-grouped LZ4 frame (hub-api.md B.6).

Decompression never trusts a declared size: the output is capped before its first byte is produced.
"""

from __future__ import annotations

from enum import IntEnum

import lz4.frame
import numpy as np

from hanse.errors import BadFormat


class Scheme(IntEnum):
    """The scheme byte of a chunk header."""

    NONE = 0
    LZ4 = 1
    BG4_LZ4 = 2


def bg4_split(data: bytes | memoryview) -> bytes:
    """Return `data` regrouped: all bytes at positions 0 mod 4, then 1, 2 and 3 mod 4."""
    whole = len(data) // 4 * 4
    rows = np.frombuffer(data, dtype=np.uint8, count=whole).reshape(-1, 4).T
    tail = bytes(data[whole:])
    if not tail:
        return rows.tobytes()
    return b"".join(rows[at].tobytes() + tail[at : at + 1] for at in range(4))


def bg4_join(data: bytes | memoryview) -> bytes:
    """Undo `bg4_split`."""
    source = np.frombuffer(data, dtype=np.uint8)
    quarter, rest = divmod(len(data), 4)
    words = np.zeros(quarter, dtype="<u4")
    tail = bytearray()
    start = 0
    for group in range(4):
        end = start + quarter
        words |= source[start:end].astype(np.uint32) << np.uint32(8 * group)
        if group < rest:
            tail.append(source[end])
            end += 1
        start = end
    return words.tobytes() + tail


def compress(data: bytes | memoryview, scheme: Scheme) -> bytes:
    """Return the payload of a chunk whose raw bytes are `data`."""
    if scheme is Scheme.NONE:
        return bytes(data)
    grouped = bg4_split(data) if scheme is Scheme.BG4_LZ4 else data
    return bytes(lz4.frame.compress(grouped, block_size=lz4.frame.BLOCKSIZE_MAX256KB, block_linked=False, store_size=False))


def compress_best(data: bytes | memoryview) -> tuple[Scheme, bytes]:
    """Return the scheme with the smallest payload, and that payload; the simpler one where they are equal."""
    best = Scheme.NONE, bytes(data)
    for scheme in (Scheme.LZ4, Scheme.BG4_LZ4):
        payload = compress(data, scheme)
        if len(payload) < len(best[1]):
            best = scheme, payload
    return best


def decompress(payload: bytes | bytearray | memoryview, scheme: Scheme, length: int) -> bytes:
    """Return the raw bytes of a chunk of declared raw `length`.

    At most `length` + 1 bytes are ever produced. Raises BadFormat unless the payload is exactly one whole frame (or, without
    compression, exactly the raw bytes) of that length.
    """
    if scheme is Scheme.NONE:
        raw = bytes(payload)
    else:
        frame = lz4.frame.LZ4FrameDecompressor()
        try:
            raw = frame.decompress(payload, max_length=length + 1)
        except RuntimeError as error:
            raise BadFormat(f"a chunk's LZ4 frame is damaged: {error}") from error
        if not frame.eof or frame.unused_data:
            raise BadFormat(
                f"a chunk must be one whole LZ4 frame of {length} raw bytes; it is cut short, too long or followed by data"
            )
    if len(raw) != length:
        raise BadFormat(f"a chunk declares {length} raw bytes and has {len(raw)}")
    return bg4_join(raw) if scheme is Scheme.BG4_LZ4 else raw
