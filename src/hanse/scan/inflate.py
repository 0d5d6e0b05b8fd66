"""Decompressed bytes as a source: random access over a stream that can only be read forwards, within the budget.

The first bytes are kept, the rest is made again when a reader goes back. What a decompressor makes is charged before it is used,
slow ones with a weight, so that a small file that unpacks to much ends early and at the same place everywhere.
"""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import lz4.frame

from hanse.scan.budget import MIB, Budget, OverBudget
from hanse.scan.source import SliceSource, Source

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FEED = 64 * 1024
MAKE = 256 * 1024
KEEP = 16 * MIB
SMALL = MAKE
TAIL = 68 * 1024
MEMORY = 96 * MIB
"""Most that an LZMA decoder may allocate, in bytes: the largest usual preset needs 65 MiB."""
ZSTD_WINDOW = 26
"""Most that a Zstandard decoder may look back, as a power of two: 64 MiB; level 22 and `--long` may ask for twice that."""
ZSTD_FRAME = b"\x28\xb5\x2f\xfd"
SKIPPABLE = tuple(bytes((0x50 | low, 0x2A, 0x4D, 0x18)) for low in range(16))
"""How frames begin that decoders of LZ4 and Zstandard pass over: seek tables, sizes."""


class Decoder(Protocol):
    """Makes bytes from compressed bytes, in the way of `bz2.BZ2Decompressor`."""

    @property
    def eof(self) -> bool:
        """Whether the stream ended."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether more compressed bytes are needed for more output."""
        ...

    @property
    def unused_data(self) -> bytes | None:
        """What came after the stream's end."""
        ...

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return at most `max_length` bytes."""
        ...


class _Zlib:
    """`zlib.decompressobj` in the way of the other decoders."""

    def __init__(self, bits: int) -> None:
        self._inner = zlib.decompressobj(bits)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class _Zstd:
    """`ZstdDecompressor` with a bound on memory; what asks for more, or for a dictionary, fails as a lack of memory."""

    def __init__(self) -> None:
        self._inner = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW})

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return self._inner.needs_input

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        try:
            return self._inner.decompress(data, max_length)
        except zstd.ZstdError as error:
            if "too much memory" in str(error) or "ictionary" in str(error):
                raise MemoryError from None
            raise ValueError(str(error)) from None


class _Copy:
    """A stored stream, for containers whose parts may be compressed or not."""

    eof = False
    needs_input = True
    unused_data = b""

    def decompress(self, data: bytes, _max_length: int) -> bytes:
        return data


@dataclass(frozen=True, slots=True)
class Codec:
    """How a stream is decompressed.

    weight: cost of a byte made, in bytes that zlib makes in that time; joins: how a stream begins that may follow.
    """

    name: str
    weight: int
    make: Callable[[], Decoder]
    joins: bytes | tuple[bytes, ...] = b""


def _raw_lzma(filters: list[dict[str, Any]]) -> Callable[[], Decoder]:
    return lambda: lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=filters)


STORED = Codec("stored", 1, _Copy)
DEFLATE = Codec("deflate", 1, lambda: _Zlib(-15))
ZLIB = Codec("zlib", 1, lambda: _Zlib(15))
GZIP = Codec("gzip", 1, lambda: _Zlib(31), b"\x1f\x8b")
BZIP2 = Codec("bzip2", 24, bz2.BZ2Decompressor, b"BZh")
XZ = Codec("xz", 4, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY), b"\xfd7zXZ\x00")
LZMA = Codec("lzma", 4, lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, MEMORY))
LZ4 = Codec("lz4", 1, lz4.frame.LZ4FrameDecompressor, b"\x04\x22\x4d\x18")
ZSTD = Codec("zstd", 1, _Zstd, (ZSTD_FRAME, *SKIPPABLE))


def lzma1(properties: bytes, before: dict[str, int] | None = None) -> Codec | None:
    """Return the codec of a raw LZMA stream with these five property bytes; None if they are wrong or ask for too much."""
    if len(properties) < 5 or properties[0] >= 225:
        return None
    rest, literal = divmod(properties[0], 9)
    position, low = divmod(rest, 5)
    dictionary = max(4096, int.from_bytes(properties[1:5], "little"))
    if literal + low > 4 or dictionary > MEMORY:
        return None
    filters = [{"id": lzma.FILTER_LZMA1, "lc": literal, "lp": low, "pb": position, "dict_size": dictionary}]
    return Codec("lzma", 4, _raw_lzma([before, *filters] if before else filters))


def lzma2(properties: bytes, before: dict[str, int] | None = None) -> Codec | None:
    """Return the codec of a raw LZMA2 stream with this property byte; None if it is wrong or asks for too much."""
    if len(properties) < 1 or properties[0] > 39:
        return None
    dictionary = (2 | properties[0] & 1) << (properties[0] // 2 + 11)
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": dictionary}]
    return Codec("lzma2", 4, _raw_lzma([before, *filters] if before else filters)) if dictionary <= MEMORY else None


def branch_filter(method: bytes, properties: bytes) -> dict[str, int] | None:
    """Return the filter that 7z calls `method` and that stands before LZMA; None if it is unknown."""
    if method == b"\x03" and len(properties) == 1:
        return {"id": lzma.FILTER_DELTA, "dist": properties[0] + 1}
    kinds = {
        b"\x03\x03\x01\x03": lzma.FILTER_X86,
        b"\x04": lzma.FILTER_X86,
        b"\x03\x03\x05\x01": lzma.FILTER_ARM,
        b"\x03\x03\x07\x01": lzma.FILTER_ARMTHUMB,
        b"\x03\x03\x02\x05": lzma.FILTER_POWERPC,
        b"\x03\x03\x08\x05": lzma.FILTER_SPARC,
    }
    return {"id": kinds[method]} if method in kinds else None


MADE_PER_OPERATION = 48
"""Bytes that zlib makes in the time of one operation: what unpacks to much leaves less time for reading what comes out."""


class Stream:
    """One way through a compressed source. defect: what ended it early, such as `truncated`; consumed: compressed bytes taken."""

    def __init__(self, source: Source, codec: Codec, budget: Budget) -> None:
        self._source = source
        self._codec = codec
        self._budget = budget
        self._decoder = codec.make()
        self._taken = 0
        self._unused = b""
        self._streams = 1
        self.ended = False
        self.defect: str | None = None
        self.trailing = 0

    def read(self) -> bytes:
        """Return the next piece, at most MAKE bytes and charged; nothing at the end. Raises OverBudget."""
        while not self.ended:
            try:
                made = self._make()
            except MemoryError:
                return self._end("dictionary")
            except lzma.LZMAError as error:
                return self._end("dictionary" if "emory" in str(error) else "corrupt")
            except (zlib.error, OSError, ValueError, EOFError, RuntimeError):
                return self._end("corrupt")
            if made:
                cost = len(made) * self._codec.weight
                self._budget.spend("inflated", cost)
                self._budget.spend("operations", cost // MADE_PER_OPERATION)
                return made
        return b""

    def _end(self, defect: str | None) -> bytes:
        self.ended = True
        self.defect = self.defect or defect
        return b""

    def _make(self) -> bytes:
        if self._decoder.eof:
            return self._next_stream()
        data = b""
        if self._decoder.needs_input:
            data = self._input()
            if not data:
                return self._flush()
        return self._decoder.decompress(data, MAKE)

    def _flush(self) -> bytes:
        """Return what the decoder still has when there is no more input; with nothing left, the stream was cut or had no end."""
        made = self._decoder.decompress(b"", MAKE)
        if made or self._decoder.eof:
            return made
        return self._end(None if self._codec is STORED else "truncated")

    def _input(self) -> bytes:
        self._budget.spend("operations", 8)
        if self._unused:
            data, self._unused = self._unused, b""
            return data
        data = self._source.read_at(self._taken, FEED)
        self._taken += len(data)
        return data

    def _next_stream(self) -> bytes:
        """Go on with a stream behind this one, as the readers do that join them; anything else ends it."""
        unused = bytes(self._decoder.unused_data or b"")
        after = self._source.size - self._taken + len(unused)
        if after and self._codec.joins:
            rest = unused if len(unused) >= 16 else unused + self._source.read_at(self._taken, 16)
            if rest.startswith(self._codec.joins):
                # Work per stream is charged, or a file of empty streams would be free.
                self._budget.spend("operations", 200)
                self._unused, self._decoder = unused, self._codec.make()
                return b""
        self.trailing = after
        return self._end(None)


class InflatedSource:
    """What a compressed source unpacks to.

    size: as declared by its container, else as measured; over: the budget that ended the measuring, None if it reached the end.
    """

    def __init__(self, source: Source, codec: Codec, budget: Budget, size: int | None = None) -> None:
        self._make: Callable[[], Stream] = lambda: Stream(source, codec, budget)
        self._stream = self._make()
        self._at = 0
        self._kept = bytearray()
        self._window = bytearray()
        self._tail = b""
        self.over: str | None = None
        self.size = self._measure() if size is None else size
        if size is not None and size <= SMALL:
            # What is small is made at once, so that a stream that ends early has the size that it really has.
            self.size = len(self.read_at(0, size))

    @property
    def defect(self) -> str | None:
        """What ended the stream early, as far as it was read."""
        return self._stream.defect

    @property
    def trailing(self) -> int:
        """Bytes behind the compressed stream, once it was read to its end."""
        return self._stream.trailing

    def _measure(self) -> int:
        """Read all once; where the budget ends, what was made by then is the source and `over` says why."""
        try:
            while self._advance():
                pass
        except OverBudget as error:
            self.over = error.resource
        if self._at > len(self._kept):
            self._tail = bytes(self._window[-TAIL:])
        return self._at

    def _advance(self) -> bool:
        """Make the next piece: it is kept if it belongs to the first bytes, else put into the window that ends at `_at`."""
        piece = self._stream.read()
        if self._at == len(self._kept) and self._at < KEEP:
            self._kept += piece
        else:
            self._window += piece
            if len(self._window) > 8 * MAKE:
                del self._window[: 4 * MAKE]
        self._at += len(piece)
        return bool(piece)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; raises OverBudget."""
        end = min(offset + length, self.size)
        if offset < 0 or end <= offset:
            return b""
        first = self.size - len(self._tail)
        if offset >= first:
            return self._tail[offset - first : end - first]
        while len(self._kept) < min(end, KEEP) and self._at == len(self._kept):
            if not self._advance():
                break
        head = bytes(self._kept[offset:end])
        return head if offset + len(head) == end else head + self._far(offset + len(head), end)

    def _far(self, offset: int, end: int) -> bytes:
        """Read beyond what is kept: from the window, forwards, or once more from the start."""
        if offset < self._at - len(self._window):
            self._stream, self._at, self._window = self._make(), 0, bytearray()
        parts = []
        while offset < end:
            start = self._at - len(self._window)
            if start <= offset < self._at:
                part = bytes(self._window[offset - start : end - start])
                parts.append(part)
                offset += len(part)
            elif not self._advance():
                break
        return b"".join(parts)


def is_stream(source: Source) -> bool:
    """Tell whether reading backwards in this source means decompressing again."""
    while isinstance(source, SliceSource):
        source = source.parent
    return isinstance(source, InflatedSource)
