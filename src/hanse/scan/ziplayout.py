"""Where the parts of a zip archive lie: overlaps, and bytes that no directory accounts for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hanse.scan.budget import Budget
from hanse.scan.source import PIECE, Source, pieces
from hanse.scan.zipread import DESCRIPTOR, LOCAL_MAGIC, Directory, End, Header, descriptor_length, read_local

Span = tuple[int, int]
SIGNING_MAGIC = b"APK Sig Block 42"
MAX_HIDDEN = 256


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes [start, end) that belong to nothing. place: `front`, `between` or `behind`."""

    start: int
    end: int
    place: str


def span_of(source: Source, entry: Header, local: Header) -> Span:
    """Return where a member lies, from its local header to the end of its data and data descriptor."""
    end = local.start + entry.packed
    if (local.flags | entry.flags) & DESCRIPTOR:
        end += descriptor_length(source, end, entry.crc, entry.packed)
    return (local.at, min(end, source.size))


def record_spans(source: Source, ends: list[End], found: list[Directory]) -> list[Span]:
    """Return where the directories and the records behind them lie."""
    spans = [(one.start, min(one.start + one.size, source.size)) for one in found]
    for end in ends:
        spans.append((end.at, min(end.at + 22 + end.comment, source.size)))
        if source.read_at(end.at - 20, 4) == b"PK\x06\x07":
            where = int.from_bytes(source.read_at(end.at - 12, 8), "little")
            behind = end.at - 76
            for start in {where, behind}:
                if source.read_at(start, 4) == b"PK\x06\x06":
                    length = int.from_bytes(source.read_at(start + 4, 8), "little") + 12
                    spans.append((start, min(start + length, source.size)))
            spans.append((end.at - 20, end.at))
    return spans


def overlaps(spans: list[Span]) -> Iterator[Span]:
    """Yield the (start, end) of members that begin inside another one."""
    reached = -1
    for start, end in sorted(spans):
        if start < reached:
            yield (start, end)
        reached = max(reached, end)


def gaps(spans: list[Span], size: int) -> Iterator[Gap]:
    """Yield what the spans leave out of a file of `size` bytes."""
    reached = 0
    for start, end in [*sorted(spans), (size, size)]:
        if start > reached:
            place = "front" if not reached else "behind" if start == size else "between"
            yield Gap(reached, start, place)
        reached = max(reached, end)


def is_padding(source: Source, gap: Gap, budget: Budget) -> bool:
    """Tell whether a gap holds nothing: zeros, or the signing block that Android puts before the directory."""
    if gap.end - gap.start > 32 and source.read_at(gap.end - 16, 16) == SIGNING_MAGIC:
        return True
    for piece in pieces(source, gap.start, min(gap.end, gap.start + PIECE)):
        budget.spend("operations", len(piece) // 64 + 1)
        if piece.count(0) != len(piece):
            return False
    return gap.end - gap.start <= PIECE


def hidden(source: Source, gap: Gap, budget: Budget) -> Iterator[Header]:
    """Yield the members that a reader finds in a gap when it goes from local header to local header."""
    at = gap.start
    for _ in range(MAX_HIDDEN):
        budget.spend("operations", 200)
        local = read_local(source, at) if at < gap.end else None
        if local is None:
            return
        yield local
        if local.flags & DESCRIPTOR and not local.packed:
            at = _next_local(source, local.start, gap.end, budget)
        else:
            at = local.start + local.packed
            if local.flags & DESCRIPTOR:
                at += descriptor_length(source, at, local.crc, local.packed)


def _next_local(source: Source, at: int, end: int, budget: Budget) -> int:
    """Return where the next local header is, for members that do not say how long they are."""
    for start in range(at, end, PIECE):
        piece = source.read_at(start, min(PIECE + 3, end - start))
        budget.spend("operations", len(piece) // 64 + 1)
        found = piece.find(LOCAL_MAGIC)
        if found >= 0:
            return start + found
    return end
