"""Compressed streams (gzip, bzip2, xz, lzma, zlib, lz4, zstd) and what is inside."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.budget import Budget
from hanse.scan.facts import View
from hanse.scan.formats import Context, Format
from hanse.scan.inflate import (
    BZIP2,
    FEED,
    GZIP,
    LZ4,
    LZMA,
    SKIPPABLE,
    XZ,
    ZLIB,
    ZSTD,
    ZSTD_FRAME,
    Codec,
    InflatedSource,
    Stream,
)
from hanse.scan.ruleset import Hit
from hanse.scan.source import BytesSource, SliceSource, Source, pieces
from hanse.scan.walk import ViewBuilder, Walk, join

OLD_JOBLIB = b"ZF"
CONTENT = "content"
"""Name of what a stream unpacks to, as a member."""
PROBE = 512


def codec_of(head: bytes, source: Source) -> Codec | None:
    """Return how a stream is compressed, by its first bytes; the kinds without a magic number are tried."""
    if head.startswith(b"\x1f\x8b\x08"):
        return GZIP
    if head.startswith(b"BZh") and head[3:4] in b"123456789" and head[4:10] in {b"1AY&SY", b"\x17rE8P\x90"}:
        return BZIP2
    if head.startswith(b"\xfd7zXZ\x00"):
        return XZ
    if head.startswith(b"\x04\x22\x4d\x18"):
        return LZ4
    if head.startswith(ZSTD_FRAME) or (head.startswith(SKIPPABLE) and _skips_to_zstd(head, source)):
        return ZSTD
    if len(head) > 2 and head[0] == 0x78 and not (head[0] << 8 | head[1]) % 31 and not head[1] & 0x20:
        return ZLIB if _makes_something(source, ZLIB) else None
    if head[:3] == b"\x5d\x00\x00" and len(head) > 13 and (head[5:13] == b"\xff" * 8 or not any(head[10:13])):
        return LZMA if _makes_something(source, LZMA) else None
    return None


def _skips_to_zstd(head: bytes, source: Source) -> bool:
    """Tell whether a frame of Zstandard follows the one that is passed over."""
    return len(head) >= 8 and source.read_at(8 + int.from_bytes(head[4:8], "little"), 4) == ZSTD_FRAME


def _makes_something(source: Source, codec: Codec) -> bool:
    """Tell whether a stream without a magic number decompresses: random bytes that look like a header rarely do for long."""
    probe = Stream(BytesSource(source.read_at(0, FEED)), codec, Budget({"inflated": 1 << 30, "operations": 1 << 30}))
    made = probe.read()
    return len(made) >= PROBE or (bool(made) and probe.read() == b"" and probe.defect is None)


def claims(head: bytes, source: Source) -> bool:
    """Tell whether this could be a compressed stream."""
    return head.startswith(OLD_JOBLIB + b"0x") or codec_of(head, source) is not None


def observe(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Decompress within the budget and read what is inside; broken streams are read as far as they go, as loaders do."""
    head = source.read_at(0, 16)
    if head.startswith(OLD_JOBLIB):
        _old_joblib(source, view, walk)
        return
    codec = codec_of(head, source)
    if codec is None:  # what only began like a stream when it was asked
        view.stop("compression")
        return
    view.see("codec", 0, name=codec.name)
    _inside(InflatedSource(source, codec, walk.budget), source, view, walk)


def _inside(found: InflatedSource, source: Source, view: ViewBuilder, walk: Walk) -> None:
    if found.size:
        walk.descend(found, join(view.member, CONTENT))
    view.see("sizes", unpacked=found.size, packed=source.size, whole=found.over is None)
    if found.over:
        view.stop(found.over)
    elif found.defect == "dictionary":
        view.stop("dictionary")
    elif found.defect:
        view.see("malformed", found.size, reason=f"the stream is {found.defect}")
    elif found.trailing:
        start = source.size - found.trailing
        if any(piece.count(0) != len(piece) for piece in pieces(source, start)):
            view.see("trailing", start, size=found.trailing)
            walk.descend(SliceSource(source, start, found.trailing), join(view.member, f"bytes at {start}"))


def _old_joblib(source: Source, view: ViewBuilder, walk: Walk) -> None:
    """Read the container of joblib before 0.10: `ZF`, the length in hexadecimal, then a zlib stream."""
    head = source.read_at(0, 40)
    at = next((place for place in (21, 19, 13, 11) if head[place : place + 1] == b"\x78"), None)
    if at is None:
        view.stop("compression")
        return
    view.see("codec", 0, name="joblib-zf")
    inner = SliceSource(source, at, source.size - at)
    _inside(InflatedSource(inner, ZLIB, walk.budget), inner, view, walk)


def judge(view: View, context: Context) -> Iterator[Hit]:
    """Yield the rules that apply to a view."""
    for one in view.all("compressed.malformed"):
        yield Hit(
            "COMPRESSED-MALFORMED" if one.at else "COMPRESSED-UNREADABLE", view.member, one.at, words={**one.data, "at": one.at}
        )
    for one in view.all("compressed.trailing"):
        yield Hit("COMPRESSED-TRAILING", view.member, one.at, words=dict(one.data))
    limits = context.rules.data.get("archive", {})
    for one in view.all("compressed.sizes"):
        unpacked, packed = int(one.data["unpacked"]), max(1, int(one.data["packed"]))
        if not one.data["whole"] and unpacked // packed >= int(limits.get("bomb_ratio", 200)):
            words = {"unpacked": unpacked, "packed": packed, "ratio": unpacked // packed}
            yield Hit("ARCHIVE-BOMB", view.member, words=words)


FORMATS = (Format("compressed", True, judge, claims, observe),)
